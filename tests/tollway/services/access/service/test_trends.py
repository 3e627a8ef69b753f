"""What was used over time, beside the period before, and with which targets."""

from itertools import pairwise
from typing import Any

import pytest

from tests.kit.metering import USER, AccessSetup, report
from tollway.kit.errors import Invalid
from tollway.kit.times import DAY_US, HOUR_US, from_rfc3339, to_rfc3339
from tollway.services.access.service.trends import MAX_SERIES, Interval, Trend, TrendQuery, bucket_starts
from tollway.services.access.store import trends as stored
from tollway.services.access.store.trends import GroupBy
from tollway.services.access.store.usage import Total

DAY_S = 24 * 3600


async def use(here: AccessSetup, resource_id: str, name: str, octets: int, **more: Any) -> None:
    """Report what a flow has used so far, on a fresh lease."""
    await here.node()
    lease_id, _ = await here.lease(resource_id, 100_000)
    record = report(resource_id, name, octets, **{"sequence": 1} | more)
    await here.access.reports.report("edge-1", lease_id, [record], release=True)


def at(text: str) -> int:
    return from_rfc3339(text)


async def trend(
    here: AccessSetup,
    since: str,
    until: str,
    interval: Interval = "day",
    time_zone: str = "UTC",
    group_by: GroupBy | None = None,
) -> Trend:
    query = TrendQuery(at(since), at(until), interval, time_zone, group_by)
    return await here.access.trends.usage(USER, query)


def octets(totals: list[Total]) -> list[int]:
    return [one.input_octets + one.output_octets for one in totals]


async def test_each_day_has_its_point_also_when_nothing_was_used(here: AccessSetup) -> None:
    """The clock stands at 22 November 2026."""
    resource_id = (await here.customer(10**9)).resource.id
    await use(here, resource_id, "flw_1", 100, input_octets=5, requests=2)
    here.clock.advance(2 * DAY_S)
    await use(here, resource_id, "flw_1", 160, input_octets=5, requests=3, sequence=2)
    found = await trend(here, "2026-11-21T00:00:00Z", "2026-11-25T00:00:00Z")
    [series] = found.series
    assert [to_rfc3339(one)[:10] for one in found.starts_us] == [f"2026-11-{day}" for day in (21, 22, 23, 24)]
    assert octets(series.points) == [0, 105, 0, 60]
    assert series.points[1] == Total("", 5, 100, 2, 1)
    assert found.total == series.total == Total("", 5, 160, 3, 1)


