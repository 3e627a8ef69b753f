"""The bus: facts reach their hearers at least once, in order, and survive restarts, repeats and delays."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.contracts import facts_pb2
from tollway.contracts.events import EmailVerified, Event, UserRegistered
from tollway.fabric.bus import FactsLog, FactsRpc, Listener
from tollway.fabric.bus import listener as listener_module
from tollway.fabric.db import Database, Tx, tables
from tollway.kit.errors import Unavailable


class Books:
    """A hearing room that counts what it heard, inside the transaction it is given."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refuse: Callable[[str], bool] = lambda _: False


async def on_registered(room: Books, tx: Tx, event: UserRegistered) -> None:
    if room.refuse(event.user_id):
        raise RuntimeError(event.user_id)
    room.heard.append(event.user_id)


class Perturbed:
    """The Facts door on a bad day: late, repeating, sometimes away."""

    def __init__(self, inner: FactsRpc, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)

    async def Read(self, request: facts_pb2.ReadRequest, timeout: float) -> facts_pb2.ReadResponse:
        chance = self._random.random()
        if chance < 0.2:
            raise Unavailable
        if chance < 0.4:
            await asyncio.sleep(0.01)
        again = facts_pb2.ReadRequest(
            room=request.room, after=max(0, request.after - self._random.randint(0, 3)), limit=5, wait_ms=20
        )
        return await self._inner.Read(again, None)


class Calm(Perturbed):
    async def Read(self, request: facts_pb2.ReadRequest, timeout: float) -> facts_pb2.ReadResponse:
        return await self._inner.Read(request, None)


@pytest.fixture
async def rooms(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[tuple[Database, Database]]:
    async with database(kind, tmp_path, clock, name="teller") as teller:
        async with database(kind, tmp_path, clock, name="hearer") as hearer:
            yield teller, hearer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(listener_module, "ATTEMPTS", 3)


async def tell(db: Database, *user_ids: str) -> None:
    for user_id in user_ids:
        async with db.transaction() as tx:
            tx.tell(UserRegistered(user_id=user_id, email="x@example.com"))


async def position(db: Database) -> int:
    async with db.snapshot() as tx:
        return await tx.scalar(select(func.max(tables.hearing.c.position))) or 0


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def listen(room: Any, hearer: Database, door: Any, hears: Any = None) -> Listener:
    return Listener(room, hearer, hears or {UserRegistered: on_registered}, {"identity": door})


async def test_a_fact_is_heard_promptly_and_in_order(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books, ids = Books(), [f"u{n}" for n in range(20)]
    listener = listen(books, hearer, Calm(FactsRpc({"identity": FactsLog(teller)}), 0))
    await listener.start()
    await tell(teller, *ids)
    await until(lambda: len(books.heard) == 20)
    await listener.stop()
    assert books.heard == ids


async def test_repeats_delays_and_absences_change_nothing(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books, ids = Books(), [f"u{n}" for n in range(30)]
    listener = listen(books, hearer, Perturbed(FactsRpc({"identity": FactsLog(teller)}), seed=7))
    await listener.start()
    await tell(teller, *ids)
    await until(lambda: len(books.heard) >= 30)
    await asyncio.sleep(0.1)
    await listener.stop()
    assert books.heard == ids


async def test_a_restarted_hearer_goes_on_where_it_left_off(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books, door = Books(), Calm(FactsRpc({"identity": FactsLog(teller)}), 0)
    await tell(teller, "u1", "u2")
    first = listen(books, hearer, door)
    await first.start()
    async with asyncio.timeout(5):
        while await position(hearer) < 2:
            await asyncio.sleep(0.005)
    await first.stop()
    await tell(teller, "u3")
    second = listen(books, hearer, door)
    await second.start()
    await until(lambda: len(books.heard) == 3)
    await second.stop()
    assert books.heard == ["u1", "u2", "u3"]


async def test_a_poisonous_fact_is_parked_and_the_rest_goes_on(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books = Books()
    books.refuse = lambda user_id: user_id == "bad"
    listener = listen(books, hearer, Calm(FactsRpc({"identity": FactsLog(teller)}), 0))
    await listener.start()
    await tell(teller, "u1", "bad", "u2")
    await until(lambda: books.heard == ["u1", "u2"])
    await listener.stop()
    async with hearer.snapshot() as tx:
        parked = await tx.all(select(tables.dead_letter))
        heard = await tx.scalar(select(func.count()).select_from(tables.inbox))
    assert [(row.type, "bad" in row.data) for row in parked] == [("USER_REGISTERED", True)]
    assert heard == 2


async def test_a_fact_that_fails_once_is_heard_at_the_second_try(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books, failures = Books(), iter([True, False])
    books.refuse = lambda _: next(failures)
    listener = listen(books, hearer, Calm(FactsRpc({"identity": FactsLog(teller)}), 0))
    await listener.start()
    await tell(teller, "u1")
    await until(lambda: books.heard == ["u1"])
    await listener.stop()


async def test_facts_nobody_asked_for_are_stepped_over(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    books = Books()
    async with teller.transaction() as tx:
        tx.tell(EmailVerified(user_id="u1", email="x@example.com"))
    listener = listen(books, hearer, Calm(FactsRpc({"identity": FactsLog(teller)}), 0))
    await listener.start()
    await tell(teller, "u2")
    await until(lambda: books.heard == ["u2"])
    await listener.stop()


async def test_who_hears_everything_gets_the_envelope(rooms: tuple[Database, Database]) -> None:
    teller, hearer = rooms
    seen: list[facts_pb2.Fact] = []

    async def on_any(room: None, tx: Tx, fact: facts_pb2.Fact) -> None:
        seen.append(fact)

    listener = listen(None, hearer, Calm(FactsRpc({"identity": FactsLog(teller)}), 0), {Event: on_any})
    await listener.start()
    await tell(teller, "u1")
    await until(lambda: len(seen) == 1)
    await listener.stop()
    assert (seen[0].type, seen[0].subject, seen[0].source) == ("USER_REGISTERED", "u1", "identity")
