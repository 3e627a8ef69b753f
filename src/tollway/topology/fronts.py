"""Builds the two fronts: the REST edge and the network edge."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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

    return Verifier(keys, settings.tokens.issuer, settings.tokens.audience, clock)


def gateway(
    settings: Settings, clock: Clock, client: Callable[[str], Any], limits: "Limits"
) -> tuple[Component, PlatformStatus]:
    """Build the REST edge, and what it shows of the platform's state."""
    from tollway.gateway.server import Gateway

    addresses = {
        service.name: rest_address(settings, service.name) for service in SERVICES.values() if service.paths
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


def edge(settings: Settings, clock: Clock, client: Callable[[str], Any], worker: int) -> Component:
    """Build one worker of the network edge. It carries nobody to the platform's own services."""
    from tollway.edge.node import Edge

    denied = [*settings.edge.denied_services, *own_services(settings)]
    edge_settings = settings.edge.model_copy(update={"denied_services": denied})
    return Edge(edge_settings, client("access"), clock, f"edge-{worker}", settings.data / "edge")


def own_services(settings: Settings) -> list[str]:
    """List where the platform listens, and where its databases do, as host:port.

    Read from the settings that tell the processes of each other, so it is right in every shape: one process,
    one machine, a process for each service, many machines. Unix sockets are out of a customer's reach anyway.
    """
    gateway, network, edge = settings.gateway, settings.network, settings.edge
    found = [
        f"{gateway.host}:{gateway.port}",
        f"{gateway.host}:{gateway.tls_port}",
        f"{gateway.admin_host}:{gateway.admin_port}",
        f"{edge.host}:{edge.http_port}",
        f"{edge.host}:{edge.socks_port}",
        network.inbox,
        network.payments_mock,
        *network.admin.values(),
        *(address for known in network.rpc.values() for address in known.split(",")),
        *(address for address in network.rest.values() if not address.startswith("unix:")),
    ]
    for url in (settings.database.url, *settings.database.services.values()):
        found += _endpoints(url, 5432)
    found += _endpoints(network.redis, 6379)
    # Port 0 is any free one; only its own process knows which.
    ports = {address: address.rpartition(":")[2] for address in found}
    return sorted(address for address, port in ports.items() if port.isdigit() and int(port))


def _endpoints(url: str, default_port: int) -> Iterator[str]:
    """Give host:port of each host that a URL names."""
    for place in urlsplit(url).netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{place}")
        if parts.hostname:
            yield f"{parts.hostname}:{parts.port or default_port}"
