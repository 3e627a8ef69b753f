"""A toy process, killed at every point and driven on in every way: it comes to one end, and each call counts once."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text, select, update

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tests.kit.killing import Fate, Killed, MortalDatabase
from tollway.fabric.db import Database, Int64, Tx
from tollway.fabric.jobs import DurableProcess, Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.kit.errors import Conflict, Problem, Unavailable

metadata = MetaData()
parcel = Table(
    "parcel",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("moves", Int64, nullable=False),
    Column("late_at_us", Int64, nullable=False),
)


@dataclass
class Carrier:
    """Whoever is called. It remembers each call by its key, so a repeat changes nothing."""

    done: dict[str, int] = field(default_factory=dict)
    refuses: str = ""
    silent: bool = False
    away: bool = False

    async def call(self, key: str, fate: Fate) -> bool:
        await fate.point(f"ask {key}")
        if self.silent:
            raise Unavailable("the carrier does not answer")
        if key.endswith(self.refuses or "\0"):
            return False
        self.done[key] = 1
        await fate.point(f"asked {key}")
        return True


@dataclass
class Parcels:
    """The toy: packed → sent → delivered, or returned when sending is refused or too late."""

    db: Any
    carrier: Carrier
    fate: Fate = field(default_factory=Fate)

    def __post_init__(self) -> None:
        self.process = DurableProcess[Any, str](
            name="parcel",
            db=self.db,
            job="move_parcel",
            find=lambda tx, id_: tx.first(select(parcel).where(parcel.c.id == id_)),
            state=lambda row: row.state,
            steps={"packed": self._send, "sent": self._deliver, "returning": self._return},
            move=_move,
            overdue=lambda row, now_us: (
                "returning" if row.state == "packed" and now_us >= row.late_at_us else None
            ),
        )

    async def begin(self, id_: str = "one", late_in_s: int = 60) -> Any:
        async with self.db.transaction() as tx:
            late_at_us = tx.now_us + late_in_s * 1_000_000
            row = {"id": id_, "state": "packed", "moves": 0, "late_at_us": late_at_us}
            if (await tx.run(tx.insert(parcel).values(row).on_conflict_do_nothing())).rowcount:
                self.process.enqueue(tx, id_)
        return await self.process.drive(id_)

    async def resume_stuck(self) -> None:
        await self.process.resume(_open)

    async def _send(self, row: Any) -> str:
        return "sent" if await self.carrier.call(f"{row.id}:send", self.fate) else "returning"

    async def _deliver(self, row: Any) -> str | None:
        if self.carrier.away:
            return None
        return "delivered" if await self.carrier.call(f"{row.id}:deliver", self.fate) else "returning"

    async def _return(self, row: Any) -> str:
        await self.carrier.call(f"{row.id}:return", self.fate)
        return "returned"


async def _move(tx: Tx, row: Any, to: str) -> bool:
    still = (parcel.c.id == row.id) & (parcel.c.state == row.state)
    moved = await tx.run(update(parcel).where(still).values(state=to, moves=parcel.c.moves + 1))
    return moved.rowcount == 1


async def _open(tx: Tx, after: str, limit: int) -> Sequence[str]:
    still = parcel.c.state.in_(["packed", "sent", "returning"]) & (parcel.c.id > after)
    return [
        row.id for row in await tx.all(select(parcel.c.id).where(still).order_by(parcel.c.id).limit(limit))
    ]


async def move_parcel(service: Parcels, payload: dict[str, Any]) -> None:
    await service.process.advance(payload["id"])


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, None, "toy") as opened:
        async with opened.transaction() as tx:
            await tx.conn.run_sync(metadata.create_all)
        yield opened


async def test_a_process_that_nobody_disturbs_is_driven_to_its_end(db: Database) -> None:
    carrier = Carrier()
    row = await Parcels(db, carrier).begin()
    assert (row.state, row.moves, list(carrier.done)) == ("delivered", 2, ["one:send", "one:deliver"])


@pytest.mark.parametrize("way", ["begin again", "job", "timed work"])
@pytest.mark.parametrize(("refuses", "end", "moves"), [("", "delivered", 2), ("deliver", "returned", 3)])
async def test_killed_at_every_point_it_comes_to_the_same_end(
    way: str, refuses: str, end: str, moves: int, db: Database, clock: FakeClock
) -> None:
    for survives in range(100):
        id_, carrier, fate = f"p{survives}", Carrier(refuses=refuses), Fate(survives)
        doomed = Parcels(MortalDatabase(db, fate), carrier, fate)
        try:
            await doomed.begin(id_)
            killed = False
        except Killed:
            killed = True
        living = Parcels(db, carrier)
        if way == "begin again":
            await living.begin(id_)
        elif way == "job":
            clock.advance(6)
            await Worker(living, SqlJobQueue(db), {"move_parcel": move_parcel}).run_due()
        else:
            await living.resume_stuck()
        async with db.snapshot() as tx:
            row = await tx.first(select(parcel).where(parcel.c.id == id_))
        assert row is None or (row.state, row.moves) == (end, moves)
        assert row is not None or not carrier.done
        if not killed:
            assert survives > 6
            return
    raise AssertionError("it was killed at every point")


async def test_who_is_not_answered_waits_and_goes_on_later(db: Database) -> None:
    carrier = Carrier(silent=True)
    parcels = Parcels(db, carrier)
    assert (await parcels.begin()).state == "packed"
    await parcels.resume_stuck()
    with pytest.raises(Unavailable):
        await parcels.process.advance("one")
    carrier.silent = False
    await parcels.resume_stuck()
    assert (await parcels.process.read("one")).state == "delivered"


async def test_a_row_that_waits_for_somebody_outside_stays_where_it_is(db: Database) -> None:
    carrier = Carrier(away=True)
    parcels = Parcels(db, carrier)
    assert (await parcels.begin()).state == "sent"
    await parcels.resume_stuck()
    assert ((await parcels.process.advance("one")).state, carrier.done) == ("sent", {"one:send": 1})
    carrier.away = False
    await parcels.resume_stuck()
    assert (await parcels.process.read("one")).state == "delivered"


async def test_what_is_too_late_is_undone(db: Database, clock: FakeClock) -> None:
    carrier = Carrier(silent=True)
    parcels = Parcels(db, carrier)
    await parcels.begin()
    clock.advance(61)
    carrier.silent = False
    assert (await parcels.process.advance("one")).state == "returned"
    assert list(carrier.done) == ["one:return"]


async def test_one_row_that_cannot_be_finished_does_not_keep_the_others_waiting(db: Database) -> None:
    carrier = Carrier(silent=True)
    parcels = Parcels(db, carrier)
    for id_ in ("a", "b"):
        await parcels.begin(id_)
    carrier.silent = False
    call = carrier.call

    async def broken_for_a(key: str, fate: Fate) -> bool:
        if key.startswith("a:"):
            raise Conflict("a cannot be moved")
        return await call(key, fate)

    carrier.call = broken_for_a
    await parcels.resume_stuck()
    assert [(await parcels.process.read(id_)).state for id_ in ("a", "b")] == ["packed", "delivered"]
    with pytest.raises(Problem):
        await parcels.process.advance("a")
