"""What operators see and end of a customer: accesses, credentials, connections and what was used."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.fabric.rest import PRINTABLE, Body, UserPath, id_path, route
from tollway.services.access.http.resources import ResourceList
from tollway.services.access.http.usage import (
    ConnectionView,
    MonthView,
    NewestFirst,
    ResourceQuery,
    StateQuery,
    StatsView,
    connection_fields,
    month_view,
    stats_fields,
)
from tollway.services.access.http.views import CredentialId, resource_detail
from tollway.services.access.service import Access
from tollway.services.access.store.usage import Filter, Record

ConnectionId = Annotated[str, id_path("flw", "connection")]
NodeQuery = Annotated[str, Query(max_length=200, pattern=PRINTABLE, description="On one edge node only")]
SEE_TRAFFIC = route(permission="traffic:read", owner="any")


class Why(Body):
    """Why; it is kept in the audit trail."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]


class CustomerUsage(StatsView):
    """A customer's sums, and what was used in each of the last 24 months with use, newest first."""

    months: Annotated[list[MonthView], Field(description="Month by month, newest first")]


class CustomerConnection(ConnectionView):
    """A connection, whose it is and through which edge node."""

    user_id: str
    node: str
    credential_id: str


class CustomerConnectionList(BaseModel):
    items: list[CustomerConnection]
    next_cursor: str


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the operators' routes about customers."""
    _looking(api, service)
    _ending(api, service)


def _looking(api: APIRouter, service: Access) -> None:
    @api.get(
        "/api/admin/users/{user_id}/resources",
        tags=["operators"],
        **route(permission="resources:read", owner="any"),
    )
    async def customers_resources(user_id: UserPath) -> ResourceList:
        """List a customer's accesses with their credentials, of which no secret is kept."""
        found = await service.resources.all_of(user_id)
        return ResourceList(items=[resource_detail(one, credentials) for one, credentials in found])

    @api.get("/api/admin/users/{user_id}/usage", tags=["operators"], **SEE_TRAFFIC)
    async def customers_usage(user_id: UserPath) -> CustomerUsage:
        """Show what a customer used: ever, this month, today, by protocol and by month."""
        stats = await service.usage.stats(user_id)
        months = await service.usage.monthly(user_id, "")
        return CustomerUsage(**stats_fields(stats), months=[month_view(one) for one in months])

    @api.get("/api/admin/users/{user_id}/connections", tags=["operators"], **SEE_TRAFFIC)
    async def customers_connections(
        user_id: UserPath, page: NewestFirst, state: StateQuery = None, resource_id: ResourceQuery = ""
    ) -> CustomerConnectionList:
        """List a customer's connections, newest first unless you ask for another order."""
        only = Filter(resource_id, None if state is None else state == "closed")
        found = await service.usage.records(
            user_id, only, page.limit, page.cursor, newest_first=page.descending
        )
        return _list(found.items, found.next_cursor)

    @api.get("/api/admin/connections", tags=["operators"], **SEE_TRAFFIC)
    async def open_connections(page: NewestFirst, node: NodeQuery = "") -> CustomerConnectionList:
        """List what is open now, of all customers, newest first unless you ask for another order."""
        only = Filter(stopped=False, node=node)
        found = await service.usage.records("", only, page.limit, page.cursor, newest_first=page.descending)
        return _list(found.items, found.next_cursor)


def _ending(api: APIRouter, service: Access) -> None:
    @api.post(
        "/api/admin/connections/{connection_id}/end",
        status_code=204,
        tags=["operators"],
        **route(permission="connections:manage", owner="any", audit="access:connection:end"),
    )
    async def end_connection(connection_id: ConnectionId, body: Why) -> None:
        """End one connection of anybody within a second. The customer can connect again."""
        await service.suspensions.end_flow(connection_id, body.reason)

    @api.post(
        "/api/admin/credentials/{credential_id}/revoke",
        status_code=204,
        tags=["operators"],
        **route(permission="credentials:manage", owner="any", audit="access:credential:withdraw"),
    )
    async def revoke_credential(credential_id: CredentialId, body: Why) -> None:
        """Revoke anybody's credential: its open connections end within a second. The customer can issue another."""
        await service.suspensions.revoke_credential(credential_id, body.reason)


def _list(found: Sequence[Record], next_cursor: str) -> CustomerConnectionList:
    items = [
        CustomerConnection(
            **connection_fields(one),
            user_id=one.user_id,
            node=one.node,
            credential_id=one.flow.credential_id,
        )
        for one in found
    ]
    return CustomerConnectionList(items=items, next_cursor=next_cursor)