async def test_a_stranger_has_a_series_of_nothing(here: AccessSetup) -> None:
    found = await trend(here, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z")
    assert octets(found.series[0].points) == [0, 0]
    assert (await trend(here, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z", group_by="asset")).series == []


async def test_the_period_before_is_as_long(here: AccessSetup) -> None:
    resource_id = (await here.customer(10**9)).resource.id
    await use(here, resource_id, "flw_1", 7)
    here.clock.advance(3 * DAY_S)
    await use(here, resource_id, "flw_2", 100)
    found = await trend(here, "2026-11-24T00:00:00Z", "2026-11-26T00:00:00Z")
    assert (octets([found.total]), octets([found.previous])) == ([100], [7])
    found = await trend(here, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z")
    assert (octets([found.total]), octets([found.previous])) == ([100], [0])


async def test_series_are_the_largest_groups_and_one_for_the_others(here: AccessSetup) -> None:
    resource_id = (await here.customer(10**9)).resource.id
    count = MAX_SERIES + 2
    for n in range(count):
        await use(here, resource_id, f"flw_{n}", 10 * (n + 1), protocol=f"p{n}")
    found = await trend(here, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", group_by="protocol")
    largest = [f"p{n}" for n in reversed(range(2, count))]
    assert [one.group for one in found.series] == [*largest, None]
    assert octets([found.series[-1].total]) == octets(found.series[-1].points) == [30]
    assert octets([found.total]) == [sum(10 * (n + 1) for n in range(count))]
    found = await trend(here, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", group_by="resource")
    assert [one.group for one in found.series] == [resource_id]


@pytest.mark.parametrize(
    ("zone", "used_at", "day"),
    [
        ("UTC", "2026-11-30T23:50:00Z", "2026-11-30"),
        ("Europe/Berlin", "2026-11-30T23:50:00Z", "2026-12-01"),
        ("Asia/Kathmandu", "2026-11-30T18:14:00Z", "2026-11-30"),  # 05:45 ahead
        ("Asia/Kathmandu", "2026-11-30T18:16:00Z", "2026-12-01"),
        ("America/New_York", "2026-12-01T04:59:00Z", "2026-11-30"),
    ],
)
async def test_days_and_months_begin_at_the_midnight_of_the_time_zone(
    here: AccessSetup, zone: str, used_at: str, day: str
) -> None:
    resource_id = (await here.customer(10**9)).resource.id
    here.clock.advance((at(used_at) - here.clock.now_us()) / 1_000_000)
    await use(here, resource_id, "flw_1", 7)
    lengths: tuple[tuple[Interval, int], ...] = (("day", 10), ("month", 7))
    for interval, length in lengths:
        found = await trend(here, "2026-11-29T00:00:00Z", "2026-12-03T00:00:00Z", interval, time_zone=zone)
        [place] = [place for place, n in enumerate(octets(found.series[0].points)) if n]
        # A point that begins at `since`, in the middle of a day, counts to that day.
        local = found.starts_us[place] + stored_offset(zone)
        assert to_rfc3339(local)[:length] == day[:length]


def stored_offset(zone: str) -> int:
    hours = {"UTC": 0, "Europe/Berlin": 1, "Asia/Kathmandu": 5.75, "America/New_York": -5}
    return int(hours[zone] * HOUR_US)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-10-24T22:00:00Z", 25), ("2026-03-28T23:00:00Z", 23), ("2026-06-01T22:00:00Z", 24)],
)
async def test_a_day_on_which_clocks_change_has_an_hour_more_or_less(
    here: AccessSetup, day: str, hours: int
) -> None:
    """Every quarter of an hour has one octet: each point has as many as its time is long."""
    async with here.access.db.transaction() as tx:
        insert = tx.insert(stored.usage_quarter)
        quarter = {"user_id": USER, "resource_id": "res_1", "asset": "a", "protocol": "http"}
        quarter |= {"input_octets": 1, "output_octets": 0, "requests": 0, "flows": 0}
        starts = range(at(day) - DAY_US, at(day) + 3 * DAY_US, stored.QUARTER_US)
        await tx.run(insert, [quarter | {"start_us": start} for start in starts])
    zone = "Europe/Berlin"
    until = to_rfc3339(at(day) + hours * HOUR_US + DAY_US)
    found = await trend(here, day, until, time_zone=zone)
    assert octets(found.series[0].points) == [4 * hours, 4 * 24]
    found = await trend(here, day, until, "hour", zone)
    assert octets(found.series[0].points) == [4] * (hours + 24)


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Australia/Lord_Howe", "2026-10-02T14:30:00Z"),  # clocks change by half an hour
        ("Australia/Lord_Howe", "2026-04-03T13:15:00Z"),
        ("America/Havana", "2026-10-31T00:00:00Z"),  # 00:00 to 01:00 comes twice
        ("America/Sao_Paulo", "2018-11-03T00:45:00Z"),  # 00:00 to 01:00 is left out
        ("Pacific/Apia", "2011-12-29T00:00:00Z"),  # 30 December is left out
    ],
)
@pytest.mark.parametrize("interval", ["hour", "day", "month"])
async def test_each_point_has_what_was_used_in_its_time(
    here: AccessSetup, zone: str, since: str, interval: Interval
) -> None:
    """Every quarter of an hour has one octet."""
    until = to_rfc3339(at(since) + 4 * DAY_US)
    async with here.access.db.transaction() as tx:
        insert = tx.insert(stored.usage_quarter)
        quarter = {"user_id": USER, "resource_id": "res_1", "asset": "a", "protocol": "http"}
        quarter |= {"input_octets": 1, "output_octets": 0, "requests": 0, "flows": 0}
        starts = range(at(since), at(until), stored.QUARTER_US)
        await tx.run(insert, [quarter | {"start_us": start} for start in starts])
    found = await trend(here, since, until, interval, zone)
    edges = [*found.starts_us, at(until)]
    lengths = [(end - start) // stored.QUARTER_US for start, end in pairwise(edges)]
    assert octets(found.series[0].points) == lengths


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
)
@pytest.mark.parametrize("interval", ["hour", "day", "month"])
def test_points_follow_each_other_without_end_only_where_the_period_ends(
    zone: str, interval: Interval
) -> None:
    until_us = at("2026-11-02T00:00:00Z")
    since_us = until_us - (30 * DAY_US if interval == "hour" else 700 * DAY_US)
    starts = bucket_starts(TrendQuery(since_us, until_us, interval, zone))
    assert starts[0] == since_us
    assert starts == sorted(set(starts))
    assert starts[-1] < until_us
    assert all(start % stored.QUARTER_US == 0 for start in starts)


def test_too_many_points_and_odd_periods_are_refused() -> None:
    now_us = at("2026-11-02T00:00:00Z")
    with pytest.raises(Invalid, match="more than 800 points"):
        bucket_starts(TrendQuery(now_us - 40 * DAY_US, now_us, "hour", "UTC"))
    for since_us, until_us in ((now_us, now_us), (now_us, now_us - DAY_US), (now_us - 800 * DAY_US, now_us)):
        with pytest.raises(Invalid, match="after since"):
            TrendQuery(since_us, until_us, "day", "UTC")
    with pytest.raises(Invalid, match="2000 and 2100"):
        TrendQuery(0, DAY_US, "day", "UTC")


async def test_targets_come_largest_first_without_their_ports(here: AccessSetup) -> None:
    resource_id = (await here.customer(10**9)).resource.id
    for n, (target, size) in enumerate(
        [("a.example:443", 5), ("A.example:80", 6), ("[2001:db8::1]:443", 30), ("b.example:1", 7), ("", 1)]
    ):
        await use(here, resource_id, f"flw_{n}", size, target=target)
    since, until = at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z")
    found = await here.access.trends.targets(USER, since, until, 10)
    sizes = [(one.key, one.output_octets) for one in found]
    assert sizes == [("2001:db8::1", 30), ("a.example", 11), ("b.example", 7), ("", 1)]
    assert len(await here.access.trends.targets(USER, since, until, 2)) == 2
    assert await here.access.trends.targets(USER, until, until + DAY_US, 10) == []
    assert await here.access.trends.targets("usr_9", since, until, 10) == []


async def test_the_smallest_targets_beyond_the_bound_share_one_sum_when_the_day_is_over(
    here: AccessSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MAX_TARGETS", 2)
    resource_id = (await here.customer(10**9)).resource.id
    for n, (target, size) in enumerate([("a:1", 10), ("b:1", 20), ("c:1", 30), ("d:1", 5), ("", 1)]):
        await use(here, resource_id, f"flw_{n}", size, target=target)
    since, until = at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z")

    async def found() -> list[tuple[str, int, int]]:
        await here.access.cleanup.delete_ended()
        targets = await here.access.trends.targets(USER, since, until, 10)
        return [(one.key, one.output_octets, one.flows) for one in targets]

    assert len(await found()) == 5
    here.clock.advance(DAY_S)
    for _ in range(2):
        assert await found() == [("c", 30, 1), ("b", 20, 1), ("", 16, 3)]


async def test_what_is_older_than_two_years_goes(here: AccessSetup) -> None:
    resource_id = (await here.customer(10**9)).resource.id
    await use(here, resource_id, "flw_1", 7)
    here.clock.advance(759 * DAY_S)
    await here.access.cleanup.delete_ended()
    assert octets([(await trend(here, "2026-11-20T00:00:00Z", "2026-11-25T00:00:00Z")).total]) == [7]
    here.clock.advance(2 * DAY_S)
    await here.access.cleanup.delete_ended()
    assert octets([(await trend(here, "2026-11-20T00:00:00Z", "2026-11-25T00:00:00Z")).total]) == [0]
    since, until = at("2026-11-20T00:00:00Z"), at("2026-11-25T00:00:00Z")
    assert await here.access.trends.targets(USER, since, until, 10) == []
