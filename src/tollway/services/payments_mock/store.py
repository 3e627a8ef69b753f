"""Tables and queries of the mock. An object is kept as the JSON that the API answers with.

object       every customer, payment, event …, with `hidden` for what the API does not show
answer       what was answered under an Idempotency-Key
delivery     one event for one webhook endpoint: attempts and how the last one ended
fault        failures planned for requests to come
request_log  the latest requests
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    literal_column,
    select,
    update,
)

from tollway.fabric.db import NAMING, Int64, Json, Tx

Body = dict[str, Any]

metadata = MetaData(naming_convention=NAMING)

objects = Table(
    "object",
    metadata,
    Column("position", Int64, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("created_s", Int64, nullable=False),
    Column("body", Json, nullable=False),
    Column("hidden", Json, nullable=False),
    Index("ix_object_kind_position", "kind", "position"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

answers = Table(
    "answer",
    metadata,
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Int64, nullable=False),
    Column("body", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    sqlite_strict=True,
)

deliveries = Table(
    "delivery",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Int64, nullable=False),
    Column("last_status", Int64, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    sqlite_strict=True,
)

faults = Table(
    "fault",
    metadata,
    Column("position", Int64, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("match", Text, nullable=False),
    Column("delay_ms", Int64, nullable=False),
    Column("times_left", Int64, nullable=False),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

request_log = Table(
    "request_log",
    metadata,
    Column("position", Int64, primary_key=True, autoincrement=True),
    Column("request_id", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("status", Int64, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)


@dataclass(slots=True)
class Stored:
    """An object, and what the API does not show of it."""

    body: Body
    hidden: Body = field(default_factory=dict[str, Any])

    @property
    def id(self) -> str:
        """The object's id."""
        return self.body["id"]


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted. Lists are newest first; `after` is older, `before` newer."""

    limit: int = 10
    after: str = ""
    before: str = ""
    created: Mapping[str, int] = field(default_factory=dict[str, int])
    types: Sequence[str] = ()


# ── objects ─────────────────────────────────────────────────────────────────────────────────────────


async def find(tx: Tx, kind: str, ref: str) -> Stored | None:
    """Return one object, or None. On PostgreSQL it stays locked until the transaction ends."""
    query = select(objects.c.body, objects.c.hidden).where(objects.c.id == ref, objects.c.kind == kind)
    row = await tx.first(query.with_for_update())
    return Stored(row.body, row.hidden) if row else None


async def save(tx: Tx, item: Stored, created_s: int) -> None:
    """Write a new object, or the new state of a known one."""
    kind = item.body["object"]
    row = {"id": item.id, "kind": kind, "created_s": created_s, "body": item.body, "hidden": item.hidden}
    insert = tx.insert(objects).values(row)
    changed = {"body": insert.excluded.body, "hidden": insert.excluded.hidden}
    await tx.run(insert.on_conflict_do_update(index_elements=["id"], set_=changed))


async def remove(tx: Tx, ref: str) -> None:
    """Forget an object."""
    await tx.run(delete(objects).where(objects.c.id == ref))


async def some(tx: Tx, kind: str, where: Mapping[str, Any], part: Slice) -> tuple[list[Body], bool]:
    """Return a part of a list, newest first, and whether there is more in the direction asked.

    Raises LookupError with the id when `after` or `before` name nothing.
    """
    query = _matching(kind, where, part)
    anchor = part.after or part.before
    position = await _position(tx, kind, anchor) if anchor else 0
    if part.before:
        query = query.where(objects.c.position > position).order_by(objects.c.position.asc())
    else:
        query = query.order_by(objects.c.position.desc())
        query = query.where(objects.c.position < position) if part.after else query
    rows = list(await tx.all(query.limit(part.limit + 1)))
    shown = rows[: part.limit]
    if part.before:
        shown.reverse()
    return [row.body for row in shown], len(rows) > part.limit


def _matching(kind: str, where: Mapping[str, Any], part: Slice) -> Select[Any, Any]:
    query = select(objects.c.position, objects.c.body).where(objects.c.kind == kind)
    for name, value in where.items():
        # SQLite reads a JSON true as 1, PostgreSQL as true.
        sought = {True: ("true", "1"), False: ("false", "0")}[value] if type(value) is bool else (value,)
        query = query.where(_member(name).in_(sought))
    if part.types:
        query = query.where(_member("type").in_(part.types))
    bounds = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
    for name, at_s in part.created.items():
        query = query.where(getattr(objects.c.created_s, bounds[name])(at_s))
    return query


def _member(name: str) -> ColumnElement[str]:
    """Return a member of the body as text; the operator is the same on both engines."""
    assert name.isidentifier(), "members are named by the program, never by a request"
    return cast(objects.c.body.op("->>")(literal_column(f"'{name}'")), Text)


async def _position(tx: Tx, kind: str, ref: str) -> int:
    found = await tx.scalar(select(objects.c.position).where(objects.c.id == ref, objects.c.kind == kind))
    if found is None:
        raise LookupError(ref)
    return found


async def counts(tx: Tx) -> dict[str, int]:
    """Count the objects of each kind."""
    query = select(objects.c.kind, func.count().label("number")).group_by(objects.c.kind)
    return {row.kind: row.number for row in await tx.all(query.order_by(objects.c.kind))}


async def any_object(tx: Tx, ref: str) -> Body | None:
    """Return an object of whatever kind."""
    return await tx.scalar(select(objects.c.body).where(objects.c.id == ref))


# ── idempotency ─────────────────────────────────────────────────────────────────────────────────────


async def claim_key(tx: Tx, key: str, request_hash: str, older_than_us: int) -> Row[Any] | None:
    """Take an Idempotency-Key for this request; return the answer stored under it when there is one.

    A concurrent request with the same key waits here until this one has committed, and then finds its answer.
    """
    await tx.run(delete(answers).where(answers.c.key == key, answers.c.at_us < older_than_us))
    blank = {
        "key": key,
        "request_hash": request_hash,
        "request_id": "",
        "status": 0,
        "body": "",
        "at_us": tx.now_us,
    }
    made = await tx.run(tx.insert(answers).values(blank).on_conflict_do_nothing())
    return None if made.rowcount else await tx.first(select(answers).where(answers.c.key == key))


async def keep_answer(tx: Tx, key: str, request_id: str, status: int, body: str) -> None:
    """Store what was answered under a key."""
    kept = {"request_id": request_id, "status": status, "body": body}
    await tx.run(update(answers).where(answers.c.key == key).values(kept))


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────


async def add_delivery(tx: Tx, ref: str, event_id: str, endpoint_id: str) -> None:
    """Note that an event is to be delivered to an endpoint."""
    row = {"id": ref, "event_id": event_id, "endpoint_id": endpoint_id, "state": "pending", "attempts": 0}
    await tx.run(deliveries.insert(), {**row, "last_status": 0, "last_error": "", "created_at_us": tx.now_us})


async def delivery(tx: Tx, ref: str) -> Row[Any] | None:
    """Return one delivery."""
    return await tx.first(select(deliveries).where(deliveries.c.id == ref))


async def note_attempt(tx: Tx, ref: str, state: str, status: int, error: str) -> None:
    """Note how an attempt to deliver ended."""
    noted = {
        "state": state,
        "attempts": deliveries.c.attempts + 1,
        "last_status": status,
        "last_error": error,
    }
    await tx.run(update(deliveries).where(deliveries.c.id == ref).values(noted))


async def latest_deliveries(tx: Tx, limit: int) -> list[Body]:
    """Return the latest deliveries, newest first."""
    found = await tx.run(select(deliveries).order_by(deliveries.c.id.desc()).limit(limit))
    return [dict(row) for row in found.mappings()]


# ── faults and the log ──────────────────────────────────────────────────────────────────────────────


async def add_fault(tx: Tx, kind: str, match: str, delay_ms: int, times: int) -> None:
    """Plan a failure for the next `times` requests or events that it matches."""
    await tx.run(faults.insert(), {"kind": kind, "match": match, "delay_ms": delay_ms, "times_left": times})


async def planned_faults(tx: Tx) -> Sequence[Row[Any]]:
    """Return what is planned, oldest first."""
    return await tx.all(select(faults).order_by(faults.c.position))


async def use_fault(tx: Tx, position: int) -> None:
    """Count one use of a planned fault; the last one removes it."""
    await tx.run(
        update(faults).where(faults.c.position == position).values(times_left=faults.c.times_left - 1)
    )
    await tx.run(delete(faults).where(faults.c.position == position, faults.c.times_left < 1))


async def log_request(tx: Tx, row: Mapping[str, Any], keep: int) -> None:
    """Add a request to the log, and let the oldest go."""
    added = request_log.insert().values({**row, "at_us": tx.now_us}).returning(request_log.c.position)
    newest = await tx.scalar(added)
    await tx.run(delete(request_log).where(request_log.c.position <= newest - keep))


async def latest_requests(tx: Tx, limit: int) -> list[Body]:
    """Return the latest requests, newest first."""
    found = await tx.run(select(request_log).order_by(request_log.c.position.desc()).limit(limit))
    return [dict(row) for row in found.mappings()]


async def clear(tx: Tx, *, webhook_endpoints: bool) -> None:
    """Forget everything; the webhook endpoints only when asked."""
    for table in (answers, deliveries, faults, request_log):
        await tx.run(delete(table))
    query = delete(objects)
    await tx.run(query if webhook_endpoints else query.where(objects.c.kind != "webhook_endpoint"))
