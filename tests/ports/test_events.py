"""Events reach their subscribers at least once, in order, and survive restarts, repeats and delays."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tests.kit.eventually import eventually
from tollway.contracts import events_pb2_grpc
from tollway.contracts.events import EmailVerified, Event, UserRegistered
from tollway.contracts.events_pb2 import EventEnvelope, ReadRequest
from tollway.fabric.backoff import Backoff
from tollway.fabric.db import Database, Tx, tables
from tollway.fabric.dead_letters import retry
from tollway.fabric.events import EventConsumer, EventInbox, EventOutbox, EventSource
from tollway.fabric.events import consumer as consumer_module
from tollway.fabric.events.pull import OutboxServer, PulledEvents
from tollway.fabric.events.sql import SqlInbox, SqlOutbox
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rpc import LocalChannel, LocalServer, call_context
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import Forbidden, NotFound, Unavailable


class Books:
    """A consuming service that counts what it received, inside the transaction it is given."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.refuse: Callable[[str], bool] = lambda _: False


async def on_registered(service: Books, tx: Tx, event: UserRegistered) -> None:
    if service.refuse(event.user_id):
        raise RuntimeError(event.user_id)
    service.received.append(event.user_id)


async def on_verified(service: Books, tx: Tx, event: EmailVerified) -> None:
    """Answer with an event of its own, and leave a job."""
    tx.publish(UserRegistered(user_id=event.user_id, email="x@example.com"))
    tx.enqueue("publish", {"user_id": event.user_id})


class Perturbed:
    """A source on a bad day: late, repeating, sometimes out of reach."""

    def __init__(self, inner: EventSource, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)

    async def follow(self, after: int) -> AsyncGenerator[Sequence[EventEnvelope]]:
        again = max(0, after - self._random.randint(0, 3))
        async with aclosing(self._inner.follow(again)) as batches:
            async for events in batches:
                chance = self._random.random()
                if chance < 0.2:
                    raise Unavailable
                if chance < 0.4:
                    await asyncio.sleep(0.01)
                yield events[: self._random.randint(1, 5)]
                if len(events) > 1:
                    raise Unavailable  # the rest of the batch was lost


def source(publisher: Database, service: str = "identity") -> EventSource:
    """What a subscriber follows, where there is no broker."""
    server, local = OutboxServer(), LocalServer()
    server.add(service, SqlOutbox(publisher))
    events_pb2_grpc.add_EventsServicer_to_server(server, local)
    stub: Any = events_pb2_grpc.EventsStub(LocalChannel(local, "subscriber"))
    return PulledEvents(service, stub)


@pytest.fixture
async def services(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[tuple[Database, Database]]:
    async with database(kind, tmp_path, clock, name="publisher") as publisher:
        async with database(kind, tmp_path, clock, name="subscriber") as subscriber:
            yield publisher, subscriber


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "BACKOFF", Backoff(first_s=0.001, limit_s=0.01))
    monkeypatch.setattr(consumer_module, "ATTEMPTS", 3)


async def publish(db: Database, *user_ids: str) -> None:
    for user_id in user_ids:
        async with db.transaction() as tx:
            tx.publish(UserRegistered(user_id=user_id, email="x@example.com"))


async def position(db: Database) -> int:
    async with db.snapshot() as tx:
        return await tx.scalar(select(func.max(tables.consumer_offset.c.position))) or 0


def consume(
    service: Any, subscriber: Database, origin: EventSource, subscribers: Any = None
) -> EventConsumer:
    handlers = subscribers or {UserRegistered: on_registered}
    return EventConsumer(service, SqlInbox(subscriber), handlers, {"identity": origin})


