"""Analytics: what was used over time and with whom, and the records as a file."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from tollway.fabric.rest import FILES, Column, CurrentUser, FormatQuery, UtcTime, route, send_table
from tollway.kit.errors import Invalid
from tollway.kit.times import DAY_US, time_zones
from tollway.services.access.http.usage import (
    READ,
    ResourceQuery,
    TimeQuery,
    TotalView,
    read_time,
    total_fields,
)
from tollway.services.access.model.units import used_units
from tollway.services.access.service import Access
from tollway.services.access.service.trends import Interval, Series, TrendQuery
from tollway.services.access.store.trends import QUARTER_US
from tollway.services.access.store.usage import Filter, Record

DEFAULT_PERIOD_US = 30 * DAY_US
EXPORT_PAGE = 1_000
IntervalQuery = Annotated[Interval, Query(description="How long each point is")]
GroupQuery = Annotated[
    Literal["protocol", "asset", "resource"] | None,
    Query(description="What the series are split by; absent: one series of everything"),
]
ZoneQuery = Annotated[
    str,
    Query(
        max_length=60,
        pattern=r"^[A-Za-z0-9_+\-/]+$",
        description="In which days and months begin, by its name in the IANA database",
        examples=["Europe/Berlin"],
    ),
]

COLUMNS = (
    *(Column(name) for name in ("session_id", "resource_id", "credential_id", "asset", "node", "protocol")),
    *(Column(name) for name in ("calling_station_id", "target", "status", "terminate_cause", "unit")),
    *(Column(name, "integer") for name in ("input_octets", "output_octets", "charged_units", "requests")),
    Column("session_time_us", "integer"),
    Column("started_at", "time"),
    Column("updated_at", "time"),
)


class SeriesView(BaseModel):
    group: str | None = Field(
        description="The protocol, asset or access; null for all that have no series of their own"
    )
    total: TotalView = Field(description="The sums of the whole period")
    points: list[TotalView] = Field(description="The sums of each point, in the order of `starts_at`")


class TrendsView(BaseModel):
    """What you used over time. Points are counted by when the use was reported, about five seconds after it happened.

    `since` and `until` are whole quarters of an hour. The largest groups have series of their own, largest first.
    """

    since: UtcTime
    until: UtcTime = Field(description="Until when, this moment excluded")
    time_zone: str
    starts_at: list[UtcTime] = Field(description="When each point begins; it ends where the next one begins")
    series: list[SeriesView] = Field(description="One by group, or one of everything")
    total: TotalView = Field(description="The sums of all series")
    previous: TotalView = Field(
        description="The sums of the period before, which is as long and ends at `since`"
    )


class TargetView(TotalView):
    target: str = Field(
        description="The host; empty for connections that reached none, and beyond 1,000 hosts a day"
    )


class TargetList(BaseModel):
    items: list[TargetView]


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes of access below /api/analytics."""
    _trends(api, service)
    _export(api, service)


def _trends(api: APIRouter, service: Access) -> None:
    @api.get("/api/analytics/usage-trends", tags=["analytics"], **READ)
    async def usage_trends(
        who: CurrentUser,
        since: TimeQuery = "",
        until: TimeQuery = "",
        interval: IntervalQuery = "day",
        group_by: GroupQuery = None,
        time_zone: ZoneQuery = "UTC",
    ) -> TrendsView:
        """Show what you used over time, of the last 30 days unless you ask for others, beside the period before."""
        if time_zone not in time_zones():
            raise Invalid.of("time_zone", "is not a time zone, such as Europe/Berlin")
        since_us, until_us = _period(service.clock.now_us(), since, until)
        query = TrendQuery(since_us, until_us, interval, time_zone, group_by)
        found = await service.trends.usage(who.user_id, query)
        return TrendsView(
            since=since_us,
            until=until_us,
            time_zone=time_zone,
            starts_at=found.starts_us,
            series=[_series(one) for one in found.series],
            total=TotalView(**total_fields(found.total)),
            previous=TotalView(**total_fields(found.previous)),
        )

    @api.get("/api/analytics/targets", tags=["analytics"], **READ)
    async def targets(
        who: CurrentUser,
        since: TimeQuery = "",
        until: TimeQuery = "",
        limit: Annotated[int, Query(ge=1, le=100, description="How many items at most")] = 20,
    ) -> TargetList:
        """Show which targets you used most on the days (UTC) of the last 30 days, or of the period that you ask for."""
        since_us, until_us = _period(service.clock.now_us(), since, until)
        found = await service.trends.targets(who.user_id, since_us, until_us, limit)
        return TargetList(items=[TargetView(target=one.key, **total_fields(one)) for one in found])


def _export(api: APIRouter, service: Access) -> None:
    async def rows(user_id: str, only: Filter) -> AsyncIterator[tuple[str | int, ...]]:
        cursor = ""
        while True:
            page = await service.usage.records(user_id, only, EXPORT_PAGE, cursor)
            for one in page.items:
                yield _row(one, service)
            cursor = page.next_cursor
            if not cursor:
                return

    @api.get(
        "/api/analytics/export",
        tags=["analytics"],
        responses=FILES,
        response_class=StreamingResponse,
        **route(permission="usage:read", kind="stream"),
    )
    async def export(
        who: CurrentUser,
        format: FormatQuery = "csv",  # noqa: A002  the name of the parameter
        resource_id: ResourceQuery = "",
        since: TimeQuery = "",
        until: TimeQuery = "",
    ) -> StreamingResponse:
        """Return the records of connections started in [since, until) as a file, oldest first, of any length."""
        only = Filter(resource_id, None, read_time("since", since), read_time("until", until))
        return send_table("tollway-usage", format, COLUMNS, rows(who.user_id, only))


def _period(now_us: int, since: str, until: str) -> tuple[int, int]:
    """Return the period in whole quarters of an hour; until now includes the present one. Raises Invalid."""
    until_us = read_time("until", until) if until else now_us + 1
    since_us = read_time("since", since) if since else until_us - DEFAULT_PERIOD_US
    return since_us - since_us % QUARTER_US, until_us + -until_us % QUARTER_US


def _series(one: Series) -> SeriesView:
    return SeriesView(
        group=one.group,
        total=TotalView(**total_fields(one.total)),
        points=[TotalView(**total_fields(point)) for point in one.points],
    )


def _row(one: Record, service: Access) -> tuple[str | int, ...]:
    flow, unit = one.flow, service.kinds[one.kind].unit
    return (
        flow.session_id,
        flow.resource_id,
        flow.credential_id,
        one.asset,
        one.node,
        flow.protocol,
        flow.client_address,
        flow.target,
        "Stop" if flow.stopped else "Interim-Update",
        flow.terminate_cause,
        unit,
        flow.input_octets,
        flow.output_octets,
        used_units(flow, unit),
        flow.requests,
        flow.session_time_us,
        flow.started_at_us,
        one.updated_at_us,
    )
