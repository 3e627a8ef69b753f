"""Upstreams: a pool of keep-alive connections to each address, behind a circuit breaker.

A connection (`Link`) serves one exchange at a time and goes back to the pool when both sides have said all
they had to say. The most recently used is taken first, so the surplus ages and is closed before the
upstream closes it. A link that speaks without being asked is thrown away: its answer would reach the wrong client.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from tollway.gateway.metrics import Figures
from tollway.gateway.settings import GatewaySettings
from tollway.wire.http1 import BadMessage, ResponseReader

if TYPE_CHECKING:
    from tollway.gateway.forwarding import Forwarding
    from tollway.gateway.websocket import Tunnel

_FAILURES = 5  # in a row open the breaker
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_RETRY_SHARE = 0.2  # repeated requests, as a share of all
_RETRY_RESERVE = 10.0


class Breaker:
    """Stops asking an upstream that failed several times in a row, and lets one request probe it later."""

    __slots__ = ("_failures", "_open_until", "_pause_s", "_probing")

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are held back."""
        return self._failures >= _FAILURES

    def allows(self, now: float) -> bool:
        """Tell whether a request may go; in the open state, one probe after each pause."""
        if self._failures < _FAILURES:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Note that an answer came, whatever it says."""
        if self._failures:
            self._failures, self._pause_s, self._probing = 0, _FIRST_PAUSE_S, False

    def failed(self, now: float) -> None:
        """Note that no answer came."""
        self._failures += 1
        self._probing = False
        if self._failures >= _FAILURES:
            self._open_until = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def withdrawn(self) -> None:
        """Note that a request ended without telling anything about the upstream (its client left)."""
        self._probing = False


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
        link.exchange = None
        link.idle_since = now
        if link.reading_paused:
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
    reader: ResponseReader

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.exchange: Forwarding | None = None
        self.tunnel: Tunnel | None = None
        self.idle_since = 0.0
        self.used = False  # whether it served an exchange before: only then can it be stale
        self.reading_paused = False

    # ── for the exchange ────────────────────────────────────────────────────────────────────────────

    def begin(self, exchange: "Forwarding", method: bytes) -> None:
        """Serve one exchange: the next answer belongs to it."""
        self.exchange = exchange
        self.reader = ResponseReader(method)

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone (its loss is told separately)."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def drop(self) -> None:
        """End a link that cannot be used again."""
        self.exchange = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self.reading_paused:
            self.reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.upstream.links.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, or of a tunnel."""
        if self.tunnel is not None:
            self.tunnel.from_upstream(data)
            return
        exchange = self.exchange
        if exchange is None:
            self.upstream.count("unasked")
            self.transport.abort()
            return
        self.used = True
        self.reader.feed(data)
        try:
            exchange.answer(self.reader)
        except BadMessage as error:
            self.upstream.count("malformed")
            exchange.upstream_failed(error.reason)

    def eof_received(self) -> bool:
        """Complete an answer that ends this way, or lose the link."""
        exchange = self.exchange
        if exchange is not None and self.tunnel is None:
            try:
                self.reader.eof()
            except BadMessage:
                exchange.link_lost(self)
            else:
                exchange.answer_ended_by_close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget a link that is gone, and tell whom it served."""
        self.upstream.lost(self)
        if self.tunnel is not None:
            self.tunnel.end("upstream_closed")
        elif self.exchange is not None:
            self.exchange.link_lost(self)

    def pause_writing(self) -> None:
        """Let the client wait: the upstream takes no more for now."""
        if self.tunnel is not None:
            self.tunnel.upstream_full()
        elif self.exchange is not None:
            self.exchange.upstream_full(full=True)

    def resume_writing(self) -> None:
        """Go on: the upstream takes more again."""
        if self.tunnel is not None:
            self.tunnel.upstream_ready()
        elif self.exchange is not None:
            self.exchange.upstream_full(full=False)
