"""What is written to people when something happens elsewhere."""

import asyncio

import pytest

from tests.kit.clock import FakeClock
from tests.tollway.services.notifications.conftest import FakeMailer
from tollway.contracts.events import (
    DepositCredited,
    DepositGivenBack,
    DepositTakenBack,
    EmailVerified,
    Event,
    OrderFilled,
    SessionRevoked,
    UserRegistered,
    UserStateChanged,
)
from tollway.fabric.db import Database
from tollway.fabric.events import bind
from tollway.fabric.jobs import Worker
from tollway.services.notifications import store, subscribers
from tollway.services.notifications.manifest import MANIFEST
from tollway.services.notifications.service import Letter, Notifications

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)

REGISTERED = UserRegistered(user_id="usr_1", email="ada@example.com")
VERIFIED = EmailVerified(user_id="usr_1", email="ada@example.com")
DEPOSIT = DepositCredited(deposit_id="dep_1", user_id="usr_1", currency="USD", amount=20_000_000)
FILLED = OrderFilled(
    order_id="ord_1",
    user_id="usr_1",
    asset="bandwidth.residential.standard",
    quantity=10**9,
    currency="USD",
    price=3_500_000,
)


class Ears:
    """Gives events to the service as the bus would."""

    def __init__(self, service: Notifications, db: Database, worker: Worker, clock: FakeClock) -> None:
        self._service, self._db, self._worker, self._clock = service, db, worker, clock

    async def hear(self, *events: Event) -> None:
        for event in events:
            async with self._db.transaction() as tx:
                await SUBSCRIBERS[type(event)](self._service, tx, event)

    async def work(self) -> None:
        while await self._worker.run_due():
            await asyncio.sleep(0)


@pytest.fixture
def ears(service: Notifications, db: Database, worker: Worker, clock: FakeClock) -> Ears:
    return Ears(service, db, worker, clock)


async def test_a_new_customer_is_welcomed_and_gets_receipts(ears: Ears, mailer: FakeMailer) -> None:
    await ears.hear(REGISTERED)
    await ears.work()
    assert mailer.sent == []
    await ears.hear(VERIFIED, DEPOSIT, FILLED)
    await ears.work()
    by_subject = {message["Subject"]: message.get_body(("plain",)).get_content() for message in mailer.sent}
    assert set(by_subject) == {
        "Your account is ready",
        "Your deposit of 20.00 USD has arrived",
        "Your purchase: 1 GB of residential standard bandwidth",
    }
    assert "https://tollway.example" in by_subject["Your account is ready"]
    assert "dep_1" in by_subject["Your deposit of 20.00 USD has arrived"]
    assert "3.50 USD" in by_subject["Your purchase: 1 GB of residential standard bandwidth"]


async def test_a_refresh_token_used_twice_is_warned_of(ears: Ears, mailer: FakeMailer) -> None:
    stolen = SessionRevoked(session_id="ses_1", user_id="usr_1", reason="refresh_token_reused")
    left = SessionRevoked(session_id="ses_2", user_id="usr_1", reason="logout")
    await ears.hear(REGISTERED, stolen, stolen, left)
    await ears.work()
    (message,) = mailer.sent
    assert message["Subject"] == "We ended a session of yours"
    assert "https://tollway.example/login" in message.get_body(("plain",)).get_content()


async def test_money_that_goes_back_to_the_card_is_told_of(ears: Ears, mailer: FakeMailer) -> None:
    about = {"deposit_id": "dep_1", "user_id": "usr_1", "currency": "USD", "amount": 20_000_000}
    taken = [
        DepositTakenBack(**about, kind="refund", ref="re_1", covered=6_000_000),
        DepositTakenBack(**about, kind="chargeback", ref="dp_1", covered=0),
        DepositGivenBack(**about, kind="refund", ref="re_1", covered=6_000_000),
        # Nothing of it had been the customer's: it is no news to them.
        DepositGivenBack(**about, kind="chargeback", ref="dp_1", covered=0),
    ]
    await ears.hear(REGISTERED, *taken, *taken)
    await ears.work()
    assert {message["Subject"] for message in mailer.sent} == {
        "Your refund of 20.00 USD",
        "Your bank has taken back 20.00 USD",
        "6.00 USD are back in your wallet",
    }


async def test_the_same_event_twice_is_one_message(ears: Ears, mailer: FakeMailer) -> None:
    await ears.hear(VERIFIED, VERIFIED, DEPOSIT, DEPOSIT)
    await ears.work()
    assert len(mailer.sent) == 2


async def test_a_receipt_waits_for_an_address_that_is_announced_later(
    ears: Ears, mailer: FakeMailer, clock: FakeClock
) -> None:
    await ears.hear(DEPOSIT)
    await ears.work()
    assert mailer.sent == []
    await ears.hear(REGISTERED)
    clock.advance(60)
    await ears.work()
    assert [message["To"] for message in mailer.sent] == ["ada@example.com"]


async def test_who_has_left_is_forgotten(ears: Ears, service: Notifications, db: Database) -> None:
    await ears.hear(VERIFIED)
    await ears.work()
    await service.change_preferences("usr_1", {"product": False})
    gone = UserStateChanged(user_id="usr_1", state="deleted", reason="asked", actor="usr_1")
    await ears.hear(gone.model_copy(update={"state": "suspended"}))
    async with db.snapshot() as tx:
        assert await store.address_of(tx, "usr_1") == "ada@example.com"
    await ears.hear(gone)
    async with db.snapshot() as tx:
        assert await store.address_of(tx, "usr_1") == ""
        assert await store.preferences_of(tx, "usr_1") == {}
    (email,) = (await service.messages_of("usr_1")).items
    assert (email.address, email.subject) == ("", "")


async def test_an_old_announcement_does_not_unverify(
    ears: Ears, service: Notifications, db: Database
) -> None:
    await ears.hear(VERIFIED, REGISTERED)
    async with db.snapshot() as tx:
        row = await tx.first(store.recipient.select())
    assert row is not None
    assert row.verified is True
    await service.send_email(Letter("k", "welcome", {}, "usr_1"), "ada@example.com")
