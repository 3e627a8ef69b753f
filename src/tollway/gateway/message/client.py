"""Who sends a request: the client, the share of the gateway that it has, and the identity that a credential proved."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from weakref import WeakValueDictionary

_ENDS_OF_TUNNEL = 2
_REMEMBERED = 4_096  # clients behind proxies


class ClientIdentity:
    """Somebody who proved who they are. `valid_until` is in monotonic seconds; `revoked` when the session ended."""

    __slots__ = ("authorization", "csrf_token", "revoked", "session_id", "user_id", "valid_until")

    def __init__(
        self, user_id: str, session_id: str, valid_until: float, authorization: bytes, csrf_token: bytes
    ) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.valid_until = valid_until
        self.authorization = authorization  # the header's value for the services
        self.csrf_token = csrf_token  # empty for a bearer token, which no foreign page can send
        self.revoked = False


class ClientAddress(NamedTuple):
    """An address in its plain form; `limit_key` stands for the subscriber, `network_key` for their network."""

    ip: str
    limit_key: str | bytes
    network_key: str | bytes
    is_loopback: bool


class ClientShare:
    """What one client has of what all share: connections, requests that upstreams work on, uploads, kept bodies."""

    __slots__ = ("__weakref__", "connections", "kept_bytes", "requests", "uploads")

    def __init__(self) -> None:
        self.connections = self.requests = self.uploads = self.kept_bytes = 0


class ClientInfo:
    """The client of a request. `limit_key` stands for it in limits: its address, or its IPv6 /64.

    `network_key` stands for all clients of its network: the IPv4 /24, the IPv6 /48.
    `is_proxy`: it is a trusted proxy, whose X-Forwarded-For names the client. `is_private`: nobody on the way can read
    what it sends, because it uses TLS or is on this machine.

    `identity` is what the last good bearer token of this client here proved: the next request usually brings the
    same one, and then not even its hash is needed.
    """

    __slots__ = (
        "forwarded_lines",
        "identity",
        "ip",
        "is_private",
        "is_proxy",
        "limit_key",
        "network_key",
        "share",
        "tls",
    )

    def __init__(self, address: ClientAddress, share: ClientShare, *, is_proxy: bool, tls: bool) -> None:
        self.ip = ip = address.ip
        self.limit_key = address.limit_key
        self.network_key = address.network_key
        self.is_proxy = is_proxy
        self.is_private = tls or address.is_loopback
        self.share = share
        self.tls = tls
        self.identity: ClientIdentity | None = None
        self.forwarded_lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 tollway\r\n" % (
            ip.encode(),
            b"https" if tls else b"http",
        )


class Clients:
    """Knows the clients that are here, and counts their connections, so that one cannot take every place.

    Behind a trusted proxy the client is the right-most address of X-Forwarded-For that is not a trusted proxy itself:
    what stands further left is what others said, and anybody may write it.
    """

    def __init__(
        self, maximum: int, maximum_per_client: int, trusted_proxies: Iterable[IPv4Network | IPv6Network] = ()
    ) -> None:
        self._maximum = maximum
        self._maximum_per_client = maximum_per_client
        self._trusted = tuple(trusted_proxies)
        self._connections = 0
        self._shares = WeakValueDictionary[str | bytes, ClientShare]()
        self._behind: dict[tuple[str, bytes, bytes, bool], ClientInfo] = {}

    def info(self, address: str, *, tls: bool) -> ClientInfo:
        """Return the client at an address."""
        found = client_address(address)
        share = self._shares.get(found.limit_key)
        if share is None:
            share = self._shares[found.limit_key] = ClientShare()
        return ClientInfo(found, share, is_proxy=self.is_trusted(found.ip), tls=tls)

    def is_trusted(self, address: str) -> bool:
        """Return whether an address is that of a trusted proxy."""
        if not self._trusted:
            return False
        ip = _parsed(address)
        return ip is not None and any(ip in network for network in self._trusted)

    def behind(self, proxy: ClientInfo, forwarded_for: bytes, forwarded_proto: bytes) -> ClientInfo:
        """Return the client for which a trusted proxy sent a request."""
        key = (proxy.ip, forwarded_for, forwarded_proto, proxy.tls)
        known = self._behind.get(key)
        if known is None:
            if len(self._behind) >= _REMEMBERED:
                self._behind.clear()
            schemes = forwarded_proto.lower().replace(b" ", b"").split(b",")
            tls = schemes[-1] == b"https" if forwarded_proto else proxy.tls
            known = self._behind[key] = self.info(self._right_most(forwarded_for) or proxy.ip, tls=tls)
        return known

    def _right_most(self, forwarded_for: bytes) -> str:
        """Return the right-most address that is not a trusted proxy; the left-most of all when each one is."""
        found = ""
        for entry in reversed(forwarded_for.decode("latin-1").split(",")):
            ip = _parsed(_without_port(entry.strip()))
            if ip is None:
                break
            found = str(ip)
            if not self.is_trusted(found):
                break
        return found

    def enter(self, client: ClientInfo) -> bool:
        """Count one more connection; False when there is no place for it: then it is not counted.

        A trusted proxy may have as many as there are.
        """
        full = self._connections >= self._maximum
        if full or (client.share.connections >= self._maximum_per_client and not client.is_proxy):
            return False
        self._connections += 1
        client.share.connections += 1
        return True

    def switch_to_tunnel(self) -> None:
        """Count what a tunnel has open besides the client's connection: both ends of the one to its upstream."""
        self._connections += _ENDS_OF_TUNNEL

    def end_tunnel(self) -> None:
        """Count a tunnel no more."""
        self._connections -= _ENDS_OF_TUNNEL

    def leave(self, client: ClientInfo) -> None:
        """Count one connection less, of those that had a place."""
        self._connections -= 1
        client.share.connections -= 1

    def __len__(self) -> int:
        """Return how many clients are known now."""
        return len(self._shares)


def client_address(address: str) -> ClientAddress:
    """Return an address in its plain form with its keys: of IPv6 the /64 that one subscriber has."""
    ip = _parsed(address)
    if ip is None:
        return ClientAddress(address, address, address, is_loopback=False)
    if ip.version == 4:
        return ClientAddress(str(ip), str(ip), ip.packed[:3], ip.is_loopback)
    return ClientAddress(str(ip), ip.packed[:8], ip.packed[:6], ip.is_loopback)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    # An IPv4 client of a listener for both families is the same as one of a listener for IPv4.
    return ip.ipv4_mapped or ip if ip.version == 6 else ip


def _without_port(entry: str) -> str:
    """Take the address out of what proxies write: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