async def test_an_event_is_received_promptly_and_in_order(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, ids = Books(), [f"u{n}" for n in range(20)]
    consumer = consume(books, subscriber, source(publisher))
    await consumer.start()
    await publish(publisher, *ids)
    await eventually(lambda: len(books.received) == 20)
    await consumer.stop()
    assert books.received == ids


async def test_repeats_delays_and_absences_change_nothing(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, ids = Books(), [f"u{n}" for n in range(30)]
    consumer = consume(books, subscriber, Perturbed(source(publisher), seed=7))
    await consumer.start()
    await publish(publisher, *ids)
    await eventually(lambda: len(books.received) >= 30)
    await asyncio.sleep(0.1)
    await consumer.stop()
    assert books.received == ids


async def test_a_restarted_subscriber_goes_on_where_it_left_off(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books, origin = Books(), source(publisher)
    await publish(publisher, "u1", "u2")
    first = consume(books, subscriber, origin)
    await first.start()
    async with asyncio.timeout(20):
        while await position(subscriber) < 2:
            await asyncio.sleep(0.005)
    await first.stop()
    await publish(publisher, "u3")
    second = consume(books, subscriber, origin)
    await second.start()
    await eventually(lambda: len(books.received) == 3)
    await second.stop()
    assert books.received == ["u1", "u2", "u3"]


async def test_a_poisonous_event_is_parked_and_the_rest_goes_on(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books = Books()
    books.refuse = lambda user_id: user_id == "bad"
    consumer = consume(books, subscriber, source(publisher))
    await consumer.start()
    await publish(publisher, "u1", "bad", "u2")
    await eventually(lambda: books.received == ["u1", "u2"])
    async with asyncio.timeout(20):
        while await position(subscriber) < 3:  # stopped earlier, the last one would be consumed again
            await asyncio.sleep(0.005)
    await consumer.stop()
    async with subscriber.snapshot() as tx:
        parked = await tx.all(select(tables.dead_letter))
        taken_in = await tx.scalar(select(func.count()).select_from(tables.inbox))
    assert [(row.type, "bad" in row.data) for row in parked] == [("USER_REGISTERED", True)]
    assert taken_in == 2


async def test_an_event_that_fails_once_is_received_at_the_second_try(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    books, failures = Books(), iter([True, False])
    books.refuse = lambda _: next(failures)
    consumer = consume(books, subscriber, source(publisher))
    await consumer.start()
    await publish(publisher, "u1")
    await eventually(lambda: books.received == ["u1"])
    await consumer.stop()


async def test_events_that_nobody_handles_are_passed_over(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    books = Books()
    async with publisher.transaction() as tx:
        tx.publish(EmailVerified(user_id="u1", email="x@example.com"))
    consumer = consume(books, subscriber, source(publisher))
    await consumer.start()
    await publish(publisher, "u2")
    await eventually(lambda: books.received == ["u2"])
    await consumer.stop()


async def test_who_subscribes_to_everything_gets_the_envelope(services: tuple[Database, Database]) -> None:
    publisher, subscriber = services
    seen: list[EventEnvelope] = []

    async def on_any(service: None, tx: Tx, event: EventEnvelope) -> None:
        seen.append(event)

    consumer = consume(None, subscriber, source(publisher), {Event: on_any})
    await consumer.start()
    await publish(publisher, "u1")
    await eventually(lambda: len(seen) == 1)
    await consumer.stop()
    assert (seen[0].type, seen[0].subject, seen[0].source) == ("USER_REGISTERED", "u1", "identity")


async def envelopes(database: Database) -> list[tuple[str, str, str]]:
    return [(one.type, one.actor, one.action) for one in await SqlOutbox(database).read(0, 100, 0)]


async def test_the_envelope_names_who_caused_it_through_events_and_jobs(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    with call_context(user_id="usr_operator", action="identity:user:verify"):
        async with publisher.transaction() as tx:
            tx.publish(EmailVerified(user_id="usr_1", email="x@example.com"))
    books: Any = Books()
    consumer = consume(books, subscriber, source(publisher), {EmailVerified: on_verified})
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


async def test_attempts_are_counted_and_logged_under_the_correlation_of_the_event(
    services: tuple[Database, Database], caplog: pytest.LogCaptureFixture
) -> None:
    def counted(outcome: str) -> float:
        labels = {"service": "audit", "source": "identity", "type": "USER_REGISTERED", "outcome": outcome}
        return REGISTRY.get_sample_value("tollway_events_total", labels) or 0.0

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noted.add(correlation_id.get())

    noted: set[str] = set()
    publisher, subscriber = services
    before = {outcome: counted(outcome) for outcome in ("handled", "retried", "parked")}
    books, handler = Books(), Noted()
    books.refuse = lambda user_id: user_id == "bad"
    origins = {"identity": source(publisher)}
    consumer = EventConsumer(books, SqlInbox(subscriber), {UserRegistered: on_registered}, origins, "audit")
    with call_context(correlation_id="cor_of_the_request"):
        await publish(publisher, "bad", "good")
    logging.getLogger(consumer_module.__name__).addHandler(handler)
    await consumer.start()
    await eventually(lambda: counted("handled") > before["handled"])
    await consumer.stop()
    logging.getLogger(consumer_module.__name__).removeHandler(handler)
    after = {outcome: counted(outcome) - before[outcome] for outcome in before}
    assert after == {"handled": 1, "retried": 2, "parked": 1}
    assert noted == {"cor_of_the_request"}


# ── the two ports by themselves ─────────────────────────────────────────────────────────────────────


async def envelope(publisher: Database, user_id: str) -> EventEnvelope:
    await publish(publisher, user_id)
    return (await SqlOutbox(publisher).read(0, 500, 0))[-1]


async def test_an_outbox_waits_for_the_next_event_and_no_longer_than_it_may(
    services: tuple[Database, Database],
) -> None:
    publisher, _ = services
    outbox: EventOutbox = SqlOutbox(publisher)
    assert not await outbox.read(0, 10, 0.01)
    waiting = asyncio.ensure_future(outbox.read(0, 10, 30))
    await publish(publisher, "u1")
    async with asyncio.timeout(20):
        assert [event.subject for event in await waiting] == ["u1"]
    await publish(publisher, "u2", "u3")
    assert [event.subject for event in await outbox.read(1, 1, 0)] == ["u2"]
    assert [event.subject for event in await outbox.read(1, 0, 0)] == ["u2", "u3"], "0 is as many as may be"


async def test_what_is_not_committed_is_in_no_outbox(services: tuple[Database, Database]) -> None:
    publisher, _ = services
    with pytest.raises(ZeroDivisionError):
        async with publisher.transaction() as tx:
            tx.publish(UserRegistered(user_id="u1", email="x@example.com"))
            raise ZeroDivisionError
    assert not await SqlOutbox(publisher).read(0, 10, 0)


async def test_an_inbox_takes_an_event_in_once_and_only_as_a_whole(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    inbox: EventInbox = SqlInbox(subscriber)
    event = await envelope(publisher, "u1")
    handled: list[str] = []

    async def killed(tx: Tx) -> None:
        tx.publish(EmailVerified(user_id="u1", email="x@example.com"))
        raise ZeroDivisionError

    async def handle(tx: Tx) -> None:
        tx.publish(EmailVerified(user_id="u1", email="x@example.com"))
        handled.append("u1")

    with pytest.raises(ZeroDivisionError):
        await inbox.take_in("identity", event, killed)
    assert (await inbox.position("identity"), await envelopes(subscriber)) == (0, [])
    for _ in range(3):
        await inbox.take_in("identity", event, handle)
    assert (handled, await inbox.position("identity")) == (["u1"], 1)
    assert len(await envelopes(subscriber)) == 1


async def test_a_position_never_moves_backwards(services: tuple[Database, Database]) -> None:
    _, subscriber = services
    inbox: EventInbox = SqlInbox(subscriber)
    for position, then in ((3, 3), (2, 3), (5, 5)):
        await inbox.pass_over("identity", position)
        assert await inbox.position("identity") == then
    assert await inbox.position("payments") == 0


async def test_a_parked_event_is_passed_over_and_waits_for_a_person(
    services: tuple[Database, Database],
) -> None:
    publisher, subscriber = services
    inbox: EventInbox = SqlInbox(subscriber)
    event = await envelope(publisher, "u1")
    await inbox.park("identity", event, "x" * 10_000)
    assert (await inbox.position("identity"), await inbox.put_back(10)) == (1, [])
    async with subscriber.transaction() as tx:
        assert await retry(tx, event.id)
    ((origin, parked),) = await inbox.put_back(10)
    assert (origin, parked.id, parked.position) == ("identity", event.id, 0)


async def test_only_subscribers_may_read(services: tuple[Database, Database]) -> None:
    publisher, _ = services
    server, local = OutboxServer({"identity": {"audit"}}), LocalServer()
    server.add("identity", SqlOutbox(publisher))
    events_pb2_grpc.add_EventsServicer_to_server(server, local)
    for caller, service in (("", "identity"), ("orders", "identity"), ("audit", "payments")):
        stub: Any = events_pb2_grpc.EventsStub(LocalChannel(local, caller))
        with pytest.raises(Forbidden):
            await stub.Read(ReadRequest(service=service))
    with pytest.raises(NotFound):
        await OutboxServer().Read(ReadRequest(service="payments"), None)
