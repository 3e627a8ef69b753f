"""Connecting in one call, and what a customer sees first."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from tollway.contracts.errors import AccountSuspended, NoAllowance, ResourceInactive, UnknownAsset
from tollway.contracts.protocols import SoldProtocol
from tollway.fabric.rest import (
    CHECKOUT_TIME_LIMIT_S,
    AssetCode,
    Body,
    CurrentUser,
    UnitsText,
    UtcTime,
    route,
)
from tollway.kit.errors import Conflict, NotFound
from tollway.services.access.credentials.password import PASSWORD
from tollway.services.access.http.views import (
    CredentialView,
    EndpointView,
    Label,
    ResourceDetail,
    ResourceView,
    Word,
    credential_view,
    endpoint_view,
    resource_detail,
    resource_view,
)
from tollway.services.access.kinds import PROXY
from tollway.services.access.model import CustomerSession
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import Issued
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.service.usage import AccessStatus
from tollway.services.access.store.nodes import NodeEndpoint


class Connect(Body):
    """What to connect with. Without an asset it is one that you hold; the rest is the operator's default."""

    asset: AssetCode | None = None
    location: Word | None = None
    protocol: SoldProtocol | None = None
    label: Label = ""


class ProxyView(EndpointView):
    """An endpoint with the credential in its address, for programs that take a proxy URL."""

    url: str


class ExampleView(BaseModel):
    """A command to paste."""

    protocol: str
    command: str


class Connected(BaseModel):
    """Everything a client needs. The password is not shown again."""

    resource: ResourceView
    credential: CredentialView
    username: str
    password: str
    proxies: list[ProxyView]
    examples: list[ExampleView]


class Disconnected(BaseModel):
    """The accesses that were active until now."""

    resources: list[ResourceView]


class AllowanceView(BaseModel):
    """What is left of an asset: `balance` to use, of which `reserved` is in the hands of nodes."""

    asset: str
    balance: UnitsText
    reserved: UnitsText


class StatusView(BaseModel):
    """What is going on. `as_of` is when the newest report came that the sums and balances include; null: none came.

    Nodes report open connections about every five seconds while something moves.
    """

    state: Literal["connected", "disconnected", "suspended"]
    resources: list[ResourceView]
    allowances: list[AllowanceView]
    open_connections: int
    bytes_sent: UnitsText
    bytes_received: UnitsText
    bytes_total: UnitsText
    requests: int
    as_of: UtcTime | None


class ConfigView(BaseModel):
    """How to connect, without secrets."""

    endpoints: list[EndpointView]
    resources: list[ResourceDetail]


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes below /api/proxy."""

    @api.post(
        "/api/proxy/connect",
        status_code=201,
        tags=["proxy"],
        **route(
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            permission="access:write",
            audit="access:proxy:connect",
            problems=(UnknownAsset, NoAllowance, Conflict, AccountSuspended, ResourceInactive, NotFound),
        ),
    )
    async def connect(who: CurrentUser, body: Connect | None = None) -> Connected:
        """Make or activate your proxy access and get a credential for it, with ready-made commands."""
        given = body or Connect()
        issued, endpoints = await service.resources.connect(
            who.user_id,
            ConnectRequest(given.asset or "", given.location or "", given.protocol or "", given.label),
            CustomerSession(who.session_id, who.auth_time_us),
        )
        return _connected(issued, _preferred(endpoints, given.protocol))

    @api.post(
        "/api/proxy/disconnect",
        tags=["proxy"],
        **route(permission="access:write", audit="access:proxy:disconnect"),
    )
    async def disconnect(who: CurrentUser) -> Disconnected:
        """Deactivate all of your accesses: open connections end within a second."""
        stopped = await service.resources.disconnect(who.user_id)
        return Disconnected(resources=[resource_view(one) for one in stopped])

    @api.get(
        "/api/proxy/status",
        tags=["proxy"],
        **route(permission="access:read", time_limit_s=CHECKOUT_TIME_LIMIT_S),
    )
    async def status(who: CurrentUser) -> StatusView:
        """Show what is left to use and what is going on."""
        return _status(await service.usage.status(who.user_id))

    @api.get(
        "/api/proxy/config",
        tags=["proxy"],
        **route(permission="access:read", time_limit_s=CHECKOUT_TIME_LIMIT_S),
    )
    async def config(who: CurrentUser) -> ConfigView:
        """Show where to connect to and with which usernames."""
        mine = await service.resources.all_of(who.user_id)
        endpoints = await service.nodes.endpoints()
        return ConfigView(
            endpoints=[endpoint_view(one) for one in endpoints],
            resources=[resource_detail(one, credentials) for one, credentials in mine],
        )


def _preferred(endpoints: list[NodeEndpoint], protocol: str | None) -> list[NodeEndpoint]:
    """Put the endpoints that carry a protocol (the catalogue's name of it) first."""
    return sorted(
        endpoints,
        key=lambda one: protocol is None or protocol not in (one.protocol, PROXY.sold_as(one.protocol)),
    )


def _connected(issued: Issued, endpoints: list[NodeEndpoint]) -> Connected:
    username = PASSWORD.public(issued.credential).username
    proxies = [
        ProxyView(protocol=one.protocol, host=one.host, port=one.port, url=url)
        for one in endpoints
        if (url := PROXY.url(one.protocol, one.host, one.port, username, issued.secret)) is not None
    ]
    examples: dict[str, ExampleView] = {}
    # Where there is a choice, the example is one that needs no trust in a certificate.
    for proxy in sorted(proxies, key=lambda one: one.protocol == "https"):
        for example in PROXY.examples(proxy.protocol, proxy.url, issued.resource.protocols):
            examples.setdefault(example.protocol, ExampleView.model_validate(example, from_attributes=True))
    return Connected(
        resource=resource_view(issued.resource),
        credential=credential_view(issued.credential),
        username=username,
        password=issued.secret,
        proxies=proxies,
        examples=list(examples.values()),
    )


def _status(status: AccessStatus) -> StatusView:
    active = any(one.state == "active" for one in status.resources)
    total = status.all_time
    return StatusView(
        state="suspended" if status.suspended else "connected" if active else "disconnected",
        resources=[resource_view(one) for one in status.resources],
        allowances=[AllowanceView.model_validate(one, from_attributes=True) for one in status.allowances],
        open_connections=status.open_flows,
        bytes_sent=total.input_octets,
        bytes_received=total.output_octets,
        bytes_total=total.input_octets + total.output_octets,
        requests=total.requests,
        as_of=status.as_of_us or None,
    )
