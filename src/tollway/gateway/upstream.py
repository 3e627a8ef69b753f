"""Upstreams: a pool of keep-alive connections to each address, behind a circuit breaker.

A connection (`Link`) serves one `Receiver` at a time and goes back to the pool when both sides have said all
they had to say. The most recently used is taken first, so the surplus ages and is closed before the
upstream closes it. A link that speaks without being asked is thrown away: its answer would reach the wrong client.
"""

import asyncio
from typing import Protocol, cast

from tollway.gateway.breaker import Breaker
from tollway.gateway.metrics import Figures
from tollway.gateway.settings import GatewaySettings

_RETRY_SHARE = 0.2  # repeated requests, as a share of all
_RETRY_RESERVE = 10.0


class Receiver(Protocol):
    """Whom a link serves, and what it tells it: one request being forwarded, or a WebSocket's tunnel."""

    def from_upstream(self, data: bytes) -> None:
        """Take what the upstream sent."""
        ...

    def upstream_ended(self) -> None:
        """Know that the upstream sends no more."""
        ...

    def upstream_lost(self) -> None:
        """Know that the connection is gone."""
        ...

    def upstream_full(self) -> None:
        """Write no more for now."""
        ...

    def upstream_ready(self) -> None:
        """Go on writing."""
        ...


class Upstream:
    """One address: `unix:/path` or `host:port`."""

    def __init__(self, address: str, settings: GatewaySettings, figures: Figures) -> None:
        self.address = address
        self.breaker = Breaker()
        self.links: set[Link] = set()
        self._idle: list[Link] = []
        self._opening = 0
        self._settings = settings
        self._counts = figures.upstreams
        self._retries_left = _RETRY_RESERVE

    def take(self) -> "Link | None":
        """Return an idle link, the most recently used one."""
        while self._idle:
            link = self._idle.pop()
            if not link.transport.is_closing():
                return link
        return None

    def admits(self, now: float) -> bool:
        """Tell whether a request may be sent here now."""
        if not self.breaker.allows(now):
            self.count("held_back")
            return False
        self._retries_left = min(self._retries_left + _RETRY_SHARE, _RETRY_RESERVE)
        return True

    @property
    def is_full(self) -> bool:
        """Whether no further connection may be opened."""
        return len(self.links) + self._opening >= self._settings.max_upstream_connections

    def may_repeat(self) -> bool:
        """Take one repetition from the budget, which keeps a sick upstream from being asked twice as much."""
        if self._retries_left < 1:
            return False
        self._retries_left -= 1
        self.count("repeated")
        return True

    async def connect(self, timeout_s: float) -> "Link":
        """Open a link. Raises OSError, also when it takes longer than `timeout_s`."""
        loop = asyncio.get_running_loop()
        self._opening += 1
        try:
            async with asyncio.timeout(timeout_s):
                if self.address.startswith("unix:"):
                    path = self.address.removeprefix("unix:")
                    _, link = await loop.create_unix_connection(lambda: Link(self), path)
                else:
                    host, _, port = self.address.rpartition(":")
                    _, link = await loop.create_connection(lambda: Link(self), host.strip("[]"), int(port))
        finally:
            self._opening -= 1
        self.count("connected")
        return link

    def give_back(self, link: "Link", now: float) -> None:
        """Take a link back whose exchange is over on both sides."""
        link.receiver = None
        link.used = True
        link.idle_since = now
        link.resume_reading()
        self._idle.append(link)

    def tick(self, now: float) -> None:
        """Close links that nobody needed for a while."""
        oldest = now - self._settings.upstream_idle_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).transport.close()

    def close(self) -> None:
        """Close every link."""
        for link in list(self.links):
            link.transport.abort()

    def lost(self, link: "Link") -> None:
        """Forget a link that is closed."""
        self.links.discard(link)
        if link in self._idle:
            self._idle.remove(link)

    def count(self, event: str) -> None:
        """Count what happened, for the metrics."""
        self._counts[self.address, event] += 1

    def figures(self) -> dict[str, float]:
        """Return the present state in numbers."""
        return {
            "links": len(self.links),
            "idle": len(self._idle),
            "breaker_open": float(self.breaker.is_open),
        }


class Link(asyncio.Protocol):
    """One connection to an upstream."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self.receiver: Receiver | None = None
        self.idle_since = 0.0
        self.used = False  # whether it served somebody before: only then can it be stale
        self.full = False  # whether the upstream takes no more for now
        self._upstream = upstream
        self._reading_paused = False

    # ── for the receiver ────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone (its loss is told separately)."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def drop(self) -> None:
        """End a link that cannot be used again."""
        self.receiver = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._reading_paused:
            self._reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._upstream.links.add(self)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; what nobody asked for ends the link."""
        if self.receiver is not None:
            self.receiver.from_upstream(data)
        else:
            self._upstream.count("unasked")
            self.transport.abort()

    def eof_received(self) -> bool:
        """Tell that no more will come, and close this side too."""
        if self.receiver is not None:
            self.receiver.upstream_ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget a link that is gone, and tell whom it served."""
        self._upstream.lost(self)
        if self.receiver is not None:
            self.receiver.upstream_lost()

    def pause_writing(self) -> None:
        """Let the receiver wait."""
        self.full = True
        if self.receiver is not None:
            self.receiver.upstream_full()

    def resume_writing(self) -> None:
        """Let the receiver go on."""
        self.full = False
        if self.receiver is not None:
            self.receiver.upstream_ready()
