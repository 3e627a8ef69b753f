"""Who sends a request: the client, the share of the gateway that it has, and the identity that a credential proved."""

import ipaddress
from weakref import WeakValueDictionary


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


class ClientShare:
    """What one client has of what all share: connections, requests that upstreams work on, and unfinished uploads."""

    __slots__ = ("__weakref__", "connections", "requests", "uploads")

    def __init__(self) -> None:
        self.connections = self.requests = self.uploads = 0


class ClientInfo:
    """The client of a request. `limit_key` stands for it in limits: its address, or its IPv6 /64.

    `identity` is what the last good bearer token of this client here proved: the next request usually brings the
    same one, and then not even its hash is needed.
    """

    __slots__ = ("forwarded_lines", "identity", "ip", "limit_key", "share", "tls")

    def __init__(self, ip: str, limit_key: str | bytes, share: ClientShare, *, tls: bool) -> None:
        self.ip = ip
        self.limit_key = limit_key
        self.share = share
        self.tls = tls
        self.identity: ClientIdentity | None = None
        self.forwarded_lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 tollway\r\n" % (
            ip.encode(),
            b"https" if tls else b"http",
        )


class Clients:
    """Knows the clients that are here, and counts their connections, so that one cannot take every place."""

    def __init__(self, maximum: int, maximum_per_client: int) -> None:
        self._maximum = maximum
        self._maximum_per_client = maximum_per_client
        self._connections = 0
        self._shares = WeakValueDictionary[str | bytes, ClientShare]()

    def info(self, address: str, *, tls: bool) -> ClientInfo:
        """Return the client at an address."""
        ip, key = _ip_and_key(address)
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = ClientShare()
        return ClientInfo(ip, key, share, tls=tls)

    def enter(self, share: ClientShare) -> bool:
        """Count one more connection; False when it is one too many. It is counted all the same, until it leaves."""
        self._connections += 1
        share.connections += 1
        return self._connections <= self._maximum and share.connections <= self._maximum_per_client

    def leave(self, share: ClientShare) -> None:
        """Count one connection less."""
        self._connections -= 1
        share.connections -= 1

    def __len__(self) -> int:
        """Return how many clients are known now."""
        return len(self._shares)


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
