"""Totals by day, and the flows as a customer reads them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, Text, case, func, literal_column, select, tuple_

from tollway.fabric.db import Tx
from tollway.kit.times import to_rfc3339
from tollway.services.access.model import FlowRecord
from tollway.services.access.store.flows import as_flow
from tollway.services.access.store.tables import flow, lease, resource, usage_day, usage_total


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """By how much one flow's counters went up; `flows` is 1 when it was not known before."""

    user_id: str
    resource_id: str
    asset: str
    protocol: str
    target: str
    input_octets: int
    output_octets: int
    requests: int
    flows: int


@dataclass(frozen=True, slots=True)
class Total:
    """Sums of counters. `key` is what they are grouped by."""

    key: str
    input_octets: int
    output_octets: int
    requests: int
    flows: int


@dataclass(frozen=True, slots=True)
class RunningTotals:
    """A customer's sums since ever, and when the newest report came that they include; 0: there was none."""

    everything: Total
    by_protocol: list[Total]
    as_of_us: int


@dataclass(frozen=True, slots=True)
class Record:
    """A flow with where it was served and what paid for it."""

    flow: FlowRecord
    asset: str
    kind: str
    node: str
    updated_at_us: int
    user_id: str


SUMS = ("input_octets", "output_octets", "requests", "flows")


def day_of(at_us: int) -> str:
    """Return the day in UTC, as in `2026-11-22`."""
    return to_rfc3339(at_us)[:10]


async def count(tx: Tx, deltas: Sequence[UsageDelta]) -> None:
    """Add to today's totals and to the running ones."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for one in deltas:
        into = sums.setdefault((one.user_id, one.asset, one.protocol), [0, 0, 0, 0])
        for place, name in enumerate(SUMS):
            into[place] += getattr(one, name)
    # In order of key, or two transactions could wait for each other.
    rows = [
        {"user_id": user_id, "asset": asset, "protocol": protocol} | dict(zip(SUMS, added, strict=True))
        for (user_id, asset, protocol), added in sorted(sums.items())
        if any(added)
    ]
    if not rows:
        return
    keys = ["user_id", "asset", "protocol"]
    insert = tx.insert(usage_day)
    grown = {name: usage_day.c[name] + insert.excluded[name] for name in SUMS}
    day = day_of(tx.now_us)
    await tx.run(
        insert.on_conflict_do_update(index_elements=["day", *keys], set_=grown),
        [row | {"day": day} for row in rows],
    )
    insert = tx.insert(usage_total)
    grown = {name: usage_total.c[name] + insert.excluded[name] for name in SUMS}
    grown["updated_at_us"] = insert.excluded.updated_at_us
    await tx.run(
        insert.on_conflict_do_update(index_elements=keys, set_=grown),
        [row | {"updated_at_us": tx.now_us} for row in rows],
    )


async def total_since(tx: Tx, user_id: str, day: str) -> Total:
    """Return a customer's sums since a day, that day included."""
    everything = literal_column("''", Text)
    wanted = _summed(usage_day, everything).where(usage_day.c.user_id == user_id, usage_day.c.day >= day)
    row = await tx.first(wanted)
    assert row is not None
    return as_total("", row)


async def total_of_day(tx: Tx, user_id: str, day: str) -> Total:
    """Return a customer's sums of one day."""
    everything = literal_column("''", Text)
    wanted = _summed(usage_day, everything).where(usage_day.c.user_id == user_id, usage_day.c.day == day)
    row = await tx.first(wanted)
    assert row is not None
    return as_total(day, row)


async def running_totals(tx: Tx, user_id: str) -> RunningTotals:
    """Return a customer's sums since ever."""
    by = usage_total.c.protocol
    newest = func.max(usage_total.c.updated_at_us).label("newest")
    wanted = _summed(usage_total, by).add_columns(newest).where(usage_total.c.user_id == user_id)
    rows = await tx.all(wanted.group_by(by).order_by(by))
    by_protocol = [as_total(row.key, row) for row in rows]
    sums = {name: sum(getattr(one, name) for one in by_protocol) for name in SUMS}
    return RunningTotals(Total("", **sums), by_protocol, max((row.newest for row in rows), default=0))


async def totals_by_month(tx: Tx, user_id: str, asset: str, months: int) -> list[Total]:
    """Return a customer's sums by month (`2026-11`), newest first; of one asset, or of all."""
    by = func.substr(usage_day.c.day, 1, 7)
    wanted = _summed(usage_day, by).where(usage_day.c.user_id == user_id)
    if asset:
        wanted = wanted.where(usage_day.c.asset == asset)
    # By its name: with bound parameters the engines would not see that the expressions are the same.
    key = literal_column("key", Text)
    wanted = wanted.group_by(key).order_by(key.desc()).limit(months)
    return [as_total(row.key, row) for row in await tx.all(wanted)]


