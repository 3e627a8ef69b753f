"""A message from the asking to the inbox, and everything that can go wrong on the way."""

import asyncio

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.smtp import body_of
from tests.tollway.services.notifications.conftest import FakeMailer
from tollway.contracts.errors import IdempotencyKeyReused
from tollway.fabric.db import Database, tables
from tollway.fabric.jobs import Worker
from tollway.fabric.mail import MailRefused
from tollway.kit.errors import Invalid, Unavailable
from tollway.services.notifications import store
from tollway.services.notifications.model import Email
from tollway.services.notifications.service import EmailRequest, Notifications

LINK = "https://tollway.example/verify?token=secret"
VERIFY = EmailRequest("verify:usr_1", "verify_email", {"link": LINK}, "usr_1")


async def kept(db: Database, email_id: str) -> Email:
    async with db.snapshot() as tx:
        found = await store.find_email(tx, email_id)
    assert found is not None
    return found


async def events(db: Database) -> list[tuple[str, str]]:
    async with db.snapshot() as tx:
        return [(row.type, row.data) for row in await tx.all(select(tables.outbox))]


async def test_a_message_is_delivered_once_and_announced(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer, clock: FakeClock
) -> None:
    email_id, replayed = await service.send_email(VERIFY, "ada@example.com")
    assert not replayed
    clock.advance(2)
    await worker.run_due()
    await worker.run_due()
    (message,) = mailer.sent
    assert message["To"] == "ada@example.com"
    assert message["From"] == "Tollway <no-reply@tollway.example>"
    assert message["Reply-To"] == "help@example.com"
    assert message["Subject"] == "Confirm your e-mail address"
    assert message["Message-ID"] == f"<{email_id}@tollway.example>"
    assert message["Date"] == "Sun, 22 Nov 2026 00:00:00 +0000"
    assert LINK in body_of(message, "plain")
    assert LINK in body_of(message, "html")
    email = await kept(db, email_id)
    assert (email.state, email.attempts, email.ended_us - email.created_at_us) == ("sent", 1, 2_000_000)
    assert await events(db) == [
        ("EMAIL_SENT", f'{{"message_id":"{email_id}","user_id":"usr_1","template":"verify_email"}}')
    ]


async def test_the_link_is_forgotten_once_it_left(
    service: Notifications, db: Database, worker: Worker
) -> None:
    email_id, _ = await service.send_email(VERIFY, "ada@example.com")
    assert (await kept(db, email_id)).params == {"link": LINK}
    await worker.run_due()
    assert (await kept(db, email_id)).params == {}


async def test_one_key_is_one_message(service: Notifications, worker: Worker, mailer: FakeMailer) -> None:
    asks = [service.send_email(VERIFY, "ada@example.com") for _ in range(5)]
    answers = await asyncio.gather(*asks)
    assert len({email_id for email_id, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False, True, True, True, True]
    await worker.run_due()
    newer = EmailRequest(VERIFY.key, "verify_email", {"link": LINK + "2"}, "usr_1")
    assert (await service.send_email(newer, "ada@example.com"))[1]
    await worker.run_due()
    assert len(mailer.sent) == 1


async def test_a_key_cannot_stand_for_two_messages(service: Notifications) -> None:
    await service.send_email(VERIFY, "ada@example.com")
    with pytest.raises(IdempotencyKeyReused):
        await service.send_email(VERIFY, "bob@example.com")
    with pytest.raises(IdempotencyKeyReused):
        await service.send_email(EmailRequest(VERIFY.key, "welcome", {}, "usr_1"), "ada@example.com")


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        (EmailRequest("", "welcome", {}), "ada@example.com"),
        (EmailRequest("k" * 201, "welcome", {}), "ada@example.com"),
        (EmailRequest("k", "nonsense", {}), "ada@example.com"),
        (EmailRequest("k", "verify_email", {}), "ada@example.com"),
        (EmailRequest("k", "welcome", {}), "ada@example.com\r\nBcc: eve@example.com"),
    ],
)
async def test_a_wrong_ask_is_refused_and_leaves_nothing(
    service: Notifications, worker: Worker, wanted: EmailRequest, to: str
) -> None:
    with pytest.raises(Invalid):
        await service.send_email(wanted, to)
    assert await worker.run_due() == 0


