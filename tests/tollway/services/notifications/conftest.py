"""A service of notifications on each engine, with a mailer that keeps what it is given."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.typing import settings_of
from tollway.fabric.db import Database
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.kit.errors import Problem
from tollway.services.notifications.jobs import JOBS
from tollway.services.notifications.service import Notifications
from tollway.services.notifications.settings import NotificationsSettings


class FakeMailer:
    """Takes every message, unless `fail` says otherwise."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.fail: list[Problem] = []

    async def send(self, message: EmailMessage) -> None:
        if self.fail:
            raise self.fail.pop(0)
        self.sent.append(message)


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, service_migrations("notifications"), "notifications") as db:
        yield db


@pytest.fixture
def mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture
def service(db: Database, mailer: FakeMailer) -> Notifications:
    settings = settings_of(NotificationsSettings, support_address="help@example.com")
    sender = "Tollway <no-reply@tollway.example>"
    return Notifications(db, mailer, settings, sender, "https://tollway.example/")


@pytest.fixture
def worker(service: Notifications, db: Database) -> Worker:
    """Runs the service's jobs, when told to."""
    return Worker(service, SqlJobQueue(db), JOBS)
