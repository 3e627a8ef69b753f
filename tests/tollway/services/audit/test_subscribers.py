"""Audit at the end of a real bus: whatever a service publishes ends in the record."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database
from tests.kit.service_api import Transport, api
from tollway.contracts import events_pb2_grpc
from tollway.contracts.events import EmailVerified, Event, UserLoggedIn
from tollway.fabric.db import Database
from tollway.fabric.events import EventConsumer, bind
from tollway.fabric.events.pull import OutboxServer, PulledEvents
from tollway.fabric.events.sql import SqlInbox, SqlOutbox
from tollway.fabric.rpc import call_context
from tollway.services.audit import subscribers
from tollway.services.audit.manifest import MANIFEST
from tollway.services.audit.model import REDACTED
from tollway.services.audit.service import Audit

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)


@pytest.fixture
async def identity(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database("sqlite", tmp_path, clock, None, "identity") as db:
        yield db


async def until_recorded(service: Audit, count: int) -> None:
    async with asyncio.timeout(10):
        while (await service.verify()).entries < count:
            await asyncio.sleep(0.01)


async def test_every_announcement_is_recorded_once(
    service: Audit, identity: Database, transport: Transport
) -> None:
    async def announce(*events: Event) -> None:
        with call_context(correlation_id="cor_7"):
            async with identity.transaction() as tx:
                for event in events:
                    tx.publish(event)

    class Unheard(Event):
        topic: ClassVar[str] = f"A_TOPIC_OF_TOMORROW_{transport}_{service.db.dialect}"
        source: ClassVar[str] = "identity"
        thing_id: str

    outboxes = OutboxServer()
    outboxes.add("identity", SqlOutbox(identity))
    async with api(transport, events_pb2_grpc, outboxes) as events:
        sources = {"identity": PulledEvents("identity", events.stub)}
        await announce(EmailVerified(user_id="usr_1", email="ada@example.com"))
        consumer = EventConsumer(service, SqlInbox(service.db), SUBSCRIBERS, sources)
        await consumer.start()
        await announce(
            UserLoggedIn(user_id="usr_1", ip="192.0.2.1", user_agent="curl"), Unheard(thing_id="x_1")
        )
        await until_recorded(service, 3)
        await consumer.stop()
        # From the beginning again, as after the loss of the listener's position.
        again = EventConsumer(service, SqlInbox(service.db), SUBSCRIBERS, sources)
        await again.start()
        await announce(UserLoggedIn(user_id="usr_2", ip="192.0.2.1", user_agent="curl"))
        await until_recorded(service, 4)
        await again.stop()
    Event.by_topic.pop(Unheard.topic)
    verdict = await service.verify()
    assert (verdict.ok, verdict.entries) == (True, 4)
    entries = list(reversed((await service.entries()).items))
    assert [entry.topic for entry in entries] == [
        "EMAIL_VERIFIED", "USER_LOGGED_IN", Unheard.topic, "USER_LOGGED_IN",
    ]  # fmt: skip
    assert json.loads(entries[0].data) == {"user_id": "usr_1", "email": REDACTED}
    assert {entry.correlation_id for entry in entries} == {"cor_7"}
    assert [entry.actor for entry in entries] == ["identity"] * 4
