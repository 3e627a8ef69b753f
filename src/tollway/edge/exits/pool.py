"""Connections to origins that are kept open between requests of one customer.

They are kept apart by access resource, because some origins tie a login to a connection. An origin that
says anything on an idle connection, or closes it, is taken out at once.
"""

import socket

from tollway.edge.reactor import READABLE, Reactor

Key = tuple[str, str, str, str, int]  # exit, resource, label, host, port


class OriginPool:
    """The idle connections of a node."""

    def __init__(self, reactor: Reactor, idle_s: float, limit: int) -> None:
        self._reactor, self._idle_s, self._limit = reactor, idle_s, limit
        self._idle: dict[Key, list[_Idle]] = {}
        self._count = 0

    def acquire(self, key: Key) -> socket.socket | None:
        """Return the connection that was used last, or None."""
        idle = self._idle.get(key)
        if not idle:
            return None
        connection = idle.pop()
        self._forget(connection)
        return connection.sock

    def release(self, key: Key, sock: socket.socket) -> None:
        """Keep a connection on which everything was said; it is closed when there are too many."""
        if self._count >= self._limit:
            self._reactor.close(sock)
            return
        connection = _Idle(self, key, sock, self._reactor.monotonic() + self._idle_s)
        self._idle.setdefault(key, []).append(connection)
        self._count += 1
        self._reactor.transfer_and_rearm(sock, connection)
        self._reactor.add_deadline(connection)

    def drop(self, connection: "_Idle") -> None:
        """Close one."""
        self._idle[connection.key].remove(connection)
        self._forget(connection)
        self._reactor.close(connection.sock)

    def close(self) -> None:
        """Close all."""
        for idle in tuple(self._idle.values()):
            for connection in tuple(idle):
                self.drop(connection)

    def _forget(self, connection: "_Idle") -> None:
        self._count -= 1
        self._reactor.remove_deadline(connection)
        if not self._idle[connection.key]:
            del self._idle[connection.key]


class _Idle:
    """One kept connection."""

    __slots__ = ("_kept", "deadline", "key", "sock")

    def __init__(self, kept: OriginPool, key: Key, sock: socket.socket, deadline: float) -> None:
        self._kept, self.key, self.sock, self.deadline = kept, key, sock, deadline

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        if mask & READABLE:  # whatever it says, nobody asked for it
            self._kept.drop(self)

    def expired(self) -> None:
        self._kept.drop(self)

    failed = expired
