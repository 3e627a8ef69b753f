"""What was used over time and with whom: sums by quarter of an hour, and by day and target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Text, delete, func, literal_column, select

from tollway.fabric.db import Tx
from tollway.kit.times import MINUTE_US
from tollway.services.access.store.tables import usage_quarter, usage_target
from tollway.services.access.store.usage import SUMS, Total, UsageDelta, as_total, day_of

# Time zones are whole quarters of an hour from UTC, so that hours, days and months of all of them add up from these.
QUARTER_US = 15 * MINUTE_US
# How many targets of a customer keep sums of their own of each day that is over; the others share one without a name.
MAX_TARGETS = 1_000
OTHER_TARGETS = ""
GroupBy = Literal["protocol", "asset", "resource"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sums of one bucket of time: `number` counts local hours or days since the epoch."""

    number: int
    total: Total


async def count(tx: Tx, deltas: Sequence[UsageDelta]) -> None:
    """Add to the sums of this quarter of an hour and of today's targets."""
    quarters: dict[tuple[str, ...], list[int]] = {}
    targets: dict[tuple[str, ...], list[int]] = {}
    for one in deltas:
        _add(quarters, (one.user_id, one.resource_id, one.asset, one.protocol), one)
        _add(targets, (one.user_id, one.target), one)
    start_us = tx.now_us - tx.now_us % QUARTER_US
    keys = ("user_id", "resource_id", "asset", "protocol")
    await _upsert(tx, usage_quarter, {"start_us": start_us}, keys, quarters)
    day = day_of(tx.now_us)
    await _upsert(tx, usage_target, {"day": day}, ("user_id", "target"), targets)


def _add(sums: dict[tuple[str, ...], list[int]], key: tuple[str, ...], delta: UsageDelta) -> None:
    into = sums.setdefault(key, [0] * len(SUMS))
    for place, name in enumerate(SUMS):
        into[place] += getattr(delta, name)


async def _upsert(
    tx: Tx, table: Any, when: dict[str, Any], keys: Sequence[str], sums: dict[tuple[str, ...], list[int]]
) -> None:
    # In order of key, or two transactions could wait for each other.
    rows = [
        when | dict(zip(keys, key, strict=True)) | dict(zip(SUMS, added, strict=True))
        for key, added in sorted(sums.items())
        if any(added)
    ]
    if rows:
        insert = tx.insert(table)
        grown = {name: table.c[name] + insert.excluded[name] for name in SUMS}
        await tx.run(insert.on_conflict_do_update(index_elements=[*when, *keys], set_=grown), rows)


async def buckets(
    tx: Tx, user_id: str, since_us: int, until_us: int, *, offset_us: int, length_us: int, by: GroupBy | None
) -> list[Bucket]:
    """Return a customer's sums in [since, until) by bucket of `length_us`, local time being UTC plus the offset."""
    number = ((usage_quarter.c.start_us + offset_us) // length_us).label("number")
    column: dict[GroupBy, ColumnElement[str]] = {
        "protocol": usage_quarter.c.protocol,
        "asset": usage_quarter.c.asset,
        "resource": usage_quarter.c.resource_id,
    }
    group: ColumnElement[str] = literal_column("''", Text) if by is None else column[by]
    key = group.label("key")
    rows = await tx.all(
        select(number, key, *_sums(usage_quarter))
        .where(usage_quarter.c.user_id == user_id)
        .where(usage_quarter.c.start_us >= since_us, usage_quarter.c.start_us < until_us)
        # By name: with bound parameters the engines would not see that the expressions are the same.
        .group_by(literal_column("number"), literal_column("key"))
    )
    return [Bucket(int(row.number), as_total(row.key, row)) for row in rows]


async def total_between(tx: Tx, user_id: str, since_us: int, until_us: int) -> Total:
    """Return a customer's sums in [since, until)."""
    row = await tx.first(
        select(*_sums(usage_quarter))
        .where(usage_quarter.c.user_id == user_id)
        .where(usage_quarter.c.start_us >= since_us, usage_quarter.c.start_us < until_us)
    )
    assert row is not None, "sums without a group are one row"
    return as_total("", row)


async def targets_between(tx: Tx, user_id: str, first_day: str, last_day: str, limit: int) -> list[Total]:
    """Return what a customer used with each target in these days (UTC), the largest first."""
    size = (func.sum(usage_target.c.input_octets + usage_target.c.output_octets)).label("size")
    rows: Sequence[Row[Any]] = await tx.all(
        select(usage_target.c.target.label("key"), size, *_sums(usage_target))
        .where(usage_target.c.user_id == user_id)
        .where(usage_target.c.day >= first_day, usage_target.c.day <= last_day)
        .group_by(usage_target.c.target)
        .order_by(size.desc(), usage_target.c.target)
        .limit(limit)
    )
    return [as_total(row.key, row) for row in rows]


async def fold_targets(tx: Tx, before_day: str) -> None:
    """Let the smallest targets beyond the bound of each customer and day share one sum."""
    number = func.count().label("number")
    crowded = (
        select(usage_target.c.user_id, usage_target.c.day)
        .where(usage_target.c.day < before_day, usage_target.c.target != OTHER_TARGETS)
        .group_by(usage_target.c.user_id, usage_target.c.day)
        .having(number > MAX_TARGETS)
    )
    for found in await tx.all(crowded):
        user_id, day = str(found.user_id), str(found.day)
        there = (usage_target.c.user_id == user_id) & (usage_target.c.day == day)
        smallest = (
            select(usage_target)
            .where(there, usage_target.c.target != OTHER_TARGETS)
            .order_by(
                (usage_target.c.input_octets + usage_target.c.output_octets).desc(), usage_target.c.target
            )
            .offset(MAX_TARGETS)
        ).subquery()
        row = await tx.first(select(*_sums(smallest)))
        assert row is not None, "sums without a group are one row"
        added = [int(getattr(row, name)) for name in SUMS]
        await tx.run(delete(usage_target).where(there, usage_target.c.target.in_(select(smallest.c.target))))
        await _upsert(
            tx, usage_target, {"day": day}, ("user_id", "target"), {(user_id, OTHER_TARGETS): added}
        )


async def delete_before(tx: Tx, start_us: int, day: str) -> None:
    """Delete sums of quarters that began, and of days that were, before these."""
    await tx.run(delete(usage_quarter).where(usage_quarter.c.start_us < start_us))
    await tx.run(delete(usage_target).where(usage_target.c.day < day))


def _sums(table: Any) -> list[Any]:
    return [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in SUMS]
