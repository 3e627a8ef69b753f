"""Builds the network edge."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tollway.edge.protocol_spec import advertised_address, listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.settings import AdvertiseSettings, EdgeSettings, is_any_address
from tollway.fabric.clock import Clock
from tollway.settings import Settings
from tollway.topology.development_certificate import ensure_certificate

if TYPE_CHECKING:
    from tollway.edge.node import Edge


def edge(settings: Settings, clock: Clock, client: Callable[[str], Any], worker: int) -> "Edge":
    """Build one worker of the network edge. It carries nobody to the platform's own services."""
    from prometheus_client import REGISTRY

    from tollway.edge.node import Edge

    section, shown = edge_section(settings), advertised(settings)
    denied = [*section.denied_services, *own_services(settings)]
    edge_settings = section.model_copy(update={"denied_services": denied, "advertise": shown})
    if edge_settings.tls_cert != settings.edge.tls_cert:
        hosts = [settings.edge.host, *(one.host for one in shown.values())]
        ensure_certificate(Path(edge_settings.tls_cert), ["localhost", "127.0.0.1", "::1", *hosts], clock)
    return Edge(
        edge_settings,
        client("access"),
        clock,
        f"edge-{worker}",
        settings.data / "edge",
        registry=REGISTRY,
    )


def edge_section(settings: Settings) -> EdgeSettings:
    """Return the edge's section, in development with the certificate that is made when there is none."""
    if settings.edge.tls_cert or settings.environment != "development":
        return settings.edge
    return settings.edge.model_copy(update={"tls_cert": str(settings.data / "edge" / "https-proxy.pem")})


def advertised(settings: Settings) -> dict[str, AdvertiseSettings]:
    """Return what customers get as the address of each protocol, when it is not where it listens.

    Nobody can connect to "all addresses": where nothing is advertised for such a listener, customers get the host at
    which they reach the platform itself.
    """
    found = dict(settings.edge.advertise)
    for name, (host, port) in listen_addresses(edge_section(settings), PROTOCOLS).items():
        shown, shown_port = advertised_address(settings.edge, name, host, port)
        if is_any_address(shown):
            public = urlsplit(settings.network.public_url).hostname or ""
            found[name] = AdvertiseSettings(host=public, port=shown_port if shown_port != port else None)
    return found


def own_services(settings: Settings) -> list[str]:
    """List where the platform listens, and where its databases do, as host:port.

    Read from the settings by which the processes find each other, so it is right in every shape: one process,
    one machine, a process for each service, many machines. Unix sockets are out of a customer's reach anyway.
    """
    gateway, network, edge = settings.gateway, settings.network, edge_section(settings)
    found = [
        f"{gateway.host}:{gateway.port}",
        f"{gateway.host}:{gateway.tls_port}",
        f"{gateway.admin_host}:{gateway.admin_port}",
        *(f"{host}:{port}" for host, port in listen_addresses(edge, PROTOCOLS).values()),
        network.inbox,
        network.payments_mock,
        *network.admin.values(),
        *(address for known in network.rpc.values() for address in known.split(",")),
        *(
            address.strip()
            for known in network.rest.values()
            for address in known.split(",")
            if not address.strip().startswith("unix:")
        ),
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
