"""What gave up waits for a person, who can have it tried again."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.contracts import facts_pb2
from tollway.contracts.events import Event, UserRegistered
from tollway.fabric.bus import Listener
from tollway.fabric.bus import listener as listener_module
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import ATTEMPTS, Worker
from tollway.fabric.stuck import Stuck, put_back, stuck
from tollway.kit.errors import Unavailable


class Room:
    def __init__(self) -> None:
        self.broken = True
        self.done: list[str] = []

    async def work(self, payload: dict[str, Any]) -> None:
        if self.broken:
            raise Unavailable("the printer is on fire")
        self.done.append(payload["n"])

    async def hear(self, fact: str) -> None:
        if self.broken:
            raise RuntimeError("what is this?")
        self.done.append(fact)


async def all_stuck(db: Database) -> list[Stuck]:
    async with db.snapshot() as tx:
        return list(await stuck(tx))


async def back(db: Database, id_: str) -> bool:
    async with db.transaction() as tx:
        return await put_back(tx, id_)


async def test_a_dead_job_is_shown_and_tried_again_from_the_start(
    plain_db: Database, clock: FakeClock
) -> None:
    room = Room()
    worker = Worker(room, plain_db, {"print": Room.work})
    async with plain_db.transaction() as tx:
        tx.enqueue("print", {"n": "page"})
    for _ in range(ATTEMPTS):
        await worker.run_due()
        clock.advance(600)
    (one,) = await all_stuck(plain_db)
    assert (one.kind, one.what, one.error) == ("job", "print", "the printer is on fire")
    assert not await back(plain_db, "job_none")
    assert await back(plain_db, one.id)
    assert await all_stuck(plain_db) == []
    assert not await back(plain_db, one.id), "it is not stuck any more"
    await worker.run_due()
    assert await all_stuck(plain_db) == [], "one more failure is not the last"
    room.broken = False
    clock.advance(600)
    await worker.run_due()
    assert room.done == ["page"]


class Source:
    """A neighbour's log with one fact."""

    def __init__(self, fact: facts_pb2.Fact) -> None:
        self.fact = fact

    async def Read(self, request: facts_pb2.ReadRequest, timeout: float) -> facts_pb2.ReadResponse:
        return facts_pb2.ReadResponse(facts=[self.fact] if request.after < self.fact.position else [])


async def on_registered(room: Room, tx: Tx, fact: UserRegistered) -> None:
    await room.hear(fact.user_id)


async def on_anything(room: Room, tx: Tx, fact: facts_pb2.Fact) -> None:
    await room.hear(f"{fact.type} {fact.subject} {fact.correlation_id}")


@pytest.mark.parametrize(
    ("hears", "heard"),
    [({UserRegistered: on_registered}, "usr_1"), ({Event: on_anything}, "USER_REGISTERED usr_1 cor_1")],
)
async def test_a_parked_fact_is_shown_and_heard_again(
    kind: Kind, tmp_path: Path, clock: FakeClock, hears: Any, heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "ATTEMPTS", 1)
    fact = facts_pb2.Fact(
        position=1,
        id="evt_1",
        type="USER_REGISTERED",
        source="identity",
        subject="usr_1",
        data_json='{"user_id": "usr_1", "email": "a@example.com"}',
        correlation_id="cor_1",
    )
    async with database(kind, tmp_path, clock) as db:
        room = Room()
        listener = Listener(room, db, hears, {})
        await listener._hear_all("identity", [fact], 0)
        (one,) = await all_stuck(db)
        assert (one.kind, one.what) == ("fact", "USER_REGISTERED from identity")
        assert "what is this?" in one.error
        assert await listener.hear_again() == 0, "nobody asked for it"
        assert await back(db, "evt_1")
        assert await listener.hear_again() == 1
        assert [stuck.id for stuck in await all_stuck(db)] == ["evt_1"], (
            "it failed once more, and waits again"
        )
        room.broken = False
        assert await back(db, "evt_1")
        assert await listener.hear_again() == 1
        assert (room.done, await all_stuck(db)) == ([heard], [])
        assert await listener.hear_again() == 0


async def test_what_was_parked_by_an_earlier_version_is_heard_too(
    plain_db: Database, clock: FakeClock
) -> None:
    from tollway.fabric.db import tables

    room = Room()
    room.broken = False
    row = {
        "fact_id": "evt_1",
        "source": "identity",
        "type": "USER_REGISTERED",
        "data": '{"user_id": "usr_1", "email": "a@example.com"}',
        "error": "then",
        "at_us": clock.at_us,
        "envelope": None,
        "again": True,
    }
    async with plain_db.transaction() as tx:
        await tx.run(tx.insert(tables.dead_letter), row)
    assert await Listener(room, plain_db, {UserRegistered: on_registered}, {}).hear_again() == 1
    assert room.done == ["usr_1"]
