"""What the edge must know of a protocol to offer it; each implementation declares its own `SPEC`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tollway.edge.gate import Gate
from tollway.edge.listener import ListenError, OnClient
from tollway.edge.settings import AdvertiseSettings, EdgeSettings, ListenerSettings


@dataclass(frozen=True, slots=True)
class ProtocolSpec:
    """A protocol that clients speak to a port of their own.

    `offer` makes what is called with each client that an edge accepts; it may keep state for that edge. `refusals` has
    the protocol's answer for every code of `refusal.REFUSALS`. A protocol in which the server speaks first, such as
    FTP, is accepted at once; others when the client has said something. `overloaded` is what is sent to a client for
    whom this process has no file left. One with `tls` is served only where the edge has a certificate.
    """

    name: str
    title: str
    default_port: int
    offer: Callable[[Gate], OnClient]
    refusals: Mapping[str, object]
    server_speaks_first: bool = False
    overloaded: bytes = b""
    tls: bool = False


def served(settings: EdgeSettings, protocols: Sequence[ProtocolSpec]) -> tuple[ProtocolSpec, ...]:
    """Return the protocols that an edge with these settings serves."""
    return tuple(spec for spec in protocols if settings.tls_cert or not spec.tls)


def listen_addresses(settings: EdgeSettings, protocols: Sequence[ProtocolSpec]) -> dict[str, tuple[str, int]]:
    """Return by protocol that is served on which host and port. Raises ListenError for one that is not known."""
    names = [spec.name for spec in protocols]
    for name in settings.listeners:
        if name not in names:
            raise ListenError(f"edge.listeners: there is no protocol {name}; known are {', '.join(names)}")
    for name in settings.advertise:
        if name not in (*names, "*"):
            raise ListenError(
                f"edge.advertise: there is no protocol {name}; known are {', '.join(names)} and *"
            )
    found: dict[str, tuple[str, int]] = {}
    for spec in served(settings, protocols):
        chosen = settings.listeners.get(spec.name, ListenerSettings())
        port = spec.default_port if chosen.port is None else chosen.port
        found[spec.name] = (chosen.host or settings.host, port)
    return found


def advertised_address(settings: EdgeSettings, protocol: str, host: str, port: int) -> tuple[str, int]:
    """Return what customers get as the address of a protocol that listens on `host` and `port`."""
    mine = settings.advertise.get(protocol, AdvertiseSettings())
    common = settings.advertise.get("*", AdvertiseSettings())
    return mine.host or common.host or host, mine.port or common.port or port
