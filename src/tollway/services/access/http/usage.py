"""What was used: sums, connections, and the records a bill can be recomputed from."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, WebSocket
from pydantic import BaseModel, Field

from tollway.contracts.terminate_causes import EndedBy
from tollway.fabric.rest import (
    PRINTABLE,
    AssetQuery,
    Body,
    CurrentUser,
    PageQuery,
    TimeQuery,
    UnitsText,
    UtcTime,
    read_time,
    route,
    send_updates,
    sorted_by,
)
from tollway.kit.errors import NotFound
from tollway.kit.ids import id_pattern
from tollway.services.access.model.units import Unit, used_units
from tollway.services.access.service import Access
from tollway.services.access.service.usage import Stats
from tollway.services.access.store.usage import Filter, Record, Total

MAX_SESSIONS = 100
READ = route(permission="usage:read")
MOST_ENDED = 100
ResourceQuery = Annotated[str, Query(pattern=id_pattern("res"), description="Of one access only")]
NewestFirst = Annotated[PageQuery, sorted_by("-started_at", "started_at")]
OldestFirst = Annotated[PageQuery, sorted_by("started_at", "-started_at")]
SessionQuery = Annotated[
    list[Annotated[str, Field(pattern=PRINTABLE, max_length=100)]] | None,
    Query(max_length=MAX_SESSIONS, description="Of these sessions only"),
]
TargetQuery = Annotated[
    str,
    Query(
        max_length=100,
        pattern=PRINTABLE,
        description="Only targets with this in their name, in either case",
        examples=["example.com"],
    ),
]
ProtocolQuery = Annotated[
    str,
    Query(
        pattern=r"^[a-z0-9._-]{1,40}$",
        description="Of this protocol only: `http`, `connect` or `socks5`",
        examples=["socks5"],
    ),
]
StateQuery = Annotated[Literal["open", "closed"] | None, Query(description="Open or closed ones only")]


class TotalView(BaseModel):
    """Bytes in both directions, seen from you: sent and received. Both are charged."""

    bytes_sent: UnitsText
    bytes_received: UnitsText
    bytes_total: UnitsText
    requests: int
    connections: int


class ProtocolView(TotalView):
    protocol: str


class StatsView(BaseModel):
    """Your sums. Days and months are of UTC, by when the use was reported.

    Nodes report open connections about every five seconds while something moves; what has moved since is not in the
    sums yet. `as_of` is when the newest report came that they include; null when there was none.
    """

    all_time: TotalView
    this_month: TotalView
    today: TotalView
    by_protocol: list[ProtocolView]
    open_connections: int
    as_of: UtcTime | None


class LiveUsage(BaseModel):
    """One message of the live usage: `snapshot` first, `change` when the sums have changed, `heartbeat` otherwise."""

    type: Literal["snapshot", "change", "heartbeat"]
    usage: StatsView | None


class MonthView(TotalView):
    month: str


class MonthList(BaseModel):
    items: list[MonthView]


class ConnectionView(BaseModel):
    """A connection through a proxy, open or closed."""

    id: str
    resource_id: str
    state: Literal["open", "closed"]
    protocol: str
    target: str
    client_address: str
    bytes_sent: UnitsText
    bytes_received: UnitsText
    requests: int
    started_at: UtcTime
    last_report_at: UtcTime
    duration_ms: int
    terminate_cause: EndedBy


class ConnectionList(BaseModel):
    items: list[ConnectionView]
    next_cursor: str


class EndConnections(Body):
    """Which connections to end."""

    ids: list[Annotated[str, Field(pattern=id_pattern("flw"))]] = Field(
        min_length=1, max_length=MOST_ENDED, description="The connections, `flw_…`"
    )


class EndedConnections(BaseModel):
    ended: list[str] = Field(description="Those that were open; the others had ended before")


class RecordView(BaseModel):
    """An accounting record in the words of RADIUS (RFC 2866). What is charged is counted in `unit`.

    Of bytes it is input plus output octets: all that the client sent and was sent after its login, with the heads of
    requests and responses and the proxy's own answers, so also a request that was refused. Of seconds it is the
    session's time, begun seconds whole.
    """

    session_id: str
    resource_id: str
    credential_id: str
    asset: str
    node: str
    protocol: str
    calling_station_id: str
    target: str
    status: Literal["Interim-Update", "Stop"]
    input_octets: UnitsText
    output_octets: UnitsText
    unit: Unit
    charged_units: UnitsText
    requests: int
    sequence: int
    started_at: UtcTime
    updated_at: UtcTime
    session_time_us: UnitsText
    terminate_cause: EndedBy


class RecordList(BaseModel):
    items: list[RecordView]
    next_cursor: str


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes below /api/usage, and the list of connections."""
    _sums(api, service)
    _live(api, service)
    _records(api, service)


def _sums(api: APIRouter, service: Access) -> None:
    @api.get("/api/usage/stats", tags=["usage"], **READ)
    async def stats(who: CurrentUser) -> StatsView:
        """Show what you used: ever, this month, today, and by protocol."""
        return _stats(await service.usage.stats(who.user_id))

    @api.get("/api/usage/monthly", tags=["usage"], **READ)
    async def monthly(who: CurrentUser, asset: AssetQuery = "") -> MonthList:
        """Show what you used in each of the last 24 months with use, newest first."""
        months = await service.usage.monthly(who.user_id, asset)
        return MonthList(items=[month_view(one) for one in months])


