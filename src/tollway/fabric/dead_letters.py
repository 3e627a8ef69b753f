"""Work that gave up and waits for a person: dead jobs, and events that a handler refused too often.

A person looks at the reason, mends what is behind it, and puts the work back: then it is tried again from the start. A
event that is consumed again comes after others of its subject; handlers bear that, as they bear repeats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, update

from tollway.fabric.db import Tx, tables

SHOWN = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing that waits. `what` is the job's kind, or the event's type and where it came from."""

    id: str
    kind: Literal["job", "event"]
    what: str
    error: str
    since_us: int


async def dead_letters(tx: Tx) -> Sequence[DeadLetter]:
    """List what waits in a service, oldest first, at most `SHOWN` of each kind."""
    job, letter = tables.job.c, tables.dead_letter.c
    jobs = await tx.all(select(tables.job).where(job.state == "dead").order_by(job.id).limit(SHOWN))
    waiting = select(tables.dead_letter).where(~letter.again).order_by(letter.event_id).limit(SHOWN)
    return [
        *(DeadLetter(row.id, "job", row.kind, row.error, row.created_at_us) for row in jobs),
        *(
            DeadLetter(row.event_id, "event", f"{row.type} from {row.source}", row.error, row.at_us)
            for row in await tx.all(waiting)
        ),
    ]


async def count(tx: Tx) -> int:
    """Return how much waits in a service for a person."""
    dead = select(func.count()).select_from(tables.job).where(tables.job.c.state == "dead")
    parked = select(func.count()).select_from(tables.dead_letter).where(~tables.dead_letter.c.again)
    return sum([int(await tx.scalar(query)) for query in (dead, parked)])


async def retry(tx: Tx, id_: str) -> bool:
    """Have one thing tried again; False when nothing of this id waits here."""
    job, letter = tables.job, tables.dead_letter
    fresh = {"state": "ready", "attempts": 0, "due_us": tx.now_us, "leased_until_us": 0, "lease": ""}
    dead = (job.c.id == id_) & (job.c.state == "dead")
    parked = (letter.c.event_id == id_) & ~letter.c.again
    jobs = await tx.run(update(job).where(dead).values(fresh))
    events = await tx.run(update(letter).where(parked).values(again=True))
    return jobs.rowcount + events.rowcount > 0