async def open_flows(tx: Tx, user_id: str) -> int:
    """Return how many of a customer's flows have not stopped."""
    here = (flow.c.user_id == user_id) & ~flow.c.stopped
    return int(await tx.scalar(select(func.count()).select_from(flow).where(here)))


@dataclass(frozen=True, slots=True)
class Load:
    """What a node carries: flows that are open, leases that are live and what they still hold in bytes."""

    flows: int = 0
    leases: int = 0
    remaining: int = 0


async def loads(tx: Tx, byte_kinds: Collection[str]) -> dict[str, Load]:
    """Return what nodes carry, by name; what leases hold is summed over resources of these kinds."""
    count = func.count()
    flows = await tx.all(select(flow.c.node, count.label("n")).where(~flow.c.stopped).group_by(flow.c.node))
    in_bytes = case((resource.c.kind.in_(byte_kinds), lease.c.remaining), else_=0)
    leases = await tx.all(
        select(lease.c.node, count.label("n"), func.sum(in_bytes).label("remaining"))
        .join(resource, resource.c.id == lease.c.resource_id)
        .where(~lease.c.ended)
        .group_by(lease.c.node)
    )
    found = {row.node: Load(flows=row.n) for row in flows}
    for row in leases:
        known = found.get(row.node, Load())
        found[row.node] = Load(known.flows, row.n, int(row.remaining))
    return found


@dataclass(frozen=True, slots=True)
class Filter:
    """Which flows: of one resource or node, open or closed ones, started in [since, until), of some sessions.

    `target`: a part of the target's name, in either case; `protocol`: what nodes call it.
    """

    resource_id: str = ""
    stopped: bool | None = None
    since_us: int = 0
    until_us: int = 0
    node: str = ""
    session_ids: tuple[str, ...] = ()
    target: str = ""
    protocol: str = ""


async def find_record(tx: Tx, session_id: str) -> Record | None:
    """Return a flow, whosever it is."""
    row = await tx.first(_RECORDS.where(flow.c.session_id == session_id))
    return None if row is None else _record(row)


async def find_records(tx: Tx, user_id: str, session_ids: Sequence[str]) -> dict[str, Record]:
    """Return those of a customer's flows that exist, by id."""
    mine = (flow.c.user_id == user_id) & flow.c.session_id.in_(session_ids)
    return {row.session_id: _record(row) for row in await tx.all(_RECORDS.where(mine))}


_RECORDS = select(flow, resource.c.kind).join(resource, resource.c.id == flow.c.resource_id)


def _record(row: Row[Any]) -> Record:
    return Record(as_flow(row), row.asset, row.kind, row.node, row.updated_at_us, row.user_id)


async def records(
    tx: Tx, user_id: str, only: Filter, after: tuple[int, str] | None, limit: int, *, newest_first: bool
) -> list[Record]:
    """Return the flows of a customer, or of all when empty, by when they started, from after a position on."""
    position = tuple_(flow.c.started_at_us, flow.c.session_id)
    wanted = _filtered(_RECORDS, only).limit(limit)
    if user_id:
        wanted = wanted.where(flow.c.user_id == user_id)
    if newest_first:
        wanted = wanted.order_by(flow.c.started_at_us.desc(), flow.c.session_id.desc())
    else:
        wanted = wanted.order_by(flow.c.started_at_us, flow.c.session_id)
    if after is not None:
        wanted = wanted.where(position < after if newest_first else position > after)
    rows = await tx.all(wanted)
    return [_record(row) for row in rows]


def _filtered(wanted: Select[Any], only: Filter) -> Select[Any]:
    if only.resource_id:
        wanted = wanted.where(flow.c.resource_id == only.resource_id)
    if only.node:
        wanted = wanted.where(flow.c.node == only.node)
    if only.stopped is not None:
        wanted = wanted.where(flow.c.stopped if only.stopped else ~flow.c.stopped)
    if only.since_us:
        wanted = wanted.where(flow.c.started_at_us >= only.since_us)
    if only.until_us:
        wanted = wanted.where(flow.c.started_at_us < only.until_us)
    if only.session_ids:
        wanted = wanted.where(flow.c.session_id.in_(only.session_ids))
    if only.target:
        wanted = wanted.where(flow.c.target.icontains(only.target, autoescape=True))
    if only.protocol:
        wanted = wanted.where(flow.c.protocol == only.protocol)
    return wanted


def _summed(table: Table, by: ColumnElement[str]) -> Select[Any]:
    sums = [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in SUMS]
    return select(by.label("key"), *sums)


def as_total(key: str, row: Row[Any]) -> Total:
    """Read sums from a row that has a column for each."""
    # PostgreSQL sums into NUMERIC.
    return Total(key, *(int(getattr(row, name)) for name in SUMS))
