"""A client's connection: requests in, one at a time, answers out; deadlines, back-pressure, and the end.

Pipelined requests wait in the reader until the answer before theirs is complete and the client takes what it
asked for; while anything waits there the client is not read further than `_AHEAD_BYTES`. After an error nothing more
is read as a request: the answer goes out, then the connection lingers a moment, so that the client sees the answer
and not a reset.
"""

import asyncio
from time import monotonic
from typing import Any, cast

from tollway.gateway.exchange import Exchange
from tollway.gateway.peer import Peer
from tollway.gateway.problems import CUT_SHORT, FULL, SLOW_HEAD, Refusal, of_message
from tollway.gateway.request import Request
from tollway.gateway.state import State
from tollway.gateway.websocket import Tunnel
from tollway.wire.http1 import BadMessage, Data, End, Framing, RequestHead, RequestReader

_AHEAD_BYTES = 65_536
_LINGER_S = 2.0


class ClientConnection(asyncio.Protocol):
    """One accepted connection; `everybody` is the set of those that are open."""

    def __init__(self, state: State, everybody: set[Any], *, tls: bool) -> None:
        self.exchange: Exchange | None = None
        self._state = state
        self._everybody = everybody
        self._tls = tls
        self._transport: asyncio.Transport
        self._peer: Peer
        self._reader = RequestReader(state.head_limits)
        self._tunnel: Tunnel | None = None
        self._busy = False  # in proceed(), which is not entered twice
        self._lingering = False
        self._reading_paused = False
        self._in_head = True
        self._deadline = monotonic() + state.settings.head_s
        self._stalled_since = 0.0  # since when the client takes nothing; 0 when it does

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, if there is a place."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = Peer(str(transport.get_extra_info("peername", ("",))[0]), tls=self._tls)
        self._everybody.add(self)
        if not self._state.occupancy.enter(self._peer.limit_key):
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
        elif exchange is not None and exchange.request.body_ended:
            exchange.client_lost()
        elif exchange is not None:
            exchange.break_off(CUT_SHORT)
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End what was under way: the client is gone."""
        self._everybody.discard(self)
        self._state.occupancy.leave(self._peer.limit_key)
        if self._tunnel is not None:
            self._tunnel.end("client_closed")
        elif self.exchange is not None:
            self.exchange.client_lost()

    def pause_writing(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._stalled_since = monotonic()
        if self._tunnel is not None:
            self._tunnel.client_full()
        elif self.exchange is not None:
            self.exchange.client_full()

    def resume_writing(self) -> None:
        """Go on: the client takes more again."""
        self._stalled_since = 0.0
        if self._tunnel is not None:
            self._tunnel.client_ready()
        elif self.exchange is not None:
            self.exchange.client_ready()
        else:
            self.proceed()

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
        # Who does not take the answers it has gets no new ones, or they would pile up here.
        if self._stalled_since if exchange is None else not exchange.takes_body:
            return False
        event = self._reader.next_event()
        if event is None:
            if exchange is None and not self._in_head and self._reader.waiting:
                self._in_head = True
                self._deadline = monotonic() + self._state.settings.head_s
            return False
        if isinstance(event, RequestHead):
            return self._begin(event)
        if exchange is None:  # what is left of a refused request's body, which nobody wants
            if isinstance(event, End):
                self._await_next(monotonic())
        elif isinstance(event, Data):
            exchange.body(event)
        else:
            exchange.end_of_body(event.size)
        return True

    def _begin(self, head: RequestHead) -> bool:
        state, now = self._state, monotonic()
        request = Request(head, self._peer, state.plans.nowhere, state.next_request_id(), now)
        exchange = self.exchange = Exchange(state, self, request)
        self._in_head = False
        if head.framing is Framing.NONE:
            self._reader.next_event()  # its End, which says nothing new
            request.body_ended = True
        exchange.begin()
        return exchange.ended or not request.body_ended

    def exchange_ended(self, now: float) -> None:
        """Go on to the next request, or to the end of the connection: the answer is complete."""
        assert self.exchange is not None
        request, self.exchange = self.exchange.request, None
        if request.closing or self._state.draining:
            self._close_gently()
            return
        if request.body_ended:
            self._await_next(now)
        else:
            self._deadline = now + self._state.settings.head_s
        if self._reader.waiting:
            self.proceed()

    def _await_next(self, now: float) -> None:
        self._in_head = False
        self._deadline = now + self._state.settings.idle_s

    @property
    def has_more(self) -> bool:
        """Whether bytes were read that belong to no event yet."""
        return self._reader.waiting > 0

    # ── the way out ─────────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send to the client, unless it is gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def _refuse_bytes(self, error: BadMessage) -> None:
        """Say once that the bytes are not a request we accept, and serve nothing after it."""
        if self.exchange is None:
            self._turn_away(of_message(error))
        else:
            self.exchange.break_off(of_message(error))

    def _turn_away(self, refusal: Refusal) -> None:
        """Answer without a request, and close."""
        self.write(self._state.turned_away(refusal, tls=self._tls))
        self._close_gently()

    def _close_gently(self) -> None:
        """Close after what was written has gone out, reading on for a moment so that no reset overtakes it."""
        if self._lingering or self._transport.is_closing():
            return
        self._linger()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self.update_reading()
        else:
            self._transport.close()

    def _linger(self) -> None:
        self._lingering = True
        self._deadline = monotonic() + _LINGER_S

    def close(self) -> None:
        """Close as soon as what was written has gone out."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once, so that the client sees that its answer is not whole."""
        self._lingering = True
        self._transport.abort()

    def drain(self) -> None:
        """Close when idle, after the answer when busy: the gateway stops."""
        if self.exchange is not None:
            self.exchange.request.closing = True
        elif not self._lingering:
            self._close_gently()

    # ── upgrades ────────────────────────────────────────────────────────────────────────────────────

    def begin_tunnel(self, tunnel: Tunnel, early: bytes) -> None:
        """Join the two connections; what either side sent early goes first."""
        self._tunnel = tunnel
        if early:
            tunnel.from_upstream(early)
        if rest := self._reader.rest():
            tunnel.from_client(rest)
        self._state.tunnels.add(tunnel)

    def tunnel_ended(self, reason: str) -> None:
        """Write down a tunnel that closed, from whichever side."""
        tunnel, exchange = self._tunnel, self.exchange
        assert tunnel is not None
        assert exchange is not None
        self._state.tunnels.discard(tunnel)
        exchange.tunnel_ended(tunnel, reason)
        self.exchange = self._tunnel = None
        self._linger()  # who takes nothing any more is not waited for

    # ── time and pressure ───────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Look at the deadlines."""
        if self._tunnel is not None:
            self._tunnel.tick(now)
        elif self._stalled_since and now - self._stalled_since > self._state.settings.stall_s:
            self.abort()
        elif self._lingering:
            if now > self._deadline and not self._stalled_since:
                self._transport.abort()
        elif self.exchange is not None:
            self.exchange.tick(now)
        elif now > self._deadline:
            if self._in_head and self._reader.waiting:
                self._turn_away(SLOW_HEAD)
            else:
                self._close_gently()

    def update_reading(self) -> None:
        """Read from the client only what can go on, and a little ahead."""
        exchange = self.exchange
        if self._tunnel is not None or self._lingering:
            wait = False
        elif exchange is None:
            wait = self._reader.waiting > _AHEAD_BYTES
        else:
            wait = exchange.upstream_is_full or (
                self._reader.waiting > _AHEAD_BYTES and not exchange.takes_body
            )
        if wait:
            self.pause_reading()
        else:
            self.resume_reading()

    def pause_reading(self) -> None:
        """Let the client wait."""
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._reading_paused and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()
