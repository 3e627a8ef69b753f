"""Somebody uses everything and leaves: what services need stays under their id, and nothing that says who they were."""

from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.services import AllServices, all_services
from tollway.contracts.clients import PROGRAM
from tollway.contracts.events import UserDeleted
from tollway.fabric.user_data import erase
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.store import tables as access_tables
from tollway.services.identity.model import SignInClient
from tollway.services.identity.user_data import USER_TABLES
from tollway.services.payments.store import tables as payment_tables

PASSWORD = "correct horse battery"
DAY_S = 86_400


@dataclass(frozen=True)
class Person:
    """All that says who somebody is, or where they were."""

    address: str
    name: str
    home: str
    browser: str
    away: str
    target: str
    label: str
    key: str


ANN = Person(
    "ann.secret@example.com", "Annabel", "203.0.113.77", "AnnBrowser", "203.0.113.78", "ann-reads.example",
    "ann's laptop", "anns-key",
)  # fmt: skip
BOB = Person(
    "bob.other@example.com", "Bobby", "198.51.100.7", "BobBrowser", "198.51.100.8", "bob-reads.example",
    "bob's desktop", "bobs-key",
)  # fmt: skip
# What the audit trail seals stays: network addresses and browsers of sign-ins, as evidence.
SEALED = {ANN.home: {"audit.entry.data"}, ANN.browser: {"audit.entry.data"}}


async def use_everything(services: AllServices, person: Person) -> str:
    """Sign in, say a name, get money, buy, connect, be connected, keep a card; return the customer's id."""
    user_id = await services.customer(person.address)
    client = SignInClient(person.home, person.browser)
    await services.identity.signin.with_password(person.address, PASSWORD, PROGRAM, client)
    await services.users.change(user_id, {"display_name": person.name, "preferences": {"note": person.name}})
    await services.notifications.change_preferences(user_id, {"product": False})
    await services.payments.corrections.correct(
        user_id, "USD", 50_000_000, "hello", "usr_operator", f"c{user_id}"
    )
    await services.settle()
    await services.orders.market.place(
        user_id, "bandwidth.datacenter.standard", 1_000_000_000, "USD", None, person.key
    )
    await services.payments.methods.save(user_id, "pm_card_visa")
    (issued, _) = await services.access.resources.connect(user_id, ConnectRequest(label=person.label))
    async with services.databases["access"].transaction() as tx:
        flow = {column.name: 0 for column in access_tables.flow.columns} | {
            "session_id": f"flow-{user_id}",
            "resource_id": issued.resource.id,
            "user_id": user_id,
            "asset": issued.resource.asset,
            "credential_id": issued.credential.id,
            "node": "edge-1",
            "boot_id": "boot-1",
            "protocol": "http",
            "client_address": person.away,
            "target": f"{person.target}:443",
            "input_octets": 7,
            "stopped": True,
            "terminate_cause": "User-Request",
            "started_at_us": tx.now_us,
        }
        await tx.run(access_tables.flow.insert().values(flow))
    async with services.databases["payments"].transaction() as tx:
        row = await tx.first(
            payment_tables.customer.select().where(payment_tables.customer.c.user_id == user_id)
        )
        assert row is not None
        webhook = {
            "provider": row.provider,
            "event_id": f"evt_{user_id}",
            "kind": "other",
            "outcome": "ignored",
        }
        body = f'{{"customer": "{row.ref}", "email": "{person.address}"}}'
        await tx.run(
            payment_tables.webhook_event.insert().values(**webhook, body=body, created_at_us=tx.now_us)
        )
    await services.settle()
    return user_id


async def leave(services: AllServices, user_id: str) -> None:
    """Leave for good, and let the time pass after which the plumbing is pruned."""
    await services.publish(UserDeleted(user_id=user_id, reason="asked"))
    await erase(services.databases["identity"], USER_TABLES, user_id)
    await services.settle()
    services.clock.advance(100 * DAY_S)
    await services.prune()
    await services.settle()


@pytest.mark.timeout(240)
async def test_when_somebody_has_left_no_table_knows_who_they_were(tmp_path: Path, clock: FakeClock) -> None:
    async with all_services(tmp_path, clock) as services:
        ann, bob = await use_everything(services, ANN), await use_everything(services, BOB)
        for trace in astuple(ANN):
            assert services.places_of(trace), f"the test left no {trace}"
        of_bob = {trace: services.places_of(trace) for trace in astuple(BOB)}
        await leave(services, ann)
        for trace in astuple(ANN):
            assert services.places_of(trace) <= SEALED.get(trace, set()), trace
        assert services.places_of(ann) >= {
            "ledger.account.owner_id", "orders.orders.user_id", "access.flow.user_id", "audit.entry.subject",
        }  # fmt: skip
        assert await services.payments.methods.list(ann) == []
        # Time has passed for bob too, but nothing of his was erased.
        assert len(await services.payments.methods.list(bob)) == 1
        for trace in (BOB.address, BOB.name, BOB.away, BOB.target, BOB.label, BOB.key):
            lost = {place for place in of_bob[trace] - services.places_of(trace) if ".outbox." not in place}
            assert lost <= {"payments.webhook_event.body"}, trace