async def test_a_server_that_is_away_is_tried_again(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer, clock: FakeClock
) -> None:
    mailer.fail = [Unavailable("greylisted")] * 3
    email_id, _ = await service.send_email(VERIFY, "ada@example.com")
    for tries in range(1, 4):
        await worker.run_due()
        email = await kept(db, email_id)
        assert (email.state, email.attempts, email.error) == ("queued", tries, "greylisted")
        clock.advance(600)
    await worker.run_due()
    email = await kept(db, email_id)
    assert (email.state, email.attempts, email.error) == ("sent", 4, "")
    assert len({message["Message-ID"] for message in mailer.sent}) == 1


async def test_a_refusal_for_good_is_kept_for_a_person_to_see(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer, clock: FakeClock
) -> None:
    mailer.fail = [MailRefused("the mail server answered 550 nobody")]
    email_id, _ = await service.send_email(VERIFY, "ada@example.com")
    await worker.run_due()
    clock.advance(600)
    assert await worker.run_due() == 0
    email = await kept(db, email_id)
    assert (email.state, email.error) == ("failed", "the mail server answered 550 nobody")
    assert await events(db) == []


async def test_a_crash_before_the_note_repeats_the_same_message_and_tells_once(
    service: Notifications, db: Database, mailer: FakeMailer
) -> None:
    email_id, _ = await service.send_email(VERIFY, "ada@example.com")
    await asyncio.gather(service.deliver(email_id), service.deliver(email_id))
    assert {message["Message-ID"] for message in mailer.sent} == {f"<{email_id}@tollway.example>"}
    assert len(await events(db)) == 1


async def test_a_person_without_a_known_address_is_waited_for(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer
) -> None:
    request = EmailRequest("welcome:usr_9", "welcome", {}, "usr_9")
    with pytest.raises(Unavailable, match="usr_9 is not known yet"):
        await service.write_to(request)
    async with db.transaction() as tx:
        await store.set_recipient(tx, "usr_9", "nine@example.com", verified=True)
    await service.write_to(request)
    await worker.run_due()
    assert [message["To"] for message in mailer.sent] == ["nine@example.com"]


async def test_what_somebody_does_not_want_is_not_sent(
    service: Notifications, db: Database, worker: Worker, mailer: FakeMailer
) -> None:
    assert await service.preferences_of("usr_1") == {"security": True, "receipts": True, "product": True}
    assert await service.change_preferences("usr_1", {"product": False}) == {
        "security": True,
        "receipts": True,
        "product": False,
    }
    async with db.transaction() as tx:
        await store.set_recipient(tx, "usr_1", "ada@example.com", verified=True)
    await service.write_to(EmailRequest("a", "welcome", {}, "usr_1"))
    await service.write_to(EmailRequest("b", "account_locked", {}, "usr_1"))
    await worker.run_due()
    assert [message["Subject"] for message in mailer.sent] == ["Signing in is paused"]
    assert (await service.change_preferences("usr_1", {"product": True}))["product"]


async def test_security_messages_cannot_be_turned_off(service: Notifications) -> None:
    with pytest.raises(Invalid, match="always sent"):
        await service.change_preferences("usr_1", {"security": False, "receipts": False})
    assert (await service.preferences_of("usr_1"))["receipts"]


async def test_a_person_pages_through_their_own_messages(service: Notifications) -> None:
    for number in range(5):
        await service.send_email(EmailRequest(f"k{number}", "welcome", {}, "usr_1"), "ada@example.com")
    await service.send_email(EmailRequest("other", "welcome", {}, "usr_2"), "bob@example.com")
    seen: list[str] = []
    cursor = ""
    while True:
        page = await service.messages_of("usr_1", 2, cursor)
        seen += [email.id for email in page.items]
        if not (cursor := page.next_cursor):
            break
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    with pytest.raises(Invalid):
        await service.messages_of("usr_1", 2, "rubbish")
