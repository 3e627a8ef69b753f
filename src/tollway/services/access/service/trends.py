"""Trends: what a customer used over time, beside the period before, and with which targets."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from tollway.fabric.db import Database
from tollway.kit.errors import Invalid
from tollway.kit.times import DAY_US, HOUR_US, SECOND_US
from tollway.services.access import store
from tollway.services.access.store.trends import QUARTER_US, GroupBy
from tollway.services.access.store.usage import SUMS, Total, day_of

Interval = Literal["hour", "day", "month"]
MAX_POINTS = 800
MAX_PERIOD_US = 760 * DAY_US
MIN_SINCE_US, MAX_SINCE_US = 946_684_800 * SECOND_US, 4_102_444_800 * SECOND_US
# Groups with a series of their own; the others share one.
MAX_SERIES = 5


@dataclass(frozen=True, slots=True)
class TrendQuery:
    """[since, until) in buckets cut at the hours, midnights or months of a time zone.

    Both are whole quarters of an hour. Raises Invalid.
    """

    since_us: int
    until_us: int
    interval: Interval
    time_zone: str
    group_by: GroupBy | None = None

    def __post_init__(self) -> None:
        _check_period(self.since_us, self.until_us)
        assert self.since_us % QUARTER_US == 0 == self.until_us % QUARTER_US, "sums are kept by quarter"


@dataclass(frozen=True, slots=True)
class Series:
    """Sums of one group, or (None) of all groups without a series of their own; a total for each point."""

    group: str | None
    total: Total
    points: list[Total]


@dataclass(frozen=True, slots=True)
class Trend:
    """When the buckets start, the groups from the largest on, and the sums of all and of the period before."""

    starts_us: list[int]
    series: list[Series]
    total: Total
    previous: Total


class Trends:
    """Sums over time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def usage(self, user_id: str, query: TrendQuery) -> Trend:
        """Return what was used by bucket. Raises Invalid when there are too many of them.

        The period before is as long and ends where this one begins.
        """
        starts_us = bucket_starts(query)
        length_us = HOUR_US if query.interval == "hour" else DAY_US
        found: list[tuple[int, Total]] = []
        async with self._db.snapshot() as tx:
            for since_us, until_us, offset_us in _segments(query):
                # Whole hours of it would give the hour that is repeated in autumn the same number twice.
                ahead_us = offset_us % HOUR_US if query.interval == "hour" else offset_us
                buckets = await store.trends.buckets(
                    tx,
                    user_id,
                    since_us,
                    until_us,
                    offset_us=ahead_us,
                    length_us=length_us,
                    by=query.group_by,
                )
                # A bucket begins with its hour or day, or where the clocks change within that.
                found += [(max(one.number * length_us - ahead_us, since_us), one.total) for one in buckets]
            before_us = query.since_us - (query.until_us - query.since_us)
            previous = await store.trends.total_between(tx, user_id, before_us, query.since_us)
        series = _series(query, starts_us, found)
        total = _sum([one.total for one in series])
        return Trend(starts_us, series, total, previous)

    async def targets(self, user_id: str, since_us: int, until_us: int, limit: int) -> list[Total]:
        """Return the targets a customer used most on the days (UTC) of [since, until). Raises Invalid."""
        _check_period(since_us, until_us)
        async with self._db.snapshot() as tx:
            return await store.trends.targets_between(
                tx, user_id, day_of(since_us), day_of(until_us - 1), limit
            )


def _check_period(since_us: int, until_us: int) -> None:
    if not 0 < until_us - since_us <= MAX_PERIOD_US:
        days = MAX_PERIOD_US // DAY_US
        raise Invalid.of("until", f"must be after since, and not more than {days} days after it")
    if not MIN_SINCE_US <= since_us <= MAX_SINCE_US:
        raise Invalid.of("since", "must be between the years 2000 and 2100")


def bucket_starts(query: TrendQuery) -> list[int]:
    """Return when the buckets start, the first one at `since`. Raises Invalid."""
    zone = ZoneInfo(query.time_zone)
    starts_us = [query.since_us]
    while (next_us := _next_start(starts_us[-1], query.interval, zone)) < query.until_us:
        starts_us.append(next_us)
        if len(starts_us) > MAX_POINTS:
            raise Invalid.of("interval", f"gives more than {MAX_POINTS} points; ask for a longer one")
    return starts_us


def _next_start(at_us: int, interval: Interval, zone: ZoneInfo) -> int:
    if interval == "hour":
        ahead_us = _offset_us(at_us, zone) % HOUR_US
        return at_us + HOUR_US - (at_us + ahead_us) % HOUR_US
    local = datetime.fromtimestamp(at_us // SECOND_US, zone).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "day":
        wanted = midnight + timedelta(days=1)
    else:
        wanted = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return int(wanted.replace(tzinfo=zone).timestamp()) * SECOND_US


def _offset_us(at_us: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at_us // SECOND_US, zone).utcoffset()
    assert offset is not None, "a time zone knows its offset"
    return int(offset.total_seconds()) * SECOND_US


def _segments(query: TrendQuery) -> list[tuple[int, int, int]]:
    """Cut the period where the zone's offset changes: (since, until, offset of local time) in order."""
    zone = ZoneInfo(query.time_zone)
    edges_us = [query.since_us]
    at_us = query.since_us
    while at_us < query.until_us:
        offset_us, next_us = _offset_us(at_us, zone), at_us + DAY_US
        if _offset_us(next_us, zone) != offset_us:
            next_us = at_us + QUARTER_US
            while _offset_us(next_us, zone) == offset_us:
                next_us += QUARTER_US
            edges_us.append(next_us)
        at_us = next_us
    edges_us = [*(edge_us for edge_us in edges_us if edge_us < query.until_us), query.until_us]
    return [(since_us, until_us, _offset_us(since_us, zone)) for since_us, until_us in pairwise(edges_us)]


def _series(query: TrendQuery, starts_us: list[int], found: list[tuple[int, Total]]) -> list[Series]:
    """Add up what was found, each with when it begins, to the point that this moment belongs to."""
    groups: dict[str | None, list[list[Total]]] = {}
    if query.group_by is None:
        groups[None] = [[] for _ in starts_us]
    for start_us, total in found:
        group = total.key if query.group_by else None
        points = groups.setdefault(group, [[] for _ in starts_us])
        points[bisect_right(starts_us, start_us) - 1].append(total)
    series = [_summed(group, points) for group, points in groups.items()]
    series.sort(key=lambda one: (-(one.total.input_octets + one.total.output_octets), one.group or ""))
    if len(series) <= MAX_SERIES:
        return series
    others = [one.points for one in series[MAX_SERIES:]]
    return [*series[:MAX_SERIES], _summed(None, [list(point) for point in zip(*others, strict=True)])]


def _summed(group: str | None, points: list[list[Total]]) -> Series:
    sums = [_sum(point) for point in points]
    return Series(group, _sum(sums), sums)


def _sum(totals: list[Total]) -> Total:
    return Total("", *(sum(getattr(one, name) for one in totals) for name in SUMS))
