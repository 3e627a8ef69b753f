"""Who sends a request: the client at the other end of a connection, and the identity that a credential proved."""

import ipaddress


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


class ClientInfo:
    """The client of a connection. `limit_key` stands for it in limits: its address, or its IPv6 /64.

    `identity` is what the last good bearer token on this connection proved: the next request usually brings the
    same one, and then not even its hash is needed.
    """

    __slots__ = ("forwarded_lines", "identity", "ip", "limit_key", "tls")

    def __init__(self, address: str, *, tls: bool) -> None:
        self.ip, self.limit_key = _ip_and_key(address)
        self.tls = tls
        self.identity: ClientIdentity | None = None
        self.forwarded_lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 tollway\r\n" % (
            self.ip.encode(),
            b"https" if tls else b"http",
        )


class ConnectionLimit:
    """Counts open connections, in all and for each client, so that one client cannot take every place."""

    def __init__(self, maximum: int, maximum_per_client: int) -> None:
        self._maximum = maximum
        self._maximum_per_client = maximum_per_client
        self._total = 0
        self._by_client: dict[str | bytes, int] = {}

    def enter(self, key: str | bytes) -> bool:
        """Count one more; False when it is one too many. It is counted all the same, until it leaves."""
        self._total += 1
        mine = self._by_client[key] = self._by_client.get(key, 0) + 1
        return self._total <= self._maximum and mine <= self._maximum_per_client

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
