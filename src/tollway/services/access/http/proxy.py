"""Connecting in one call, and what a customer sees first."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from tollway.fabric.rest import Body, CurrentUser, UnitsText, route
from tollway.services.access.http.views import (
    AssetCode,
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
from tollway.services.access.model import Resource
from tollway.services.access.service import Access
from tollway.services.access.service.resources import Issued, Wish
from tollway.services.access.service.usage import Allowance, Status
from tollway.services.access.store.charging import Endpoint

# curl's names; the h asks the proxy to resolve names, so that nothing leaks past it.
_SCHEMES = {"http": "http", "socks5": "socks5h"}


class Connect(Body):
    """What to connect with; what is left out is the operator's default."""

    asset: AssetCode | None = None
    location: Word | None = None
    protocol: Literal["http", "https", "socks5"] | None = None
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
    """What is going on."""

    state: str
    resources: list[ResourceView]
    allowances: list[AllowanceView]
    open_connections: int
    bytes_sent: UnitsText
    bytes_received: UnitsText
    bytes_total: UnitsText
    requests: int


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
        **route(permission="access:write", audit="access:proxy:connect"),
    )
    async def connect(who: CurrentUser, body: Connect | None = None) -> Connected:
        """Make or wake your proxy access and get a credential for it, with ready-made commands."""
        wish = body or Connect()
        issued, endpoints = await service.resources.connect(
            who.user_id, Wish(wish.asset or "", wish.location or "", wish.protocol or "", wish.label)
        )
        return _connected(issued, _preferred(endpoints, wish.protocol))

    @api.post(
        "/api/proxy/disconnect",
        tags=["proxy"],
        **route(permission="access:write", audit="access:proxy:disconnect"),
    )
    async def disconnect(who: CurrentUser) -> Disconnected:
        """Deactivate all of your accesses: open connections end within a second."""
        stopped = await service.resources.disconnect(who.user_id)
        return Disconnected(resources=[resource_view(one) for one in stopped])

    @api.get("/api/proxy/status", tags=["proxy"], **route(permission="access:read"))
    async def status(who: CurrentUser) -> StatusView:
        """Show what is left to use and what is going on."""
        return _status(await service.usage.status(who.user_id))

    @api.get("/api/proxy/config", tags=["proxy"], **route(permission="access:read"))
    async def config(who: CurrentUser) -> ConfigView:
        """Show where to connect to and with which usernames."""
        mine = await service.resources.all_of(who.user_id)
        endpoints = await service.resources.endpoints()
        return ConfigView(
            endpoints=[endpoint_view(one) for one in endpoints],
            resources=[resource_detail(one, credentials) for one, credentials in mine],
        )


def _preferred(endpoints: list[Endpoint], protocol: str | None) -> list[Endpoint]:
    wanted = {"https": "http"}.get(protocol or "", protocol)
    return sorted(endpoints, key=lambda one: one.protocol != wanted)


def _connected(issued: Issued, endpoints: list[Endpoint]) -> Connected:
    username, password = issued.credential.username, issued.secret
    proxies = [_proxy(one, username, password) for one in endpoints if one.protocol in _SCHEMES]
    return Connected(
        resource=resource_view(issued.resource),
        credential=credential_view(issued.credential),
        username=username,
        password=password,
        proxies=proxies,
        examples=_examples(proxies, issued.resource),
    )


def _proxy(one: Endpoint, username: str, password: str) -> ProxyView:
    host = f"[{one.host}]" if ":" in one.host else one.host
    url = f"{_SCHEMES[one.protocol]}://{username}:{password}@{host}:{one.port}"
    return ProxyView(protocol=one.protocol, host=one.host, port=one.port, url=url)


def _examples(proxies: list[ProxyView], resource: Resource) -> list[ExampleView]:
    shown: dict[str, str] = {}
    for proxy in proxies:
        carries = {"http": ("http", "https"), "socks5": ("socks5",)}[proxy.protocol]
        for protocol in carries:
            target = "http://example.com/" if protocol == "http" else "https://example.com/"
            if protocol in resource.protocols:
                shown.setdefault(protocol, f"curl -x {proxy.url} {target}")
    return [ExampleView(protocol=protocol, command=command) for protocol, command in shown.items()]


def _status(status: Status) -> StatusView:
    active = any(one.state == "active" for one in status.resources)
    total = status.all_time
    return StatusView(
        state="suspended" if status.suspended else "connected" if active else "disconnected",
        resources=[resource_view(one) for one in status.resources],
        allowances=[_allowance(one) for one in status.allowances],
        open_connections=status.open_flows,
        bytes_sent=total.input_octets,
        bytes_received=total.output_octets,
        bytes_total=total.input_octets + total.output_octets,
        requests=total.requests,
    )


def _allowance(one: Allowance) -> AllowanceView:
    return AllowanceView(asset=one.asset, balance=one.balance, reserved=one.reserved)
