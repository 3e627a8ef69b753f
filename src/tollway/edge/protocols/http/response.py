"""The way down: what the origin answers, read, changed where a proxy must, paid for and written to the client.

Heads and chunks are read and written anew. A body of known length, or one that ends with the connection, is
moved by a pump, which splices large ones. Whatever goes to the client was taken from the quota first:
small answers in one piece, everything else through the pump.
"""

import socket
from typing import Protocol

from tollway.edge import refusal
from tollway.edge.flow import Flow
from tollway.edge.gate import Gate
from tollway.edge.protocols.http.heads import WEBSOCKET, asks_for_websocket, response_head
from tollway.edge.protocols.http.refusals import origin_malformed
from tollway.edge.pump import Pump
from tollway.edge.reactor import CHUNK_BYTES
from tollway.edge.refusal import Refusal
from tollway.edge.terminate_cause import TerminateCause
from tollway.wire.http1 import (
    LAST_CHUNK,
    BadMessage,
    Data,
    Framing,
    RequestHead,
    ResponseHead,
    ResponseReader,
    write_chunk,
)


class ResponseOwner(Protocol):
    """What a response answers, and reports events to: the exchange."""

    gate: Gate
    flow: Flow
    client: socket.socket
    origin: socket.socket
    busy: bool
    uploaded: bool

    def complete(self, *, keep_origin: bool, client_ends: bool) -> None:
        """The response was said to its end."""
        ...

    def switch_protocol(self, early_down: bytes) -> None:
        """The origin has agreed to another protocol."""
        ...

    def lost_origin(self) -> None:
        """The origin is gone before its answer was complete."""
        ...

    def fail(self, why: Refusal) -> None:
        """There can be no (whole) response."""
        ...

    def end(self, cause: TerminateCause) -> None:
        """The flow is over."""
        ...


