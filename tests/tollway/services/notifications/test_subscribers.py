"""What is written to people when something happens elsewhere."""

import asyncio

import pytest

from tests.kit.clock import FakeClock
from tests.kit.smtp import body_of
from tests.tollway.services.notifications.conftest import FakeMailer
from tollway.contracts.events import (
    DebtOpened,
    DebtSettled,
    DepositCredited,
    DepositReinstated,
    DepositReversed,
    EmailChanged,
    EmailVerified,
    Event,
    GiftMade,
    OrderFilled,
    ProfileChanged,
    SessionRevoked,
    UserDeleted,
    UserRegistered,
)
from tollway.fabric.db import Database
from tollway.fabric.jobs import Worker
from tollway.services.notifications import store
from tollway.services.notifications.manifest import MANIFEST
from tollway.services.notifications.service import EmailRequest, Notifications
from tollway.services.notifications.subscribers import SUBSCRIBERS, make_subscribers
from tollway.services.notifications.templates import EVENT_EMAILS, EventEmail

REGISTERED = UserRegistered(user_id="usr_1", email="ada@example.com")
GONE = UserDeleted(user_id="usr_1", reason="asked")
VERIFIED = EmailVerified(user_id="usr_1", email="ada@example.com")
DEPOSIT = DepositCredited(deposit_id="dep_1", user_id="usr_1", currency="USD", amount=20_000_000)
FILLED = OrderFilled(
    order_id="ord_1",
    user_id="usr_1",
    asset="bandwidth.datacenter.standard",
    quantity=10**9,
    currency="USD",
    price=3_500_000,
)


class Publisher:
    """Delivers events to the service as its consumer would."""

    def __init__(self, service: Notifications, db: Database, worker: Worker, clock: FakeClock) -> None:
        self._service, self._db, self._worker, self._clock = service, db, worker, clock

    async def publish(self, *events: Event) -> None:
        for event in events:
            async with self._db.transaction() as tx:
                await SUBSCRIBERS[type(event)](self._service, tx, event)

    async def work(self) -> None:
        while await self._worker.run_due():
            await asyncio.sleep(0)


@pytest.fixture
def publisher(service: Notifications, db: Database, worker: Worker, clock: FakeClock) -> Publisher:
    return Publisher(service, db, worker, clock)


async def test_a_new_customer_is_welcomed_and_gets_receipts(publisher: Publisher, mailer: FakeMailer) -> None:
    await publisher.publish(REGISTERED)
    await publisher.work()
    assert mailer.sent == []
    await publisher.publish(VERIFIED, DEPOSIT, FILLED)
    await publisher.work()
    by_subject = {message["Subject"]: body_of(message, "plain") for message in mailer.sent}
    assert set(by_subject) == {
        "Your account is ready",
        "Your deposit of 20.00 USD has arrived",
        "Your purchase: 1 GB of datacenter standard bandwidth",
    }
    assert "https://tollway.example" in by_subject["Your account is ready"]
    assert "dep_1" in by_subject["Your deposit of 20.00 USD has arrived"]
    assert "https://tollway.example/billing" in by_subject["Your deposit of 20.00 USD has arrived"]
    assert "3.50 USD" in by_subject["Your purchase: 1 GB of datacenter standard bandwidth"]


async def test_who_owes_money_is_told_how_much_and_when_it_is_settled(
    publisher: Publisher, mailer: FakeMailer
) -> None:
    about = {"debt_id": "dbt_1", "user_id": "usr_1", "currency": "USD"}
    await publisher.publish(
        REGISTERED,
        VERIFIED,
        DebtOpened(**about, amount=14_000_000, owed=19_000_000, ref="re_1"),
        DebtSettled(**about, amount=10_000_000, owed=9_000_000, ref="deposit:mock:pi_1"),
    )
    await publisher.work()
    texts = {message["Subject"]: body_of(message, "plain") for message in mailer.sent}
    assert "14.00 USD" in texts["You owe 19.00 USD"]
    assert "You still owe: 9.00 USD" in texts["10.00 USD settled what you owed"]


@pytest.mark.parametrize(
    ("asset", "kind", "amount", "subject"),
    [
        ("USD", "money", 5_000_000, "You were given 5.00 USD"),
        (
            "bandwidth.datacenter.standard",
            "access",
            2 * 10**9,
            "You were given 2 GB of datacenter standard bandwidth",
        ),
    ],
)
async def test_who_is_given_something_is_written_to(
    publisher: Publisher, mailer: FakeMailer, asset: str, kind: str, amount: int, subject: str
) -> None:
    gift = GiftMade(
        transaction_id="txn_1",
        user_id="usr_1",
        from_user_id="usr_2",
        asset=asset,
        kind=kind,
        amount=amount,
        note="enjoy",
    )
    await publisher.publish(REGISTERED, VERIFIED, gift, gift)
    await publisher.work()
    (message,) = [one for one in mailer.sent if one["Subject"] == subject]
    assert "enjoy" in body_of(message, "plain")


