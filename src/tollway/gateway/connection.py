"""A client's connection: requests in, one at a time, answers out; deadlines, back-pressure, and the end.

Pipelined requests wait in the reader until the answer before theirs is complete, and while anything waits there the
client is not read further than `_AHEAD_BYTES`. After an error nothing more is read as a request: the answer
goes out, then the connection lingers a moment, so that the client sees the answer and not a reset.
"""

import asyncio
import ipaddress
from typing import TYPE_CHECKING, cast

from tollway.gateway.exchange import Exchange
from tollway.gateway.problems import CUT_SHORT, FULL, SLOW_BODY, SLOW_HEAD, Refusal, of_message
from tollway.gateway.websocket import Tunnel
from tollway.wire.http1 import BadMessage, Data, End, Framing, RequestHead, RequestReader

if TYPE_CHECKING:
    from tollway.gateway.auth import Verdict
    from tollway.gateway.forwarding import Forwarding
    from tollway.gateway.server import Gateway

_AHEAD_BYTES = 65_536
_SKIP_BYTES = 65_536  # of an unwanted body that is read and thrown away to keep the connection
_LINGER_S = 2.0


class ClientConnection(asyncio.Protocol):
    """One accepted connection."""

    transport: asyncio.Transport

    def __init__(self, gateway: "Gateway", *, tls: bool) -> None:
        self.gateway = gateway
        self.tls = tls
        self.ip = ""
        self.limit_key: str | bytes = ""
        self.forwarded_lines = b""
        self.exchange: Exchange | None = None
        self.verdict: Verdict | None = None
        self._reader = RequestReader(gateway.head_limits)
        self._tunnel: Tunnel | None = None
        self._tunnelled: Exchange | None = None
        self._busy = False  # in proceed(), which is not entered twice
        self._lingering = False
        self._reading_paused = False
        self._in_head = True
        self._deadline = 0.0
        self._stalled_since = 0.0
        self._pace_since = 0.0
        self._pace_bytes = 0

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self.transport = cast("asyncio.Transport", transport)
        gateway = self.gateway
        self.ip = str(transport.get_extra_info("peername", ("",))[0])
        self.limit_key = _limit_key(self.ip)
        scheme = b"https" if self.tls else b"http"
        self.forwarded_lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nVia: 1.1 tollway\r\n" % (
            self.ip.encode(),
            scheme,
        )
        self._deadline = gateway.monotonic() + gateway.settings.head_s
        gateway.connections.add(self)
        if len(gateway.connections) > gateway.settings.max_connections:
            self._turn_away(FULL)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._tunnel is not None:
            self._tunnel.from_client(data)
        elif not self._lingering:
            self._reader.feed(data)
            self.proceed()

    def eof_received(self) -> bool:
        """End with the client. One that closes while its answer is made has left: the upstream need not go on."""
        exchange = self.exchange
        if self._tunnel is not None:
            self._tunnel.end("client_closed")
        elif exchange is not None and exchange.body_ended:
            exchange.client_lost()
        elif exchange is not None:
            exchange.break_off(CUT_SHORT)
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End what was under way: the client is gone."""
        self.gateway.connections.discard(self)
        if self._tunnel is not None:
            self._tunnel.end("client_closed")
        elif self.exchange is not None:
            self.exchange.client_lost()

    def pause_writing(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._stalled_since = self.gateway.monotonic()
        if self._tunnel is not None:
            self._tunnel.client_full()
        elif self.exchange is not None and self.exchange.link is not None:
            self.exchange.link.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the client takes more again."""
        self._stalled_since = 0.0
        if self._tunnel is not None:
            self._tunnel.client_ready()
        elif self.exchange is not None and self.exchange.link is not None:
            self.exchange.link.resume_reading()

    # ── requests, one at a time ─────────────────────────────────────────────────────────────────────

    def proceed(self) -> None:
        """Go through what was read as far as possible now."""
        if self._busy:
            return
        self._busy = True
        try:
            while not self._lingering and self._tunnel is None and self._step():
                pass
        except BadMessage as error:
            self._refuse_bytes(error)
        finally:
            self._busy = False
        if self._reading_paused or self._reader.waiting:
            self.update_reading()

    def _step(self) -> bool:
        """Take one event; False when there is none, or the next has to wait."""
        exchange = self.exchange
        if exchange is not None and not exchange.takes_body:
            return False
        event = self._reader.next_event()
        if event is None:
            if exchange is None and not self._in_head and self._reader.waiting:
                self._begin_head_deadline()
            return False
        if exchange is not None:
            self._body_event(exchange, event)
        elif isinstance(event, RequestHead):
            return self._begin(event)
        elif isinstance(event, End):
            self._await_next(self.gateway.monotonic())
        # else: a piece of a body that nobody wants
        return True

    def _begin(self, head: RequestHead) -> bool:
        now = self.gateway.monotonic()
        exchange = self.exchange = Exchange(self, head, now)
        self._in_head = False
        if head.framing is Framing.NONE:
            self._reader.next_event()  # its End, which says nothing new
            exchange.body_ended = True
        else:
            self._pace_since, self._pace_bytes = now, 0
        exchange.begin()
        return exchange.ended or not exchange.body_ended

    def _body_event(self, exchange: Exchange, event: RequestHead | Data | End) -> None:
        if isinstance(event, Data):
            self._pace_bytes += event.size
            exchange.body(event)
        else:
            exchange.end_of_body(event.size)

    def exchange_ended(self, exchange: "Forwarding") -> None:
        """Go on to the next request, or to the end of the connection: the answer is complete."""
        self.exchange = None
        if exchange.closing or self.gateway.draining:
            self._close_gently()
            return
        now = self.gateway.monotonic()
        if exchange.body_ended:
            self._await_next(now)
        else:
            self._deadline = now + self.gateway.settings.head_s
        if self._reader.waiting:
            self.proceed()

    def can_skip_body(self, exchange: "Forwarding") -> bool:
        """Tell whether what is left of a refused request is small enough to read and throw away."""
        head = exchange.head
        # Who waits for `100 Continue` may or may not send the body after another answer: then nobody can tell.
        return exchange.body_ended or (
            head.framing is Framing.LENGTH and head.length <= _SKIP_BYTES and not head.expect_continue
        )

    def _await_next(self, now: float) -> None:
        self._in_head = False
        self._deadline = now + self.gateway.settings.idle_s

    def _begin_head_deadline(self) -> None:
        self._in_head = True
        self._deadline = self.gateway.monotonic() + self.gateway.settings.head_s

    @property
    def has_more(self) -> bool:
        """Whether bytes were read that belong to no event yet."""
        return self._reader.waiting > 0

    # ── the way out ─────────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send to the client, unless it is gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def _refuse_bytes(self, error: BadMessage) -> None:
        """Say once that the bytes are not a request we accept, and serve nothing after it."""
        exchange = self.exchange
        if exchange is None:
            self._turn_away(of_message(error))
        else:
            exchange.break_off(of_message(error))

    def _turn_away(self, refusal: Refusal) -> None:
        """Answer without a request, and close."""
        self.write(self.gateway.turn_away(refusal))
        self._close_gently()

    def _close_gently(self) -> None:
        """Close after what was written has gone out, reading on for a moment so that no reset overtakes it."""
        if self._lingering or self.transport.is_closing():
            return
        self._lingering = True
        self._deadline = self.gateway.monotonic() + _LINGER_S
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.update_reading()
        else:
            self.transport.close()

    def abort(self) -> None:
        """Close at once, so that the client sees that its answer is not whole."""
        self._lingering = True
        self.transport.abort()

    def drain(self) -> None:
        """Close when idle, after the answer when busy: the gateway stops."""
        if self.exchange is not None:
            self.exchange.closing = True
        elif self._tunnel is None and not self._lingering:
            self._close_gently()

    # ── upgrades ────────────────────────────────────────────────────────────────────────────────────

    def begin_tunnel(self, tunnel: Tunnel, from_upstream: bytes) -> None:
        """Join the two connections; what either side sent early goes first."""
        self._tunnel, self._tunnelled = tunnel, self.exchange
        if from_upstream:
            tunnel.from_upstream(from_upstream)
        if rest := self._reader.rest():
            tunnel.from_client(rest)
        self.gateway.tunnels.add(tunnel)

    def tunnel_ended(self, reason: str) -> None:
        """Write down a tunnel that closed, from whichever side."""
        tunnel, exchange = self._tunnel, self._tunnelled
        assert tunnel is not None
        assert exchange is not None
        self.gateway.tunnels.discard(tunnel)
        exchange.tunnel_ended(tunnel, reason)
        self.exchange = None

    # ── time and pressure ───────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Look at the deadlines."""
        settings = self.gateway.settings
        if self._tunnel is not None:
            self._tunnel.tick(now)
        elif self._stalled_since and now - self._stalled_since > settings.stall_s:
            self.abort()
        elif self._lingering:
            if now > self._deadline and not self._stalled_since:
                self.transport.abort()
        elif self.exchange is not None:
            self._check_pace(self.exchange, now)
            self.exchange.tick(now)
        elif now > self._deadline:
            if self._in_head and self._reader.waiting:
                self._turn_away(SLOW_HEAD)
            else:
                self._close_gently()

    def _check_pace(self, exchange: Exchange, now: float) -> None:
        """Refuse a body that trickles in, but only while it is the client that we wait for."""
        settings = self.gateway.settings
        if exchange.body_ended or self._reading_paused or not exchange.takes_body:
            self._pace_since, self._pace_bytes = now, 0
            return
        waited_s = now - self._pace_since
        if waited_s > settings.body_grace_s:
            if self._pace_bytes < settings.body_bytes_per_s * waited_s:
                exchange.break_off(SLOW_BODY)
            else:
                self._pace_since, self._pace_bytes = now, 0

    def update_reading(self) -> None:
        """Read from the client only what can go on, and a little ahead."""
        exchange = self.exchange
        wait = (
            self._tunnel is None
            and not self._lingering
            and exchange is not None
            and (
                exchange.paused_upstream or (not exchange.takes_body and self._reader.waiting > _AHEAD_BYTES)
            )
        )
        if wait:
            self.pause_reading()
        else:
            self.resume_reading()

    def pause_reading(self) -> None:
        """Let the client wait."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()


def _limit_key(ip: str) -> str | bytes:
    """Return what stands for an address in limits: IPv4 whole, of IPv6 the /64 that one subscriber has."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped) if address.ipv4_mapped else address.packed[:8]
    return ip