class Response:
    """The response to the exchange's present request."""

    __slots__ = (
        "_client_ends",
        "_down",
        "_ends_with_connection",
        "_exchange",
        "_finished",
        "_head_known",
        "_is_last",
        "_keep_origin",
        "_output_before",
        "_raw",
        "_reader",
        "_request",
    )

    def __init__(self, exchange: ResponseOwner) -> None:
        self._exchange = exchange
        self._down: Pump | None = None
        self._finished = False  # the origin has sent its last byte, read or not

    def expect(self, request: RequestHead) -> None:
        """Make ready for the response to this request."""
        self._request = request
        self._reader = ResponseReader(request.method, tolerant=True)
        self._raw = b""  # the head as it came, when it came in one piece
        self._output_before = self._exchange.flow.spend.bytes_out
        self._head_known = False  # of the response itself
        self._is_last = False  # what is being written is the end
        self._client_ends = not request.keep_alive
        self._ends_with_connection = False
        self._keep_origin = False

    @property
    def untouched(self) -> bool:
        """Whether the origin has not said anything."""
        return self._reader.untouched

    @property
    def started(self) -> bool:
        """Whether the client has received some of it; interim responses (1xx) are none of it, unless one is cut off."""
        if self._down is not None:
            return True
        return self._head_known and self._exchange.flow.spend.bytes_out != self._output_before

    @property
    def looks_whole(self) -> bool:
        """Whether a client to which we close now takes what it has for all: only the end shows where the body ends."""
        return self._ends_with_connection and self.started

    # ── events ──────────────────────────────────────────────────────────────────────────────────────

    def origin_readable(self, *, finished: bool) -> None:
        """The origin has said something."""
        if finished:
            self._finished = True
        down = self._down
        if down is None:
            self._read()
        else:
            down.peer_finished = self._finished
            down.readable = True
            down.run()

    def client_writable(self) -> None:
        """The client can take more."""
        if self._down is not None and not self._down.writable:
            self._down.writable = True
            self._down.run()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        """Read what the origin says, until there is no more or the client is slower."""
        exchange = self._exchange
        while self._down is None and exchange.busy:
            try:
                got = exchange.origin.recv_into(exchange.gate.reactor.scratch, CHUNK_BYTES)
            except BlockingIOError:
                return
            except OSError:
                got = 0
            if not got:
                exchange.lost_origin()
                return
            data = exchange.gate.reactor.scratch[:got].tobytes()
            self._raw = data if self._reader.untouched else b""
            self._reader.feed(data)
            try:
                self._translate()
            except BadMessage as bad:
                exchange.fail(origin_malformed(bad.reason))
                return
            if got < CHUNK_BYTES and not self._finished:
                return

    def _translate(self) -> None:
        """Turn what was read into what the client is sent."""
        out = b""
        chunked = self._request.minor > 0  # a client of HTTP/1.0 gets the body plain
        while (event := self._reader.next_event()) is not None:
            if isinstance(event, Data):
                out += write_chunk(event.payload) if chunked else event.payload
            elif not isinstance(event, ResponseHead):
                self._keep_origin = self._keep_origin and not self._reader.rest()
                self._write(out + (LAST_CHUNK if chunked else b""), last=True)
                return
            elif event.status < 200 and event.status != 101:
                # 1xx is for clients that know it (RFC 9110, section 15.2).
                out += response_head(event, self._request, "", close=False) if chunked else b""
                self._raw = b""
            elif event.framing is Framing.CHUNKED:
                self._ends_with_connection = not chunked
                self._client_ends = self._client_ends or not chunked
                out += self._rewritten(event)
            else:
                self._respond(event, out)
                return
        if out:
            self._write(out, last=False)

    def _respond(self, head: ResponseHead, before: bytes) -> None:
        """Say the head, and a body that is not chunked."""
        if head.status == 101:
            if not asks_for_websocket(self._request) or head.upgrade != WEBSOCKET:
                self._exchange.fail(origin_malformed("it switches to a protocol that was not asked for"))
                return
            out = before + response_head(head, self._request, "", close=False)
            self._exchange.switch_protocol(out + self._reader.rest())
            return
        if head.framing is Framing.UNTIL_CLOSE:
            self._client_ends = self._ends_with_connection = True
        out = before + self._rewritten(head)
        body = self._reader.rest()
        if head.framing is Framing.UNTIL_CLOSE:
            self._pump(out + body, -1, last=True)
        elif len(body) == head.length:
            self._write(out + body, last=True)
        elif len(body) > head.length:
            self._keep_origin = False
            self._write(out + body[: head.length], last=True)
        else:
            self._pump(out + body, len(out) + head.length, last=True)

    def _rewritten(self, head: ResponseHead) -> bytes:
        self._head_known = True
        self._output_before = self._exchange.flow.spend.bytes_out
        self._keep_origin = head.keep_alive
        self._client_ends = self._client_ends or not self._exchange.uploaded
        via = self._exchange.gate.settings.via
        return response_head(head, self._request, via, close=self._client_ends, raw=self._raw[: head.size])

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────

    def _write(self, out: bytes, *, last: bool) -> None:
        """Write a piece to the client: at once when it is paid for and fits, else through a pump."""
        exchange = self._exchange
        spend = exchange.flow.spend
        if spend.take_exactly(len(out)):
            spend.count_out(len(out))
            try:
                sent = exchange.client.send(out)
            except BlockingIOError:
                sent = 0
            except OSError:
                spend.not_out(len(out))
                spend.unused(len(out))
                exchange.end(TerminateCause.LOST_CARRIER)
                return
            if sent < len(out):
                spend.not_out(len(out) - sent)
                spend.unused(len(out) - sent)
            out = out[sent:]
        if out:
            self._pump(out, len(out), last=last)
        elif last:
            exchange.complete(keep_origin=self._keep_origin, client_ends=self._client_ends)

    def _pump(self, initial_data: bytes, left: int, *, last: bool) -> None:
        exchange, gate = self._exchange, self._exchange.gate
        self._is_last = last
        origin, client = exchange.origin, exchange.client
        down = Pump(self, exchange.flow.spend, origin, client, gate.reactor, gate.pipes, is_upload=False)
        down.initial_data, down.left, down.peer_finished = initial_data, left, self._finished
        self._down = down
        down.run()

    # ── callbacks of the pump ─────────────────────────────────────────────────────────────────────────

    def ended(self, pump: Pump) -> None:
        """The pump has moved all it should, or was stopped, or the origin ended before that."""
        self._down = None
        exchange = self._exchange
        if pump.stopping:
            exchange.end(TerminateCause.QUOTA)
        elif pump.left > 0:
            exchange.end(TerminateCause.NAS_ERROR)
        elif self._is_last:
            exchange.complete(keep_origin=self._keep_origin, client_ends=self._client_ends)
        else:
            self._read()

    def source_lost(self, pump: Pump) -> None:  # noqa: ARG002
        """The origin is gone."""
        self._exchange.end(TerminateCause.NAS_ERROR)

    def sink_lost(self, pump: Pump) -> None:  # noqa: ARG002
        """The client is gone."""
        self._exchange.end(TerminateCause.LOST_CARRIER)

    def quota_exhausted(self, pump: Pump) -> None:  # noqa: ARG002
        """The quota is used up."""
        self.stop()

    def stop(self) -> None:
        """Say that the quota is used up, or if the response has begun, end it after what is held."""
        down = self._down
        if down is not None and down.held:
            down.stopping = True
            self._exchange.gate.reactor.call_soon(down.resume)
        elif self.started:
            self._exchange.end(TerminateCause.QUOTA)
        else:
            self._exchange.fail(refusal.NO_ALLOWANCE)

    def abandon(self) -> None:
        """Stop."""
        if self._down is not None:
            self._down.abandon()
            self._down = None
