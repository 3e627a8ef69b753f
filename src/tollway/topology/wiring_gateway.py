"""Builds the gateway, and what services and gateway share to check access tokens."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tollway.contracts import tokens_pb2
from tollway.fabric.clock import Clock
from tollway.fabric.lifecycle import Component
from tollway.settings import Settings
from tollway.topology import SERVICES
from tollway.topology.platform_status import PlatformStatus

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub
    from tollway.fabric.access_tokens import Verifier
    from tollway.fabric.limits import Limits

# The pages of people may style themselves and read the API's description; nothing else.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def rest_address(settings: Settings, service: str) -> str:
    """Say where a service serves REST."""
    known = settings.network.rest
    return known.get(service, known.get("*", f"unix:{settings.data / 'run' / 'rest.sock'}"))


def routes(settings: Settings) -> Iterator[Any]:
    """Make the gateway's table out of the services': every path of a service goes to it, what is open is named."""
    from tollway.gateway.routes import API_CONTENT_POLICY, Route

    for service in SERVICES.values():
        upstream = rest_address(settings, service.name)
        for prefix in sorted({*service.paths, *service.public, *service.login}):
            auth = "public" if prefix in service.public else "user"
            if prefix in service.login:
                yield Route(
                    name=f"{prefix} login",
                    prefix=prefix,
                    upstream=upstream,
                    methods=frozenset({"POST"}),
                    auth=auth,
                    limit="login",
                )
                others = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
                yield Route(name=prefix, prefix=prefix, upstream=upstream, methods=others, auth=auth)
            else:
                # Providers deliver webhooks in bursts and prove themselves by signature.
                limit = "" if prefix.endswith("/webhooks") else "default"
                content = API_CONTENT_POLICY if prefix.startswith(("/api/", "/.well-known")) else PAGE_POLICY
                yield Route(
                    name=prefix,
                    prefix=prefix,
                    upstream=upstream,
                    auth=auth,
                    limit=limit,
                    content_policy=content,
                )
    docs = rest_address(settings, "identity")
    for page in ("/api/docs", "/api/openapi.json", "/problems"):
        yield Route(name=page, prefix=page, upstream=docs, auth="public", content_policy=PAGE_POLICY)


def make_verifier(settings: Settings, clock: Clock, tokens: "TokensAsyncStub") -> "Verifier":
    """Make the checker of access tokens that fetches its keys through the tokens service API."""
    from tollway.fabric.access_tokens import Verifier

    async def keys() -> str:
        return (await tokens.GetKeys(tokens_pb2.GetKeysRequest())).jwks_json

    section = settings.section("tokens")
    return Verifier(keys, section.issuer, section.audience, clock)


def gateway(
    settings: Settings, clock: Clock, client: Callable[[str], Any], limits: "Limits"
) -> tuple[Component, PlatformStatus]:
    """Build the REST edge, and what it shows of the platform's state."""
    from tollway.gateway.server import Gateway

    addresses = {
        service.name: rest_address(settings, service.name) for service in SERVICES.values() if service.rest
    }
    status, tokens = PlatformStatus(settings, addresses), client("tokens")
    front = Gateway(
        settings.gateway,
        routes(settings),
        make_verifier(settings, clock, tokens),
        tokens,
        clock,
        health=status.components,
        limits=limits,
        admin_pages={b"/": status.page},
    )
    return front, status
