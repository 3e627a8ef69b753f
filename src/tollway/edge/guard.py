"""The address guard: which addresses a customer may be connected to.

A name is resolved once, every address of the answer is checked, and a checked address is dialled; so a name
that changes its mind between check and dial (DNS rebinding) gains nothing. `ipaddress.is_global` is no
guard: it passes multicast, and IPv6 addresses that carry a private IPv4 address inside them. So the
refused networks are written out (`kit/networks.py`), and all embeddings of IPv4 in IPv6 are refused as such.

The platform's own services are refused before everything else, whatever an operator allows. One that listens
everywhere (0.0.0.0, ::) is reached by any address of this machine; which ones these are is asked of the kernel
when somebody dials such a port, so addresses that come and go need no attention.
"""

import errno
import socket
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from tollway.kit.networks import SPECIAL_PURPOSE, Address, Network

_JUDGED = 50_000
_GLOBAL_UNICAST = ip_network("2000::/3")


class Guard:
    """Decides which addresses may be dialled. `allow` are networks that an operator trusts all the same."""

    def __init__(self, allow: Iterable[str] = (), services: Iterable[str] = ()) -> None:
        self._denied: dict[int, list[tuple[Network, str]]] = {4: [], 6: []}
        for text, why in SPECIAL_PURPOSE.items():
            network = ip_network(text)
            self._denied[network.version].append((network, why))
        self._allowed = [ip_network(text) for text in allow]
        self._services: set[tuple[Address, int]] = set()
        self._everywhere: set[int] = set()  # ports of services that listen on all addresses of this machine
        self._named: dict[tuple[str, int], set[Address]] = {}
        self._service_ports: set[int] = set()
        self.version = 0
        """Grows when what it denies has changed."""
        self._judged: dict[str, str] = {}  # remembered, as most addresses come again
        for text in services:
            host, _, port = text.rpartition(":")
            self.deny_service(host, int(port))

    def deny_service(self, host: str, port: int) -> None:
        """Refuse one endpoint of the platform itself, whatever is allowed.

        A name is refused once it was `resolved`.
        """
        self.version += 1
        self._service_ports.add(port)
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            self._named.setdefault((host, port), set())
            return
        if address.is_unspecified:
            self._everywhere.add(port)
        else:
            self._services.add((address, port))

    @property
    def named_services(self) -> list[tuple[str, int]]:
        """The services that were given by name, as (host, port)."""
        return list(self._named)

    def resolved(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Note where a named service is now."""
        found = {ip_address(text) for text in addresses}
        if self._named.get((host, port)) != found:
            self.version += 1
            self._named[host, port] = found

    def denies(self, text: str, port: int) -> str:
        """Return why this address may not be dialled; empty when it may."""
        if port in self._service_ports and self._is_service(text, port):
            return "a service of the platform"
        judged = self._judged.get(text)
        if judged is None:
            if len(self._judged) >= _JUDGED:
                self._judged.clear()
            judged = self._judged[text] = self._judge(text)
        return judged

    def _is_service(self, text: str, port: int) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return True
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_unspecified or (address, port) in self._services:
            return True  # a connection to 0.0.0.0 ends on this machine
        if any(at == port and address in found for (_, at), found in self._named.items()):
            return True
        return port in self._everywhere and is_local(address)

    def _judge(self, text: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            return "not an address"
        if isinstance(address, IPv6Address) and address.scope_id:
            return "an address with a zone"
        if any(address.version == network.version and address in network for network in self._allowed):
            return ""
        for network, why in self._denied[address.version]:
            if address in network:
                return why
        if address.version == 6 and address not in _GLOBAL_UNICAST:
            return "not assigned for global unicast"
        return ""


def is_local(address: Address) -> bool:
    """Return whether this machine answers to an address: only then the kernel lets a socket have it.

    Where `ip_nonlocal_bind` is set the kernel lets any, and everything passes for local: too much is refused then.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True
