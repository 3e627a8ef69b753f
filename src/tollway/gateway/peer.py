"""The client's end of a connection, as far as its requests need to know it, and how many ends are open."""

import ipaddress

from tollway.gateway.auth import Verdict


class Peer:
    """Who is at the other end. `limit_key` stands for the client in limits: its address, or its IPv6 /64.

    `verdict` is what the last good bearer token on this connection proved: the next request usually brings the
    same one, and then not even its hash is needed.
    """

    __slots__ = ("forwarded_lines", "ip", "limit_key", "tls", "verdict")

    def __init__(self, address: str, *, tls: bool) -> None:
        self.ip, self.limit_key = _ip_and_key(address)
        self.tls = tls
        self.verdict: Verdict | None = None
        self.forwarded_lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 tollway\r\n" % (
            self.ip.encode(),
            b"https" if tls else b"http",
        )


class Occupancy:
    """Counts open connections, in all and for each client, so that one client cannot take every place."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._total = 0
        self._by_client: dict[str | bytes, int] = {}

    def enter(self, key: str | bytes) -> bool:
        """Count one more; False when it is one too many. It is counted all the same, until it leaves."""
        self._total += 1
        mine = self._by_client[key] = self._by_client.get(key, 0) + 1
        return self._total <= self._most and mine <= self._most_per_client

    def leave(self, key: str | bytes) -> None:
        """Count one less."""
        self._total -= 1
        mine = self._by_client[key] - 1
        if mine:
            self._by_client[key] = mine
        else:
            del self._by_client[key]


def _ip_and_key(address: str) -> tuple[str, str | bytes]:
    """Return an address in its plain form, and its key: of IPv6 the /64 that one subscriber has."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address, address
    if isinstance(ip, ipaddress.IPv4Address):
        return address, address
    if ip.ipv4_mapped is not None:  # an IPv4 client of a listener for both
        return str(ip.ipv4_mapped), str(ip.ipv4_mapped)
    return str(ip), ip.packed[:8]
