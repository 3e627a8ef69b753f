"""The service API of notifications, in process and over gRPC."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import ServiceApi, Transport, api
from tests.kit.smtp import SmtpSink, body_of
from tests.kit.typing import settings_of
from tollway.contracts import notifications_pb2, notifications_pb2_grpc
from tollway.contracts.errors import IdempotencyKeyReused
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.mail.smtp import SmtpMailer
from tollway.kit.errors import Invalid
from tollway.services.notifications.jobs import JOBS
from tollway.services.notifications.rpc import NotificationsRpc
from tollway.services.notifications.service import Notifications
from tollway.services.notifications.settings import NotificationsSettings

SENDER = "Tollway <no-reply@tollway.example>"


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    async with SmtpSink() as sink:
        yield sink


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock, sink: SmtpSink) -> AsyncIterator[Notifications]:
    async with database("sqlite", tmp_path, clock, service_migrations("notifications")) as db:
        mailer = SmtpMailer("127.0.0.1", sink.port, "none")
        yield Notifications(db, mailer, settings_of(NotificationsSettings), SENDER, "http://127.0.0.1:8000")


@pytest.fixture
async def neighbour(transport: Transport, service: Notifications) -> AsyncIterator[ServiceApi]:
    async with api(
        transport, notifications_pb2_grpc, NotificationsRpc(service), caller="identity"
    ) as mounted:
        yield mounted


def ask(**changes: str) -> notifications_pb2.SendEmailRequest:
    fields = {"key": "reset:1", "to": "ada@example.com", "template": "password_reset", "user_id": "usr_1"}
    params = {"link": "https://tollway.example/reset?token=1", "expires_at": "2026-11-22T01:00:00.000000Z"}
    return notifications_pb2.SendEmailRequest(**{**fields, **changes}, params=params)


async def test_a_message_asked_for_reaches_a_mail_server(
    neighbour: ServiceApi, service: Notifications, sink: SmtpSink
) -> None:
    first = await neighbour.stub.SendEmail(ask())
    again = await neighbour.stub.SendEmail(ask())
    assert (first.replayed, again.replayed) == (False, True)
    assert first.message_id == again.message_id
    await Worker(service, SqlJobQueue(service.db), JOBS).run_due()
    message: EmailMessage
    (message,) = sink.messages
    assert message["Subject"] == "Choose a new password"
    text = body_of(message, "plain")
    assert "https://tollway.example/reset?token=1" in text
    assert "until 22 November 2026, 01:00 UTC." in text


async def test_refusals_are_typed(neighbour: ServiceApi) -> None:
    await neighbour.stub.SendEmail(ask())
    with pytest.raises(IdempotencyKeyReused):
        await neighbour.stub.SendEmail(ask(to="bob@example.com"))
    with pytest.raises(Invalid, match="no template"):
        await neighbour.stub.SendEmail(ask(key="2", template="nonsense"))
    with pytest.raises(Invalid, match="one plain e-mail address"):
        await neighbour.stub.SendEmail(ask(key="3", to="nobody"))
