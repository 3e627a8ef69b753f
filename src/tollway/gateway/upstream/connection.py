"""One connection to an upstream. It serves one owner at a time.

A connection that speaks while nobody is served is closed: its response would reach the wrong client.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol

from tollway.gateway.transport import PausableProtocol

if TYPE_CHECKING:
    from tollway.gateway.upstream.pool import Pool


class Owner(Protocol):
    """Whom a connection serves: an exchange, or the tunnel of a WebSocket."""

    def from_upstream(self, data: bytes) -> None:
        """Take what the upstream sent."""
        ...

    def upstream_ended(self) -> None:
        """The upstream sends no more."""
        ...

    def upstream_lost(self) -> None:
        """The connection is gone."""
        ...

    def upstream_full(self) -> None:
        """Write no more for now."""
        ...

    def upstream_ready(self) -> None:
        """Go on writing."""
        ...


class UpstreamConnection(PausableProtocol):
    """One connection of a pool."""

    def __init__(self, pool: "Pool") -> None:
        super().__init__()
        self.owner: Owner | None = None
        self.idle_since = 0.0
        self.used = False  # whether it served somebody before: only then can it be stale
        self.full = False  # whether the upstream takes no more for now
        self._pool = pool

    def drop(self) -> None:
        """End a connection that cannot be used again."""
        self.owner = None
        self.transport.abort()

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what came; data without a request ends the connection."""
        if self.owner is not None:
            self.owner.from_upstream(data)
        else:
            self._pool.unexpected_data()
            self.transport.abort()

    def eof_received(self) -> bool:
        """Notify the owner that no more will come, and close this side too."""
        if self.owner is not None:
            self.owner.upstream_ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Leave the pool, and notify the owner."""
        self._pool.lost(self)
        if self.owner is not None:
            self.owner.upstream_lost()

    def pause_writing(self) -> None:
        """Let the owner wait."""
        self.full = True
        if self.owner is not None:
            self.owner.upstream_full()

    def resume_writing(self) -> None:
        """Let the owner go on."""
        self.full = False
        if self.owner is not None:
            self.owner.upstream_ready()
