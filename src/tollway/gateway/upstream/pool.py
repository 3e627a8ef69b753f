"""The keep-alive connections to one address.

The most recently used is taken first, so the surplus ages and is closed before the upstream closes it.
"""

import asyncio
from collections.abc import Callable

from tollway.gateway.upstream.connection import UpstreamConnection

# Shares of a pool. What is complete always finds connections that no upload holds, a client those that no other client
# can hold, and a route those that no other route can.
_ROUTE_SHARE = 3 / 4
_CLIENT_SHARE = 1 / 8
_UPLOAD_SHARE = 1 / 2  # of all, and of a client's share


class Pool:
    """Connections to `address` (`unix:/path` or `host:port`), at most `maximum` at once.

    Of these, `uploads` serve requests whose bodies have not arrived completely, at most `max_uploads`. One route takes
    at most `route_share`; one client `client_share`, and half of it for uploads, `client_uploads`.
    """

    def __init__(
        self, address: str, maximum: int, idle_timeout_s: float, count: Callable[[str], None]
    ) -> None:
        self.connections: set[UpstreamConnection] = set()
        self.uploads = 0
        self.max_uploads = _part_of(maximum, _UPLOAD_SHARE)
        self.route_share = _part_of(maximum, _ROUTE_SHARE)
        self.client_share = _part_of(maximum, _CLIENT_SHARE)
        self.client_uploads = _part_of(self.client_share, _UPLOAD_SHARE)
        self._address = address
        self._maximum = maximum
        self._idle_timeout_s = idle_timeout_s
        self._count = count
        self._idle: list[UpstreamConnection] = []
        self._opening = 0
        self._retired = False

    @property
    def idle(self) -> int:
        """How many connections serve nobody."""
        return len(self._idle)

    @property
    def is_open(self) -> bool:
        """Whether any connection is there or being opened."""
        return bool(self.connections) or self._opening > 0

    @property
    def is_full(self) -> bool:
        """Whether no further connection may be opened."""
        return len(self.connections) + self._opening >= self._maximum

    def hand_over(self, connection: UpstreamConnection) -> None:
        """Count a connection no more: it became one that is not for requests."""
        self.connections.discard(connection)

    def take(self) -> UpstreamConnection | None:
        """Return an idle connection, the most recently used one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def connect(self, timeout_s: float) -> UpstreamConnection:
        """Open a connection. Raises OSError, also when it takes longer than `timeout_s`."""
        loop = asyncio.get_running_loop()
        self._opening += 1
        try:
            async with asyncio.timeout(timeout_s):
                if self._address.startswith("unix:"):
                    path = self._address.removeprefix("unix:")
                    _, opened = await loop.create_unix_connection(lambda: UpstreamConnection(self), path)
                else:
                    host, _, port = self._address.rpartition(":")
                    _, opened = await loop.create_connection(
                        lambda: UpstreamConnection(self), host.strip("[]"), int(port)
                    )
        finally:
            self._opening -= 1
        self._count("connected")
        return opened

    def give_back(self, connection: UpstreamConnection, now: float) -> None:
        """Take a connection back whose exchange is over on both sides."""
        connection.owner = None
        connection.used = True
        connection.idle_since = now
        connection.resume_reading()
        if self._retired:
            connection.transport.close()
        else:
            self._idle.append(connection)

    def opened(self, connection: UpstreamConnection) -> None:
        """Know a connection that was opened."""
        self.connections.add(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self.connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def unexpected_data(self) -> None:
        """Count data that arrived on a connection that served nobody."""
        self._count("unexpected_data")

    def tick(self, now: float) -> None:
        """Close connections that nobody needed for a while."""
        oldest = now - self._idle_timeout_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).transport.close()

    def retire(self) -> None:
        """Keep no connection: close those that serve nobody now, the others when their exchange is over."""
        self._retired = True
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self.connections):
            connection.transport.abort()


def _part_of(maximum: int, share: float) -> int:
    return max(1, int(maximum * share))