def _live(api: APIRouter, service: Access) -> None:
    async def messages(user_id: str) -> AsyncGenerator[LiveUsage]:
        kind: Literal["snapshot", "change"] = "snapshot"
        async with aclosing(service.live.follow(user_id)) as updates:
            async for stats in updates:
                if stats is None:
                    yield LiveUsage(type="heartbeat", usage=None)
                    continue
                yield LiveUsage(type=kind, usage=_stats(stats))
                kind = "change"

    @api.websocket("/api/usage/live", **route(permission="usage:read", kind="websocket"))
    async def live_usage(websocket: WebSocket, who: CurrentUser) -> None:
        """Send what you used, now and as it grows: a message `LiveUsage` each time."""
        await send_updates(websocket, messages(who.user_id))


def _records(api: APIRouter, service: Access) -> None:
    @api.get("/api/access/connections", tags=["access"], **route(permission="access:read"))
    async def connections(
        who: CurrentUser,
        page: NewestFirst,
        state: StateQuery = None,
        resource_id: ResourceQuery = "",
        target: TargetQuery = "",
        protocol: ProtocolQuery = "",
    ) -> ConnectionList:
        """List your connections, newest first unless you ask for another order."""
        stopped = None if state is None else state == "closed"
        only = Filter(resource_id, stopped, target=target.strip(), protocol=protocol)
        found = await service.usage.records(
            who.user_id, only, page.limit, page.cursor, newest_first=page.descending
        )
        return ConnectionList(
            items=[ConnectionView(**connection_fields(one)) for one in found.items],
            next_cursor=found.next_cursor,
        )

    @api.post(
        "/api/access/connections/end",
        tags=["access"],
        **route(permission="access:write", audit="access:connection:close", problems=(NotFound,)),
    )
    async def end(body: EndConnections, who: CurrentUser) -> EndedConnections:
        """End open connections of yours within a second, all that are named or none. Programs can connect again."""
        return EndedConnections(ended=await service.connections.end(who.user_id, body.ids))

    @api.get("/api/usage/records", tags=["usage"], **READ)
    async def records(
        who: CurrentUser,
        page: OldestFirst,
        resource_id: ResourceQuery = "",
        session_id: SessionQuery = None,
        since: TimeQuery = "",
        until: TimeQuery = "",
    ) -> RecordList:
        """List the raw records of connections started in [since, until), oldest first: your bill adds up from these.

        `use` of a transaction names the sessions that it charges: `session_id`, as often as there are some, finds them.
        """
        only = Filter(
            resource_id,
            None,
            read_time("since", since),
            read_time("until", until),
            session_ids=tuple(session_id or ()),
        )
        found = await service.usage.records(
            who.user_id, only, page.limit, page.cursor, newest_first=page.descending
        )
        return RecordList(
            items=[_record(one, service.kinds[one.kind].unit) for one in found.items],
            next_cursor=found.next_cursor,
        )


def _stats(found: Stats) -> StatsView:
    return StatsView(**stats_fields(found))


def stats_fields(found: Stats) -> dict[str, Any]:
    """Return what every view of sums shows."""
    return {
        "all_time": TotalView(**total_fields(found.all_time)),
        "this_month": TotalView(**total_fields(found.this_month)),
        "today": TotalView(**total_fields(found.today)),
        "by_protocol": [ProtocolView(protocol=one.key, **total_fields(one)) for one in found.by_protocol],
        "open_connections": found.open_flows,
        "as_of": found.as_of_us or None,
    }


def month_view(one: Total) -> MonthView:
    """Show the sums of a month."""
    return MonthView(month=one.key, **total_fields(one))


def total_fields(one: Total) -> dict[str, int]:
    """Return the fields of a TotalView."""
    return {
        "bytes_sent": one.input_octets,
        "bytes_received": one.output_octets,
        "bytes_total": one.input_octets + one.output_octets,
        "requests": one.requests,
        "connections": one.flows,
    }


def connection_fields(one: Record) -> dict[str, Any]:
    """Return what every view of a connection shows."""
    flow = one.flow
    return {
        "id": flow.session_id,
        "resource_id": flow.resource_id,
        "state": "closed" if flow.stopped else "open",
        "protocol": flow.protocol,
        "target": flow.target,
        "client_address": flow.client_address,
        "bytes_sent": flow.input_octets,
        "bytes_received": flow.output_octets,
        "requests": flow.requests,
        "started_at": flow.started_at_us,
        "last_report_at": one.updated_at_us,
        "duration_ms": flow.session_time_us // 1000,
        "terminate_cause": flow.terminate_cause,
    }


def _record(one: Record, unit: Unit) -> RecordView:
    flow = one.flow
    return RecordView(
        session_id=flow.session_id,
        resource_id=flow.resource_id,
        credential_id=flow.credential_id,
        asset=one.asset,
        node=one.node,
        protocol=flow.protocol,
        calling_station_id=flow.client_address,
        target=flow.target,
        status="Stop" if flow.stopped else "Interim-Update",
        input_octets=flow.input_octets,
        output_octets=flow.output_octets,
        unit=unit,
        charged_units=used_units(flow, unit),
        requests=flow.requests,
        sequence=flow.sequence,
        started_at=flow.started_at_us,
        updated_at=one.updated_at_us,
        session_time_us=flow.session_time_us,
        terminate_cause=flow.terminate_cause,
    )
