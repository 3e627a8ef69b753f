"""Builds the gateway, and what services and gateway share to check access tokens."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tollway.contracts import tokens_pb2
from tollway.fabric.clock import Clock
from tollway.fabric.hosts import Hosts, host_of
from tollway.fabric.rpc import call_context
from tollway.settings import Settings
from tollway.topology import GATEWAY, SERVICES, roles
from tollway.topology.platform_status import PlatformStatus

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub
    from tollway.fabric.access_tokens import Verifier
    from tollway.fabric.limits import Limits
    from tollway.fabric.rest import RestServer
    from tollway.gateway.listen.server import Gateway


def rest_addresses(settings: Settings, service: str) -> tuple[str, ...]:
    """Say where a service serves REST: one address, or one of each of its processes."""
    known = settings.network.rest
    text = known.get(service, known.get("*", f"unix:{settings.data / 'run' / 'rest.sock'}"))
    return tuple(address.strip() for address in text.split(","))


def own_rest_address(settings: Settings, service: str) -> str:
    """Say where this process serves a service's REST: the first address, when several are known."""
    return rest_addresses(settings, service)[0]


def make_verifier(
    settings: Settings, clock: Clock, tokens: "TokensAsyncStub", grace_s: int = 0, *, inside: bool = False
) -> "Verifier":
    """Make the checker of access tokens that fetches its keys through the tokens service API."""
    from tollway.fabric.access_tokens import Verifier

    async def keys() -> str:
        with call_context(
            user_id=""
        ):  # whoever is first needs the keys for everybody, and goes without a token
            return (await tokens.GetKeys(tokens_pb2.GetKeysRequest())).jwks_json

    section = settings.section("tokens")
    return Verifier(keys, section.issuer, section.audience, clock, grace_s, inside=inside)


class GatewayParts(NamedTuple):
    """The REST edge, its admin API, and what they show of the platform's state."""

    gateway: "Gateway"
    admin: "RestServer"
    own_routes: "RestServer"
    status: PlatformStatus


def gateway(
    settings: Settings, clock: Clock, client: Callable[[str], Any], limits: "Limits", local_limits: "Limits"
) -> GatewayParts:
    """Build the REST edge. Raises InvalidRoutes when the platform's own routes cannot be used."""
    from tollway.fabric.rest import RestServer, build_app
    from tollway.fabric.rest.policy import TABLE
    from tollway.gateway.admin import admin_app
    from tollway.gateway.http import router
    from tollway.gateway.listen.server import Gateway
    from tollway.gateway.route.console import CONSOLE_FOLDER, load_console
    from tollway.gateway.route.files import RouteFiles, platform_routes

    own = (host_of(url) for url in (settings.network.public_url, *settings.gateway.own_origins))
    wanted = settings.gateway.model_copy(update={"hosts": (*settings.gateway.hosts, *own)})
    addresses = {
        service.name: own_rest_address(settings, service.name)
        for service in SERVICES.values()
        if service.rest
    }
    status, tokens = PlatformStatus(settings, addresses), client("tokens")
    verifier = make_verifier(settings, clock, tokens)
    front = Gateway(
        wanted,
        platform_routes(TABLE.read_text(), lambda service: _served_at(settings, service)),
        verifier,
        tokens,
        clock,
        limits=limits,
        local_limits=local_limits,
        route_files=RouteFiles(settings.data / "routes.d"),
        health=status.components,
        refresh_health=status.refresh,
        console=load_console(CONSOLE_FOLDER),
    )
    hosts = Hosts((*wanted.hosts, *settings.network.hosts))
    app = admin_app(front, verifier, {"/": status.page}, hosts)
    own_app = build_app(
        [router(front)], verifier, front.authenticator.revocations, clock=clock, roles=roles()
    )
    return GatewayParts(
        front,
        RestServer(app, f"{wanted.admin_host}:{wanted.admin_port}"),
        RestServer(own_app, _own_socket(settings)),
        status,
    )


def _own_socket(settings: Settings) -> str:
    """Say where this gateway serves its own routes: to itself."""
    return f"unix:{settings.data / 'run' / f'gateway-{os.getpid()}.sock'}"


def _served_at(settings: Settings, service: str) -> tuple[str, ...]:
    return (_own_socket(settings),) if service == GATEWAY else rest_addresses(settings, service)
