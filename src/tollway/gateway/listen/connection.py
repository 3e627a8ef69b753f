"""A client's connection: requests in, one at a time, responses out; deadlines, back-pressure, and the end.

Pipelined requests wait in the reader until the response before theirs is complete and the client takes its
responses; while anything waits there the client is not read further than `_AHEAD_BYTES`. What waits counts as kept, of
which there is so much for each client and for all; where it does not fit it is dropped, and the connection ends after
the response that is under way: who pipelines sends again what was not answered (RFC 9112, section 9.3.2). After an
error nothing more is read as a request: the response goes out, then the connection lingers a moment, so that the client
sees the response and not a reset.

A client that half-closes (FIN, within TLS close_notify) sends no more requests and waits for the responses to those
that it sent completely. One that resets (RST) is gone, and what it asked for is given up.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from tollway.gateway.context import GatewayContext
from tollway.gateway.message.client import ClientInfo
from tollway.gateway.message.problems import CUT_SHORT, FULL, SLOW_HEAD, GatewayRefusal, of_message
from tollway.gateway.message.request import Request
from tollway.gateway.proxy.exchange import Exchange
from tollway.gateway.proxy.websocket import WebSocketTunnel
from tollway.gateway.transport import PausableProtocol
from tollway.wire.http1 import BadMessage, Data, End, Framing, RequestHead, RequestReader

_AHEAD_BYTES = 65_536
_LINGER_S = 2.0
_TURNED_AWAY = 64  # connections without a place that linger
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TCP_CLOSE = 7  # the state of a connection after a reset (TCP_INFO, see tcp(7))


class ClientConnection(PausableProtocol):
    """One accepted connection; `connections` is the set of those that are open.

    `source` is the address of the client where it is not that of the peer: behind a balancer.
    """

    def __init__(
        self, context: GatewayContext, connections: set[Any], source: str = "", *, tls: bool
    ) -> None:
        super().__init__()
        self.exchange: Exchange | None = None
        self._context = context
        self._connections = connections
        self._source = source
        self._tls = tls
        self._client: ClientInfo
        self._reader = RequestReader(context.head_limits)
        self._tunnel: WebSocketTunnel | None = None
        self._busy = False  # in proceed(), which is not entered twice
        self._lingering = False
        self._has_place = False
        self._finished = False  # the client sends no more
        self._in_head = True
        self._ahead = 0  # bytes that are counted as kept: requests that came before their turn
        self._deadline = context.monotonic() + context.settings.head_timeout_s
        self._stalled_since = 0.0  # since when the client takes nothing; 0 when it does

    # ── from the network ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, if there is a place."""
        super().connection_made(transport)
        source = self._source or str(transport.get_extra_info("peername", ("",))[0])
        self._client = self._context.clients.info(source, tls=self._tls)
        self._connections.add(self)
        self._has_place = self._context.clients.enter(self._client)
        if not self._has_place:
            self._turn_away()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._tunnel is not None:
            self._tunnel.from_client(data)
        elif not self._lingering:
            self._reader.feed(data)
            self.proceed()

    def eof_received(self) -> bool:
        """Take a FIN for what it says: the client sends no more. True keeps the connection for what is due to it."""
        self._finished = True
        if self._tunnel is not None:
            self._tunnel.client_finished()
        elif not self._lingering:
            self.proceed()
        return not self._lingering

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End what was under way: the client is gone."""
        self._connections.discard(self)
        self._reader.rest()
        self._count_ahead()
        if self._has_place:
            self._context.clients.leave(self._client)
        else:
            self._context.turned_away -= 1
        if self._tunnel is not None:
            self._tunnel.end("client_closed")
        elif self.exchange is not None:
            self.exchange.client_lost()

    def pause_writing(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._stalled_since = self._context.monotonic()
        if self._tunnel is not None:
            self._tunnel.client_full()
        elif self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the client takes more again."""
        self._stalled_since = 0.0
        if self._tunnel is not None:
            self._tunnel.client_ready()
        elif self.exchange is None:
            self.proceed()
        elif self.exchange.upstream is not None:
            self.exchange.upstream.resume_reading()

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
            self._reject_bytes(error)
        finally:
            self._busy = False
        if self._reader.waiting or self._ahead:
            self._count_ahead()
        if self.reading_paused or self._reader.waiting:
            self.update_reading()

    def _count_ahead(self) -> None:
        """Count what waits for its turn as kept; drop it when it does not fit, and end after this response."""
        exchange = self.exchange
        if self._tunnel is not None or self._lingering:
            waits = False
        elif exchange is None:
            waits = bool(self._stalled_since)
        else:
            # What follows an upgrade may be of the other protocol already, and is not sent again.
            waits = exchange.request.body_ended and not exchange.request.head.upgrade
        ahead = self._reader.waiting if waits else 0
        if ahead == self._ahead:
            return
        kept, share = self._context.kept, self._client.share
        more, self._ahead = ahead - self._ahead, ahead
        if not kept.add(share, more) and more > 0:
            kept.remove(share, ahead)
            self._ahead = 0
            self._reader.rest()
            if exchange is None:
                self._close_after_writing()
            else:
                exchange.request.closing = True

    def _step(self) -> bool:
        """Take one event; False when there is none, or the next has to wait."""
        exchange = self.exchange
        # Who does not take the responses it has gets no new ones, or they would pile up here.
        if self._stalled_since if exchange is None else not exchange.takes_body:
            return False
        event = self._reader.next_event()
        if event is None:
            if self._finished:
                self._end_of_input()
            elif exchange is None and not self._in_head and self._reader.waiting:
                self._in_head = True
                self._deadline = self._context.monotonic() + self._context.settings.head_timeout_s
            return False
        if isinstance(event, RequestHead):
            return self._begin(event)
        if exchange is None:  # what is left of a refused request's body, which nobody wants
            if isinstance(event, End):
                self._await_next(self._context.monotonic())
        elif isinstance(event, Data):
            exchange.body(event)
        else:
            exchange.end_of_body(event.size)
        return True

    def _end_of_input(self) -> None:
        """End after the last request; one that is not complete cannot become it any more."""
        if self.exchange is not None:
            self.exchange.fail(CUT_SHORT)
        elif self._reader.waiting:
            self._reject(CUT_SHORT)
        else:
            self._close_after_writing()

    def _begin(self, head: RequestHead) -> bool:
        context = self._context
        request = Request(
            head, self._client, context.table.unmatched, context.next_request_id(), context.monotonic()
        )
        if self._client.is_proxy and (request.forwarded_for or request.forwarded_proto):
            request.client = context.clients.behind(
                self._client, request.forwarded_for, request.forwarded_proto
            )
        exchange = self.exchange = Exchange(context, self, request)
        self._in_head = False
        if head.framing is Framing.NONE:
            self._reader.next_event()  # its End
            request.body_ended = True
        exchange.begin()
        return exchange.ended or not request.body_ended

    def exchange_ended(self, now: float) -> None:
        """Go on to the next request, or to the end of the connection: the response is complete."""
        assert self.exchange is not None
        request, self.exchange = self.exchange.request, None
        if request.closing or self._context.draining:
            self._close_after_writing()
            return
        if request.body_ended:
            self._await_next(now)
        else:
            self._deadline = now + self._context.settings.head_timeout_s
        if self._reader.waiting or self._finished:
            self.proceed()

    def _await_next(self, now: float) -> None:
        self._in_head = False
        self._deadline = now + self._context.settings.idle_timeout_s

    @property
    def has_more(self) -> bool:
        """Whether bytes were read that belong to no event yet."""
        return self._reader.waiting > 0

    # ── refusing and closing ────────────────────────────────────────────────────────────────────────

    def _reject_bytes(self, error: BadMessage) -> None:
        """Refuse bytes that are not an acceptable request, and serve nothing after them."""
        if self.exchange is None:
            self._reject(of_message(error))
        else:
            self.exchange.fail(of_message(error))

    def _reject(self, refusal: GatewayRefusal) -> None:
        """Respond without a request, and close."""
        data = self._reader.refused or self._reader.rest()
        self.write(self._context.reject_bytes(refusal, data, tls=self._tls))
        self._close_after_writing()

    def _turn_away(self) -> None:
        """Refuse a connection for which there is no place; of many, not each can be waited for."""
        context = self._context
        context.turned_away += 1
        self._reject(FULL)
        if context.turned_away > _TURNED_AWAY:
            self.transport.close()

    def _close_after_writing(self) -> None:
        """Close after what was written has gone out, reading on for a moment so that no reset overtakes it."""
        if self._lingering or self.transport.is_closing():
            return
        self._linger()
        if self.transport.can_write_eof() and not self._finished:
            self.transport.write_eof()
            self.update_reading()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._lingering = True
        self._deadline = self._context.monotonic() + _LINGER_S

    def abort(self) -> None:
        """Reset the connection, so that the client sees that its response is not whole: a FIN may be the end of one."""
        self._lingering = True
        with contextlib.suppress(OSError):
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def drain(self) -> None:
        """Close when idle, after the response when busy: the gateway stops."""
        if self.exchange is not None:
            self.exchange.request.closing = True
        elif self._tunnel is None:
            self._close_after_writing()

    # ── upgrades ────────────────────────────────────────────────────────────────────────────────────

    def begin_tunnel(self, tunnel: WebSocketTunnel, early: bytes) -> None:
        """Join the two connections; what either side sent early goes first."""
        self._tunnel, self.exchange = tunnel, None
        if early:
            tunnel.from_upstream(early)
        if rest := self._reader.rest():
            tunnel.from_client(rest)
        if self._finished:
            tunnel.client_finished()

    def tunnel_ended(self) -> None:
        """Close as soon as what was written has gone out; a client that takes nothing is not waited for long."""
        self._tunnel = None
        self._close_after_writing()

    # ── time and pressure ───────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Look at the deadlines."""
        if (self._finished or self.reading_paused) and self._was_reset():
            self.transport.abort()
        elif self._tunnel is not None:
            self._tunnel.tick(now)
        elif self._stalled_since and now - self._stalled_since > self._context.settings.write_timeout_s:
            self.abort()
        elif self._lingering:
            if now > self._deadline and not self._stalled_since:
                self.transport.abort()
        elif self.exchange is not None:
            self.exchange.tick(now)
        elif now > self._deadline:
            if self._in_head and self._reader.waiting:
                self._reject(SLOW_HEAD)
            else:
                self._close_after_writing()

    def _was_reset(self) -> bool:
        """Return whether the client has reset the connection; the loop does not notice while it does not read."""
        sock = self.transport.get_extra_info("socket")
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE

    def update_reading(self) -> None:
        """Read from the client only what can go on, and a little ahead."""
        if self._finished:
            return
        exchange = self.exchange
        if self._tunnel is not None or self._lingering:
            wait = False
        elif exchange is None:
            wait = self._reader.waiting > _AHEAD_BYTES
        else:
            full = exchange.upstream is not None and exchange.upstream.full
            wait = full or (self._reader.waiting > _AHEAD_BYTES and not exchange.takes_body)
        if wait:
            self.pause_reading()
        else:
            self.resume_reading()
