"""What gave up waits for a person, who can have it tried again."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.contracts import events_pb2
from tollway.contracts.events import Event, UserRegistered
from tollway.fabric.db import Database, Tx
from tollway.fabric.dead_letters import DeadLetter, dead_letters, retry
from tollway.fabric.events import EventConsumer
from tollway.fabric.events import consumer as listener_module
from tollway.fabric.events.sql import SqlInbox
from tollway.fabric.jobs import ATTEMPTS, Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.kit.errors import Unavailable


class Service:
    def __init__(self) -> None:
        self.broken = True
        self.done: list[str] = []

    async def work(self, payload: dict[str, Any]) -> None:
        if self.broken:
            raise Unavailable("the printer is on fire")
        self.done.append(payload["n"])

    async def receive(self, event: str) -> None:
        if self.broken:
            raise RuntimeError("what is this?")
        self.done.append(event)


async def all_dead_letters(db: Database) -> list[DeadLetter]:
    async with db.snapshot() as tx:
        return list(await dead_letters(tx))


async def back(db: Database, id_: str) -> bool:
    async with db.transaction() as tx:
        return await retry(tx, id_)


async def test_a_dead_job_is_shown_and_tried_again_from_the_start(
    plain_db: Database, clock: FakeClock
) -> None:
    service = Service()
    worker = Worker(service, SqlJobQueue(plain_db), {"print": Service.work})
    async with plain_db.transaction() as tx:
        tx.enqueue("print", {"n": "page"})
    for _ in range(ATTEMPTS):
        await worker.run_due()
        clock.advance(600)
    (one,) = await all_dead_letters(plain_db)
    assert (one.kind, one.what, one.error) == ("job", "print", "the printer is on fire")
    assert not await back(plain_db, "job_none")
    assert await back(plain_db, one.id)
    assert await all_dead_letters(plain_db) == []
    assert not await back(plain_db, one.id), "it is not stuck any more"
    await worker.run_due()
    assert await all_dead_letters(plain_db) == [], "one more failure is not the last"
    service.broken = False
    clock.advance(600)
    await worker.run_due()
    assert service.done == ["page"]


class Source:
    """A neighbour's log with one event."""

    def __init__(self, event: events_pb2.EventEnvelope) -> None:
        self.event = event

    async def Read(self, request: events_pb2.ReadRequest, timeout: float) -> events_pb2.ReadResponse:
        return events_pb2.ReadResponse(events=[self.event] if request.after < self.event.position else [])


async def on_registered(service: Service, tx: Tx, event: UserRegistered) -> None:
    await service.receive(event.user_id)


async def on_anything(service: Service, tx: Tx, event: events_pb2.EventEnvelope) -> None:
    await service.receive(f"{event.type} {event.subject} {event.correlation_id}")


@pytest.mark.parametrize(
    ("subscribers", "received"),
    [({UserRegistered: on_registered}, "usr_1"), ({Event: on_anything}, "USER_REGISTERED usr_1 cor_1")],
)
async def test_a_parked_event_is_shown_and_heard_again(
    kind: Kind,
    tmp_path: Path,
    clock: FakeClock,
    subscribers: Any,
    received: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "ATTEMPTS", 1)
    event = events_pb2.EventEnvelope(
        position=1,
        id="evt_1",
        type="USER_REGISTERED",
        source="identity",
        subject="usr_1",
        data_json='{"user_id": "usr_1", "email": "a@example.com"}',
        correlation_id="cor_1",
    )
    async with database(kind, tmp_path, clock) as db:
        service = Service()
        consumer = EventConsumer(service, SqlInbox(db), subscribers, {})
        await consumer._consume_batch("identity", [event])
        (one,) = await all_dead_letters(db)
        assert (one.kind, one.what) == ("event", "USER_REGISTERED from identity")
        assert "what is this?" in one.error
        assert await consumer.retry_parked() == 0, "nobody asked for it"
        assert await back(db, "evt_1")
        assert await consumer.retry_parked() == 1
        assert [dead_letters.id for dead_letters in await all_dead_letters(db)] == ["evt_1"], (
            "it failed once more, and waits again"
        )
        service.broken = False
        assert await back(db, "evt_1")
        assert await consumer.retry_parked() == 1
        assert (service.done, await all_dead_letters(db)) == ([received], [])
        assert await consumer.retry_parked() == 0
