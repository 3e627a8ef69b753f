"""What operators see of a gateway, through the API: where requests go, what is kept away, and who asks most.

The gateway serves these routes to itself, on a socket of its own, so that they pass the same checks as all others.
Where several gateways run, whichever took the request answers, and names itself.
"""

import json
import os
import socket
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.fabric.rest import PRINTABLE, route
from tollway.fabric.rest.docs import DOCUMENT
from tollway.fabric.rest.policy import KEY
from tollway.gateway.listen.server import Gateway
from tollway.gateway.route.table import CompiledRoute

READ = route(permission="gateway:read", owner="any")


class GatewayLimit(BaseModel):
    """A limit class: so many requests at once, refilled evenly over the window, for each user or address."""

    name: str
    quota: int = Field(description="How many requests at once")
    window_s: float = Field(description="Over how many seconds that is refilled")
    by: Literal["user", "ip"] = Field(description="What it counts by")
    counted: int = Field(description="How many users and addresses are counted at present")


class GatewayEndpoint(BaseModel):
    """Where requests of a cluster go. An open breaker keeps them away after failures, but for a probe now and then."""

    cluster: str = Field(description="The service, or the operator's own upstream")
    address: str = Field(
        description="Where it listens: host and port, or the name of a socket on its machine"
    )
    breaker: Literal["open", "closed"] = Field(description="open: requests are kept away")
    requests: int = Field(description="Requests under way")
    connections: int = Field(description="Connections to it")


class GatewayCaller(BaseModel):
    """Who sent requests in the last minutes: an account, or the address of somebody who was not signed in."""

    caller: str = Field(description="The account, `usr_…`, or the address")
    requests: int = Field(description="How many")
    refused: int = Field(description="Of these, how many were refused (4xx)")
    bytes_total: str = Field(description="Bytes in both directions")


class GatewayView(BaseModel):
    """The gateway that answered, as it is now."""

    name: str = Field(description="Which gateway answered: its machine and process")
    connections: int = Field(description="Connections of clients")
    requests: int = Field(description="Requests under way")
    websockets: int = Field(description="Open WebSockets")
    routes_error: str = Field(description="Why the newest routes are not in force; empty: they are")
    limits: list[GatewayLimit] = Field(description="The limit classes")
    endpoints: list[GatewayEndpoint] = Field(description="Where requests go")
    callers: list[GatewayCaller] = Field(description="Who sent most requests in the last 5 to 10 minutes")


class GatewayRoute(BaseModel):
    """A route: which requests it takes, from whom, and where they go."""

    name: str
    kind: str = Field(description="http, websocket or stream")
    methods: list[str] = Field(description="Of these methods; empty: of all")
    path: str = Field(description="The path, or what it begins with")
    auth: str = Field(description="public: nobody has to sign in")
    permissions: list[str] = Field(
        description="What a caller must be allowed, one for each method that differs"
    )
    limit: str = Field(description="The limit class")
    owner: str = Field(description="The service that serves it, or the operator's own upstream")


class GatewayRouteList(BaseModel):
    name: str = Field(description="Which gateway answered: its machine and process")
    items: list[GatewayRoute]


def router(gateway: Gateway) -> APIRouter:
    """Return the routes."""
    api = APIRouter(tags=["operators"])

    @api.get("/api/admin/gateway", **READ)
    async def look() -> GatewayView:
        """Show the gateway that answers: what is under way, limits, breakers, and who asks most."""
        return _view(gateway)

    @api.get("/api/admin/gateway/routes", **READ)
    async def routes(
        q: Annotated[
            str,
            Query(
                max_length=100, pattern=PRINTABLE, description="Only those with this in their path or owner"
            ),
        ] = "",
    ) -> GatewayRouteList:
        """List the routes that are in force, by path."""
        found = [_route(one) for one in gateway.context.table.routes.values()]
        wanted = [one for one in found if q in one.path or q in one.owner]
        return GatewayRouteList(name=_name(), items=sorted(wanted, key=lambda one: (one.path, one.methods)))

    return api


def _shown(address: str) -> str:
    """Leave out where in the file system a socket is."""
    scheme, separator, path = address.partition("unix:")
    return f"{scheme}{separator}{Path(path).name}" if separator else address


def _view(gateway: Gateway) -> GatewayView:
    context = gateway.context
    return GatewayView(
        name=_name(),
        connections=len(gateway.connections),
        requests=gateway.requests_under_way,
        websockets=len(context.tunnels),
        routes_error=gateway.routes.error or "",
        limits=[
            GatewayLimit(
                name=name,
                quota=one.quota,
                window_s=one.window_s,
                by=one.by,
                counted=len(context.limits[name]),
            )
            for name, one in context.settings.limits.items()
        ],
        endpoints=[
            GatewayEndpoint(
                cluster=cluster.name,
                address=_shown(one.address),
                breaker="open" if one.is_open else "closed",
                requests=one.active,
                connections=len(one.pool.connections),
            )
            for cluster in context.table.clusters.values()
            for one in cluster.endpoints
        ],
        callers=[
            GatewayCaller(
                caller=one.caller,
                requests=one.requests,
                refused=one.refused,
                bytes_total=str(one.size_bytes),
            )
            for one in context.callers.top(20, context.monotonic())
        ],
    )


def _route(compiled: CompiledRoute) -> GatewayRoute:
    one = compiled.route
    path = one.path or one.prefix
    return GatewayRoute(
        name=one.name,
        kind=one.kind,
        methods=list(one.methods),
        path=path,
        auth=one.auth,
        permissions=sorted(
            {_permissions()[key] for method in one.methods if (key := (method, path)) in _permissions()}
        ),
        limit=one.limit,
        owner=compiled.cluster.name,
    )


@cache
def _permissions() -> dict[tuple[str, str], str]:
    """Return what each route of the platform demands, by method and path, as the API description has it."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return {
        (method.upper(), path): operation[KEY]["permission"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and KEY in operation
    }


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