async def test_a_refresh_token_used_twice_is_warned_of(publisher: Publisher, mailer: FakeMailer) -> None:
    stolen = SessionRevoked(session_id="ses_1", user_id="usr_1", reason="refresh_token_reused")
    left = SessionRevoked(session_id="ses_2", user_id="usr_1", reason="logout")
    await publisher.publish(REGISTERED, stolen, stolen, left)
    await publisher.work()
    (message,) = mailer.sent
    assert message["Subject"] == "We ended a session of yours"
    assert "https://tollway.example/login" in body_of(message, "plain")


async def test_money_that_goes_back_to_the_card_is_told_of(publisher: Publisher, mailer: FakeMailer) -> None:
    about = {"deposit_id": "dep_1", "user_id": "usr_1", "currency": "USD", "amount": 20_000_000}
    taken = [
        DepositReversed(**about, kind="refund", ref="re_1", recovered=6_000_000),
        DepositReversed(**about, kind="chargeback", ref="dp_1", recovered=0),
        DepositReinstated(**about, kind="refund", ref="re_1", recovered=6_000_000),
        # Nothing of it had been the customer's: it is no news to them.
        DepositReinstated(**about, kind="chargeback", ref="dp_1", recovered=0),
    ]
    await publisher.publish(REGISTERED, *taken, *taken)
    await publisher.work()
    assert {message["Subject"] for message in mailer.sent} == {
        "Your refund of 20.00 USD",
        "Your bank has taken back 20.00 USD",
        "6.00 USD are back in your wallet",
    }


async def test_the_same_event_twice_is_one_message(publisher: Publisher, mailer: FakeMailer) -> None:
    await publisher.publish(VERIFIED, VERIFIED, DEPOSIT, DEPOSIT)
    await publisher.work()
    assert len(mailer.sent) == 2


async def test_a_receipt_waits_for_an_address_that_is_announced_later(
    publisher: Publisher, mailer: FakeMailer, clock: FakeClock
) -> None:
    await publisher.publish(DEPOSIT)
    await publisher.work()
    assert mailer.sent == []
    await publisher.publish(REGISTERED)
    clock.advance(60)
    await publisher.work()
    assert [message["To"] for message in mailer.sent] == ["ada@example.com"]


async def test_who_has_left_is_forgotten(publisher: Publisher, service: Notifications, db: Database) -> None:
    await publisher.publish(VERIFIED)
    await publisher.work()
    await service.change_preferences("usr_1", {"product": False})
    await publisher.publish(GONE)
    await publisher.work()
    async with db.snapshot() as tx:
        assert await store.address_of(tx, "usr_1") == ""
        assert await store.preferences_of(tx, "usr_1") == {}
    assert list((await service.messages_of("usr_1")).items) == []


async def test_nobody_writes_to_who_has_left_and_the_last_message_goes_with_its_delivery(
    publisher: Publisher, service: Notifications, mailer: FakeMailer
) -> None:
    await publisher.publish(VERIFIED)
    await publisher.work()
    mailer.sent.clear()
    await service.send_email(EmailRequest("bye", "account_exists", {}, "usr_1"), "ada@example.com")
    await publisher.publish(GONE, DEPOSIT)
    await publisher.work()
    assert [message["To"] for message in mailer.sent] == ["ada@example.com"]
    assert list((await service.messages_of("usr_1")).items) == []


async def test_who_has_another_address_is_written_to_there(publisher: Publisher, mailer: FakeMailer) -> None:
    await publisher.publish(
        REGISTERED, VERIFIED, EmailChanged(user_id="usr_1", email="ada@new.example"), DEPOSIT
    )
    await publisher.work()
    assert {message["To"] for message in mailer.sent if "deposit" in message["Subject"]} == {
        "ada@new.example"
    }


async def test_an_old_announcement_does_not_unverify(
    publisher: Publisher, service: Notifications, db: Database
) -> None:
    await publisher.publish(VERIFIED, REGISTERED)
    async with db.snapshot() as tx:
        row = await tx.first(store.recipient.select())
    assert row is not None
    assert row.verified is True
    await service.send_email(EmailRequest("k", "welcome", {}, "usr_1"), "ada@example.com")


async def test_a_new_email_is_one_entry_and_goes_out_for_its_event(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer
) -> None:
    farewell = EventEmail(
        ProfileChanged,
        template=lambda event: "welcome" if "locale" in event.fields else None,
        key=lambda event: f"profile:{event.user_id}",
        params=lambda _event, public_url: {"link": public_url},
    )
    handlers = make_subscribers([*EVENT_EMAILS, farewell])
    events = [
        REGISTERED,
        ProfileChanged(user_id="usr_1", fields=["display_name"]),
        ProfileChanged(user_id="usr_1", fields=["locale"]),
        ProfileChanged(user_id="usr_1", fields=["locale"]),
    ]
    for event in events:
        async with db.transaction() as tx:
            await handlers[type(event)](service, tx, event)
    while await worker.run_due():
        pass
    assert [message["Subject"] for message in mailer.sent] == ["Your account is ready"]


def test_the_service_subscribes_to_what_it_handles() -> None:
    assert set(SUBSCRIBERS) == set(MANIFEST.subscribes)
    assert {email.event for email in EVENT_EMAILS} <= set(SUBSCRIBERS)
