"""The bus: events reach their hearers at least once, in order, and survive restarts, repeats and delays."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.contracts import events_pb2
from tollway.contracts.events import EmailVerified, Event, UserRegistered
from tollway.fabric.db import Database, Tx, tables
from tollway.fabric.events import EventConsumer, EventsRpc, OutboxReader
from tollway.fabric.events import consumer as listener_module
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Unavailable


class Books:
    """A consuming service that counts what it received, inside the transaction it is given."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refuse: Callable[[str], bool] = lambda _: False


async def on_registered(service: Books, tx: Tx, event: UserRegistered) -> None:
    if service.refuse(event.user_id):
        raise RuntimeError(event.user_id)
    service.heard.append(event.user_id)


async def on_verified(service: Books, tx: Tx, event: EmailVerified) -> None:
    """Answer with an event of its own, and leave a job."""
    tx.publish(UserRegistered(user_id=event.user_id, email="x@example.com"))
    tx.enqueue("publish", {"user_id": event.user_id})


class Perturbed:
    """The Events service API on a bad day: late, repeating, sometimes away."""

    def __init__(self, inner: EventsRpc, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)

    async def Read(self, request: events_pb2.ReadRequest, timeout: float) -> events_pb2.ReadResponse:
        chance = self._random.random()
        if chance < 0.2:
            raise Unavailable
        if chance < 0.4:
            await asyncio.sleep(0.01)
        again = events_pb2.ReadRequest(
            service=request.service,
            after=max(0, request.after - self._random.randint(0, 3)),
            limit=5,
            wait_ms=20,
        )
        return await self._inner.Read(again, None)


class Calm(Perturbed):
    async def Read(self, request: events_pb2.ReadRequest, timeout: float) -> events_pb2.ReadResponse:
        return await self._inner.Read(request, None)


