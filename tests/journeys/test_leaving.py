"""Somebody uses everything and leaves: what services need stays under their id, and nothing that says who they were."""

import io
import zipfile
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.services import AllServices, all_services
from tollway.contracts.books import AVAILABLE, PLATFORM, USER
from tollway.contracts.clients import PROGRAM
from tollway.contracts.errors import DeletionBlocked
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.store import tables as access_tables
from tollway.services.identity.model import SignInClient
from tollway.services.ledger.model.posting import Leg, Posting
from tollway.services.ledger.model.values import AccountRef, LegKind
from tollway.services.ledger.service.leaving import forfeit
from tollway.services.payments.model import DepositState
from tollway.services.payments.store import debts, deposits
from tollway.services.payments.store import tables as payment_tables

PASSWORD = "correct horse battery"
DAY_S = 86_400
STANDARD = "bandwidth.datacenter.standard"


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
    await services.orders.market.place(user_id, STANDARD, 1_000_000_000, "USD", None, person.key)
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


async def ask(services: AllServices, user_id: str, *, forfeit: bool = False) -> None:
    await services.identity.leaving.begin(user_id, "ses_1", PASSWORD, SignInClient(), forfeit=forfeit)
    await services.settle()


async def leave(services: AllServices, user_id: str) -> None:
    """Leave, giving up what is left, and let the time pass after which the plumbing is pruned."""
    await ask(services, user_id, forfeit=True)
    assert (await services.access.usage.status(user_id)).suspended, "accesses end at once"
    services.clock.advance(14 * DAY_S)
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
        assert (await services.identity.accounts.get(ann)).state == "deleted"
        # Time has passed for bob too, but nothing of his was erased.
        assert len(await services.payments.methods.list(bob)) == 1
        for trace in (BOB.address, BOB.name, BOB.away, BOB.target, BOB.label, BOB.key):
            lost = {place for place in of_bob[trace] - services.places_of(trace) if ".outbox." not in place}
            assert lost <= {"payments.webhook_event.body"}, trace


@pytest.mark.timeout(240)
async def test_the_export_of_ones_data_holds_what_each_service_knows_and_nothing_of_anybody_else(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with all_services(tmp_path, clock) as services:
        ann, bob = await use_everything(services, ANN), await use_everything(services, BOB)
        asked = await services.users.exports.request(ann)
        await services.settle()
        _, pieces = await services.users.exports.open(ann, asked.id)
        data = b"".join([piece async for piece in pieces])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
        assert "Your data is ready" in services.mails(ANN.address)[-1]
        everything = "\n".join(files.values())
        for trace in (ANN.address, ANN.name, ANN.home, ANN.browser, ANN.away, ANN.target, ANN.label):
            assert trace in everything, trace
        for trace in (*astuple(BOB), bob):
            assert trace not in everything, trace
        folders = {name.partition("/")[0] for name in files} - {"README.txt"}
        assert folders == {
            "access", "audit", "identity", "ledger", "notifications", "orders", "payments", "tokens", "users",
        }  # fmt: skip
        for secret in ("password_hash", "secret_sha256", "cookie_hash", "$argon2"):
            assert secret not in everything, secret
        assert "50000000" in files["ledger/received.json"]
        assert all(
            f"{name.removesuffix('.csv')}:" in files["README.txt"] for name in files if name.endswith(".csv")
        )


async def what_blocks(services: AllServices, user_id: str, *, forfeit: bool = False) -> dict[str, str]:
    """Ask to leave, be refused, and return what stands in the way, by kind."""
    with pytest.raises(DeletionBlocked) as refused:
        await ask(services, user_id, forfeit=forfeit)
    return {one["kind"]: one["asset"] for one in refused.value.extra["obstacles"]}


async def hold(services: AllServices, user_id: str, *legs: Leg) -> None:
    key = f"{legs[0].kind}:{user_id}"
    await services.ledger.submit(Posting("test", key, "hold", legs, actor=user_id))


@pytest.mark.timeout(240)
async def test_what_somebody_holds_or_owes_stands_in_their_way(tmp_path: Path, clock: FakeClock) -> None:
    async with all_services(tmp_path, clock) as services:
        ann = await services.customer(ANN.address)
        await services.payments.corrections.correct(ann, "USD", 50_000_000, "hello", "usr_operator", "c1")
        assert await what_blocks(services, ann) == {"balance": "USD"}
        await services.orders.quotes.offer(ann, STANDARD, 1_000_000_000, "USD")
        assert await what_blocks(services, ann, forfeit=True) == {"quote": ""}
        clock.advance(DAY_S)
        wallet, deferred = (
            AccountRef(USER, ann, "USD", AVAILABLE),
            AccountRef(PLATFORM, "orders", "USD", "deferred"),
        )
        await hold(services, ann, Leg(LegKind.HOLD, wallet, deferred, 7, "hld_1"))
        assert await what_blocks(services, ann, forfeit=True) == {"hold": "USD"}
        await hold(services, ann, Leg(LegKind.RELEASE, None, None, 0, "hld_1"))
        deposit = await services.payments.deposits.start(ann, "d1", "USD", 20_000_000, "")
        assert await what_blocks(services, ann, forfeit=True) == {"deposit": "USD"}
        payments = services.databases["payments"]
        async with payments.transaction() as tx:
            await deposits.move_deposit(tx, deposit, DepositState.FAILED)
            await debts.add_owed(tx, ann, "USD", 3_000_000)
        assert await what_blocks(services, ann, forfeit=True) == {"debt": "USD"}
        async with payments.transaction() as tx:
            await debts.take_owed(tx, ann, "USD", 3_000_000)
        await ask(services, ann, forfeit=True)


@pytest.mark.timeout(240)
async def test_what_was_given_up_is_booked_by_a_transaction_of_its_own_kind(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with all_services(tmp_path, clock) as services:
        ann = await services.customer(ANN.address)
        await services.payments.corrections.correct(ann, "USD", 50_000_000, "hello", "usr_operator", "c1")
        order = await services.orders.market.place(ann, STANDARD, 1_000_000_000, "USD", None, "k")
        paid = order.terms.price + order.terms.fee
        await ask(services, ann, forfeit=True)
        clock.advance(14 * DAY_S)
        await services.settle()
        left = {account.ref.asset: account.balance for account in await services.ledger.accounts(USER, ann)}
        assert {"USD", STANDARD} <= left.keys()
        assert set(left.values()) == {0}

        async def platform(service: str, purpose: str, asset: str = "USD") -> int:
            return (
                await services.ledger.account_named(AccountRef(PLATFORM, service, asset, purpose))
            ).balance

        assert await platform("ledger", "forfeited") == 50_000_000 - paid
        assert await platform("ledger", "expired", STANDARD) == 1_000_000_000
        assert await platform("orders", "breakage") == order.terms.price
        assert await platform("orders", "deferred") == 0
        await forfeit(services.ledger, ann)
        assert await platform("ledger", "forfeited") == 50_000_000 - paid, "a repeat takes nothing"
        await services.ledger.seal()
        assert (await services.ledger.verify()).findings == ()
