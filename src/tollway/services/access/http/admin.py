"""The operators' view: nodes, and stopping anybody's access."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tollway.fabric.rest import PRINTABLE, Body, UnitsText, UtcTime, route
from tollway.kit.errors import Conflict
from tollway.services.access.http.views import (
    EndpointView,
    ResourceId,
    ResourceView,
    resource_fields,
)
from tollway.services.access.service import Access
from tollway.services.access.store.nodes import Node
from tollway.services.access.store.usage import Load


class Reason(Body):
    """Why; it is kept in the audit trail."""

    reason: Annotated[str, Field(max_length=500, pattern=PRINTABLE)] = ""


class NodeEndpointView(EndpointView):
    """Where a node listens, where it stands and how many flows it is meant for; 0 and empty: it did not say."""

    location: str
    capacity: int
    tags: tuple[str, ...]


class NodeView(BaseModel):
    """An edge process: whether it is in touch, and what it carries and holds for customers."""

    name: str
    boot_id: str
    online: bool
    endpoints: list[NodeEndpointView]
    opened_at: UtcTime
    seen_at: UtcTime
    open_connections: int
    leases: int
    reserved_bytes: UnitsText


class NodeList(BaseModel):
    items: list[NodeView]


class OwnedResourceView(ResourceView):
    """An access and whose it is."""

    user_id: str


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes below /api/admin."""

    @api.get("/api/admin/nodes", tags=["operators"], **route(permission="nodes:read", owner="any"))
    async def nodes() -> NodeList:
        """List the edge nodes."""
        return NodeList(items=[_node(*one) for one in await service.nodes.all()])

    @api.post(
        "/api/admin/resources/{resource_id}/stop",
        tags=["operators"],
        **route(
            permission="resources:manage", owner="any", audit="access:resource:stop", problems=(Conflict,)
        ),
    )
    async def stop(resource_id: ResourceId, body: Reason | None = None) -> OwnedResourceView:
        """Suspend anybody's access: its open connections end within a second."""
        stopped = await service.suspensions.stop(resource_id, body.reason if body else "")
        return OwnedResourceView(**resource_fields(stopped), user_id=stopped.user_id)

    @api.post(
        "/api/admin/resources/{resource_id}/resume",
        tags=["operators"],
        **route(
            permission="resources:manage", owner="any", audit="access:resource:resume", problems=(Conflict,)
        ),
    )
    async def resume(resource_id: ResourceId, body: Reason | None = None) -> OwnedResourceView:
        """Lift a suspension."""
        resumed = await service.suspensions.resume(resource_id, body.reason if body else "")
        return OwnedResourceView(**resource_fields(resumed), user_id=resumed.user_id)


def _node(node: Node, load: Load, online: bool) -> NodeView:
    return NodeView(
        name=node.name,
        boot_id=node.boot_id,
        online=online,
        endpoints=[NodeEndpointView.model_validate(one, from_attributes=True) for one in node.endpoints],
        opened_at=node.opened_at_us,
        seen_at=node.seen_at_us,
        open_connections=load.flows,
        leases=load.leases,
        reserved_bytes=load.remaining,
    )