@pytest.fixture
async def services(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[tuple[Database, Database]]:
    async with database(kind, tmp_path, clock, name="teller") as publisher:
        async with database(kind, tmp_path, clock, name="hearer") as subscriber:
            yield publisher, subscriber


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(listener_module, "ATTEMPTS", 3)


async def publish(db: Database, *user_ids: str) -> None:
    for user_id in user_ids:
        async with db.transaction() as tx:
            tx.publish(UserRegistered(user_id=user_id, email="x@example.com"))


async def position(db: Database) -> int:
    async with db.snapshot() as tx:
        return await tx.scalar(select(func.max(tables.consumer_offset.c.position))) or 0


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def listen(service: Any, subscriber: Database, api: Any, subscribers: Any = None) -> EventConsumer:
    return EventConsumer(
        service, subscriber, subscribers or {UserRegistered: on_registered}, {"identity": api}
    )


async def test_a_event_is_heard_promptly_and_in_order(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, ids = Books(), [f"u{n}" for n in range(20)]
    consumer = listen(books, subscriber, Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0))
    await consumer.start()
    await publish(publisher, *ids)
    await until(lambda: len(books.heard) == 20)
    await consumer.stop()
    assert books.heard == ids


async def test_repeats_delays_and_absences_change_nothing(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, ids = Books(), [f"u{n}" for n in range(30)]
    consumer = listen(books, subscriber, Perturbed(EventsRpc({"identity": OutboxReader(publisher)}), seed=7))
    await consumer.start()
    await publish(publisher, *ids)
    await until(lambda: len(books.heard) >= 30)
    await asyncio.sleep(0.1)
    await consumer.stop()
    assert books.heard == ids


async def test_a_restarted_hearer_goes_on_where_it_left_off(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, api = Books(), Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0)
    await publish(publisher, "u1", "u2")
    first = listen(books, subscriber, api)
    await first.start()
    async with asyncio.timeout(5):
        while await position(subscriber) < 2:
            await asyncio.sleep(0.005)
    await first.stop()
    await publish(publisher, "u3")
    second = listen(books, subscriber, api)
    await second.start()
    await until(lambda: len(books.heard) == 3)
    await second.stop()
    assert books.heard == ["u1", "u2", "u3"]


async def test_a_poisonous_event_is_parked_and_the_rest_goes_on(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books = Books()
    books.refuse = lambda user_id: user_id == "bad"
    consumer = listen(books, subscriber, Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0))
    await consumer.start()
    await publish(publisher, "u1", "bad", "u2")
    await until(lambda: books.heard == ["u1", "u2"])
    async with asyncio.timeout(5):
        while await position(subscriber) < 3:  # stopped earlier, the last one would be consumed again
            await asyncio.sleep(0.005)
    await consumer.stop()
    async with subscriber.snapshot() as tx:
        parked = await tx.all(select(tables.dead_letter))
        heard = await tx.scalar(select(func.count()).select_from(tables.inbox))
    assert [(row.type, "bad" in row.data) for row in parked] == [("USER_REGISTERED", True)]
    assert heard == 2


async def test_a_event_that_fails_once_is_heard_at_the_second_try(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    books, failures = Books(), iter([True, False])
    books.refuse = lambda _: next(failures)
    consumer = listen(books, subscriber, Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0))
    await consumer.start()
    await publish(publisher, "u1")
    await until(lambda: books.heard == ["u1"])
    await consumer.stop()


async def test_events_nobody_asked_for_are_stepped_over(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books = Books()
    async with publisher.transaction() as tx:
        tx.publish(EmailVerified(user_id="u1", email="x@example.com"))
    consumer = listen(books, subscriber, Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0))
    await consumer.start()
    await publish(publisher, "u2")
    await until(lambda: books.heard == ["u2"])
    await consumer.stop()


async def test_who_hears_everything_gets_the_envelope(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    seen: list[events_pb2.EventEnvelope] = []

    async def on_any(service: None, tx: Tx, event: events_pb2.EventEnvelope) -> None:
        seen.append(event)

    consumer = listen(
        None, subscriber, Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0), {Event: on_any}
    )
    await consumer.start()
    await publish(publisher, "u1")
    await until(lambda: len(seen) == 1)
    await consumer.stop()
    assert (seen[0].type, seen[0].subject, seen[0].source) == ("USER_REGISTERED", "u1", "identity")


async def envelopes(database: Database) -> list[tuple[str, str, str]]:
    return [(one.type, one.actor, one.action) for one in await OutboxReader(database).read(0, 100, 0)]


async def test_the_envelope_names_who_caused_it_through_events_and_jobs(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    with call_context(user_id="usr_operator", action="identity:user:verify"):
        async with publisher.transaction() as tx:
            tx.publish(EmailVerified(user_id="usr_1", email="x@example.com"))
    books: Any = Books()
    source: Any = Calm(EventsRpc({"identity": OutboxReader(publisher)}), 0)
    consumer = EventConsumer(books, subscriber, {EmailVerified: on_verified}, {"identity": source})
    await consumer.start()
    async with asyncio.timeout(10):
        while not await envelopes(subscriber):
            await asyncio.sleep(0.01)
    await consumer.stop()

    async def publish(service: Books, payload: dict[str, Any]) -> None:
        async with subscriber.transaction() as tx:
            tx.publish(EmailVerified(user_id=payload["user_id"], email="x@example.com"))

    assert await Worker(books, SqlJobQueue(subscriber), {"publish": publish}).run_due() == 1
    assert await envelopes(subscriber) == [
        ("USER_REGISTERED", "usr_operator", "identity:user:verify"),
        ("EMAIL_VERIFIED", "usr_operator", "identity:user:verify"),
    ]


async def test_what_a_service_does_of_its_own_accord_is_in_its_own_name(
    services: tuple[Database, Database],
) -> None:
    publisher, _ = services
    async with publisher.transaction() as tx:
        tx.publish(EmailVerified(user_id="usr_1", email="x@example.com"))
    assert await envelopes(publisher) == [("EMAIL_VERIFIED", "identity", "")]
