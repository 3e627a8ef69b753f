"""The room forgets messages of long ago."""

from tests.kit.clock import FakeClock
from tests.tollway.services.notifications.conftest import FakeMailer
from tollway.fabric.jobs import Worker
from tollway.kit.errors import Unavailable
from tollway.services.notifications.jobs import TIMED
from tollway.services.notifications.service import EmailRequest, Notifications

DAY_S = 86_400


async def test_sent_messages_are_listed_for_a_year_and_waiting_ones_until_they_left(
    service: Notifications, worker: Worker, mailer: FakeMailer, clock: FakeClock
) -> None:
    request = {"template": "welcome", "params": {"link": "https://tollway.example"}, "user_id": "usr_1"}
    sent, _ = await service.send_email(EmailRequest(key="a", **request), "ada@example.com")  # pyright: ignore[reportArgumentType]
    await worker.run_due()
    mailer.fail = [Unavailable("away")]
    waiting, _ = await service.send_email(EmailRequest(key="b", **request), "ada@example.com")  # pyright: ignore[reportArgumentType]
    await worker.run_due()

    async def listed() -> list[str]:
        return [email.id for email in (await service.messages_of("usr_1")).items]

    clock.advance(365 * DAY_S - 1)
    await TIMED["delete_expired"].run(service)
    assert await listed() == [waiting, sent]
    clock.advance(DAY_S)
    await TIMED["delete_expired"].run(service)
    assert await listed() == [waiting]
