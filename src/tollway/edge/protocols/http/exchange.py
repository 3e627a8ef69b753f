"""One request and its response, between a client and an origin connection.

Both directions run at once: an origin may answer before it has heard everything. Bodies of known length, and
those that end with the connection, are moved by pumps, which splice the large ones; heads and chunks are read
and written anew. Whatever goes to the client was taken from the allowance first: small answers in one piece,
everything else through a pump.
"""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from tollway.edge import refusal
from tollway.edge.flow import Cause
from tollway.edge.protocols.http.heads import Target, response_head
from tollway.edge.protocols.http.upload import ChunkedUpload
from tollway.edge.pump import CHUNK_BYTES, SCRATCH, Pump
from tollway.edge.reactor import ERROR, FINISHED, READABLE, WRITABLE
from tollway.edge.refusal import Refusal
from tollway.edge.relay import Tunnel
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

if TYPE_CHECKING:
    from tollway.edge.protocols.http.proxy import HttpProxy

_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class Exchange:
    """Carries one request and its response. `retry` begins anew when a kept connection turns out to be dead."""

    __slots__ = (
        "_client_ends",
        "_down",
        "_flow",
        "_head",
        "_keep_origin",
        "_last",
        "_origin",
        "_origin_finished",
        "_output_before",
        "_over",
        "_proxy",
        "_reader",
        "_retry",
        "_target",
        "_unread",
        "_unsent",
        "_up",
        "_uploaded",
        "deadline",
    )

    def __init__(
        self,
        proxy: "HttpProxy",
        head: RequestHead,
        target: Target,
        origin: socket.socket,
        retry: Callable[[], None] | None,
    ) -> None:
        assert proxy.flow is not None
        self._proxy, self._flow, self._head, self._target = proxy, proxy.flow, head, target
        self._origin = origin
        self._retry = retry if head.method in _REPEATABLE and head.framing is Framing.NONE else None
        self._reader = ResponseReader(head.method)
        self._up: Pump | ChunkedUpload | None = None
        self._down: Pump | None = None
        self._unsent = b""  # of the request, for the origin
        self._unread = b""  # what the client said behind this request
        self._uploaded = head.framing is Framing.NONE
        self._output_before = proxy.flow.output_octets
        self._last = False  # what is being written is the end of the response
        self._over = False
        self._client_ends = not head.keep_alive
        self._keep_origin = False
        self._origin_finished = False  # its last byte is here, read or not
        reactor = proxy.gate.reactor
        reactor.untime(proxy)
        reactor.time(self)
        self._touch()
        reactor.hand_over(origin, self)

    # ── events ──────────────────────────────────────────────────────────────────────────────────────

    def client_ready(self, mask: int) -> None:
        """The client can be heard or spoken to."""
        self._touch()
        if mask & ERROR:
            self._end_client(Cause.LOST_CARRIER)
            return
        up, down = self._up, self._down
        if up is None:
            self._proxy.missed = True
        elif mask & READABLE:
            up.hangup = up.hangup or bool(mask & FINISHED)
            up.readable = True
            up.run()
        if down is not None and mask & WRITABLE and not down.writable:
            down.writable = True
            down.run()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The origin can be heard or spoken to."""
        self._touch()
        if mask & FINISHED:
            self._origin_finished = True
        if mask & WRITABLE:
            if self._unsent:
                self._send_head()
            elif self._up is not None and not self._up.writable:
                self._up.writable = True
                self._up.run()
        if self._over or not mask & READABLE:
            return
        if self._down is not None:
            self._down.hangup = self._origin_finished
            self._down.readable = True
            self._down.run()
        else:
            self._listen()

    def expired(self) -> None:
        """Nothing has moved for too long."""
        if self._said:
            self._end_client(Cause.IDLE_TIMEOUT)
        else:
            self._proxy.refused(refusal.ORIGIN_TIMEOUT)

    def failed(self) -> None:
        """End it after a bug."""
        self._proxy.hang_up(Cause.NAS_ERROR)

    # ── the request ─────────────────────────────────────────────────────────────────────────────────

    def start(self, outgoing: bytes) -> None:
        """Send the head, with a body that is here already, and go on from there."""
        proxy, head = self._proxy, self._head
        if head.framing is not Framing.CHUNKED:
            self._unread = proxy.take_rest()
        here = head.framing is Framing.LENGTH and len(self._unread) >= head.length
        if here and self._flow.allowance.take_whole(head.length):
            self._flow.heard(head.length)
            outgoing += self._unread[: head.length]
            self._unread = self._unread[head.length :]
            self._uploaded = True
        self._unsent = outgoing
        self._send_head()

    def _send_head(self) -> None:
        try:
            sent = self._origin.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._lost_origin()
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent and not self._uploaded:
            self._up = self._upload()
            self._up.run()

    def _upload(self) -> Pump | ChunkedUpload:
        proxy, gate, length = self._proxy, self._proxy.gate, self._head.length
        if self._head.framing is Framing.CHUNKED:
            return ChunkedUpload(self, self._flow, proxy.reader, proxy.client, self._origin)
        early, self._unread = self._unread[:length], self._unread[length:]
        pump = Pump(self, self._flow, proxy.client, self._origin, gate.reactor, gate.pipes, upwards=True)
        pump.early, pump.left = early, length
        return pump

    def uploaded(self) -> None:
        """The request was passed on to its last byte."""
        self._up = None
        self._uploaded = True

    def upload_failed(self, *, client_lost: bool) -> None:
        """Without the client all is over; an origin that stopped listening may still have an answer."""
        self._up = None
        if client_lost:
            self._end_client(Cause.LOST_CARRIER)
        else:
            self._client_ends = True

    # ── the response ────────────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        """Read what the origin says, until there is no more or the client is slower."""
        while self._down is None and not self._over:
            try:
                got = self._origin.recv_into(SCRATCH, CHUNK_BYTES)
            except BlockingIOError:
                return
            except OSError:
                got = 0
            if not got:
                self._lost_origin()
                return
            self._reader.feed(SCRATCH[:got].tobytes())
            try:
                self._read_on()
            except BadMessage:
                self._fail(refusal.ORIGIN_MALFORMED)
                return
            if got < CHUNK_BYTES and not self._origin_finished:
                return

    def _read_on(self) -> None:
        """Turn what was read into what the client is told."""
        out = b""
        while (event := self._reader.next_event()) is not None:
            if isinstance(event, Data):
                out += write_chunk(event.payload) if self._head.minor else event.payload
            elif not isinstance(event, ResponseHead):
                self._keep_origin = self._keep_origin and not self._reader.rest()
                self._say(out + (LAST_CHUNK if self._head.minor else b""), last=True)
                return
            elif event.status < 200 and event.status != 101:
                # 1xx is for clients that know it (RFC 9110, section 15.2).
                out += response_head(event, self._head, "", close=False) if self._head.minor else b""
            elif event.framing is Framing.CHUNKED:
                self._client_ends = self._client_ends or not self._head.minor
                out += self._rewritten(event)
            else:
                self._respond(event, out)
                return
        if out:
            self._say(out, last=False)

    def _respond(self, head: ResponseHead, before: bytes) -> None:
        """Say the head, and a body that is not chunked."""
        if head.status == 101:
            self._switch(before + response_head(head, self._head, "", close=False))
            return
        self._client_ends = self._client_ends or head.framing is Framing.UNTIL_CLOSE
        out = before + self._rewritten(head)
        body = self._reader.rest()
        if head.framing is Framing.UNTIL_CLOSE:
            self._pump_down(out + body, -1, last=True)
        elif len(body) >= head.length:
            self._keep_origin = self._keep_origin and len(body) == head.length
            self._say(out + body[: head.length], last=True)
        else:
            self._pump_down(out + body, len(out) + head.length, last=True)

    def _rewritten(self, head: ResponseHead) -> bytes:
        self._keep_origin = head.keep_alive
        self._client_ends = self._client_ends or not self._uploaded
        via = self._proxy.gate.settings.via
        return response_head(head, self._head, via, close=self._client_ends)

    def _switch(self, out: bytes) -> None:
        """Another protocol from here on (RFC 9110, section 7.8): the exchange becomes a tunnel."""
        self._detach()
        proxy, early_down = self._proxy, out + self._reader.rest()
        Tunnel(proxy.gate, self._flow, proxy.hand_over(), self._origin, self._unread, early_down).start()

    def _say(self, out: bytes, *, last: bool) -> None:
        """Write a piece to the client: at once when it is paid for and fits, else through a pump."""
        flow = self._flow
        if flow.allowance.bucket is None and flow.allowance.take_whole(len(out)):
            try:
                sent = self._proxy.client.send(out)
            except BlockingIOError:
                sent = 0
            except OSError:
                flow.allowance.give(len(out))
                self._end_client(Cause.LOST_CARRIER)
                return
            flow.said(sent)
            flow.allowance.give(len(out) - sent)
            out = out[sent:]
        if out:
            self._pump_down(out, len(out), last=last)
        elif last:
            self._finish()

    def _pump_down(self, early: bytes, left: int, *, last: bool) -> None:
        gate = self._proxy.gate
        self._last = last
        self._down = down = Pump(
            self, self._flow, self._origin, self._proxy.client, gate.reactor, gate.pipes, upwards=False
        )
        down.early, down.left, down.hangup = early, left, self._origin_finished
        down.run()

    # ── what the pumps tell ─────────────────────────────────────────────────────────────────────────

    def ended(self, pump: Pump) -> None:
        """A pump has moved all it should, or its source ended before that."""
        cut_short = pump.left > 0
        if pump.upwards:
            if cut_short:
                self.upload_failed(client_lost=True)
            else:
                self.uploaded()
            return
        self._down = None
        if pump.stopping:
            self._end_client(Cause.QUOTA)
        elif cut_short:
            self._end_client(Cause.NAS_ERROR)
        elif self._last:
            self._finish()
        else:
            self._listen()

    def source_lost(self, pump: Pump) -> None:
        """Reading failed."""
        self._end_client(Cause.LOST_CARRIER if pump.upwards else Cause.NAS_ERROR)

    def sink_lost(self, pump: Pump) -> None:
        """Writing failed."""
        pump.abandon()
        if pump.upwards:
            self.upload_failed(client_lost=False)
        else:
            self._end_client(Cause.LOST_CARRIER)

    def exhausted(self, pump: Pump) -> None:  # noqa: ARG002
        """The allowance is used up."""
        self.out_of_allowance()

    def out_of_allowance(self) -> None:
        """Say so if the response has not begun; else deliver what is held, which was paid for, and end."""
        if not self._said:
            self._fail(refusal.NO_ALLOWANCE)
        elif self._down is not None and self._down.held:
            self._down.stopping = True
            self._proxy.gate.reactor.soon(self._down.resume)
        else:
            self._end_client(Cause.QUOTA)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def _said(self) -> bool:
        """Whether the client has heard something of this response."""
        return self._flow.output_octets != self._output_before

    def _finish(self) -> None:
        """The response is complete: keep what can be kept."""
        if not self._uploaded or self._client_ends:
            self._end_client(Cause.USER_REQUEST)
            return
        self._detach()
        proxy, target = self._proxy, self._target
        if self._keep_origin:
            proxy.gate.keep(self._flow, target.host, target.port, self._origin)
        else:
            proxy.gate.reactor.close(self._origin)
        proxy.next_request(self._unread)

    def _lost_origin(self) -> None:
        """Try once more if a kept connection had been closed; else say so, or end."""
        if self._retry is not None and self._reader.untouched:
            self.abandon()
            self._proxy.retry(self._unread, self._retry)
        else:
            self._fail(refusal.ORIGIN_LOST)

    def _fail(self, why: Refusal) -> None:
        """Say why not; when the response has begun, all that is left is to break it off."""
        if self._said:
            self._end_client(Cause.NAS_ERROR)
        else:
            self._proxy.refused(why)

    def _end_client(self, cause: Cause) -> None:
        """End the flow; the proxy abandons this exchange."""
        if cause is Cause.LOST_CARRIER:
            self._proxy.hang_up(cause)
        else:
            self._proxy.leave(cause)

    def abandon(self) -> None:
        """Stop, and close the origin."""
        if not self._over:
            self._detach()
            self._proxy.gate.reactor.close(self._origin)

    def _detach(self) -> None:
        self._over = True
        self._proxy.gate.reactor.untime(self)
        for way in (self._up, self._down):
            if way is not None:
                way.abandon()
        self._up = self._down = None

    def _touch(self) -> None:
        gate = self._proxy.gate
        self.deadline = gate.reactor.now + gate.settings.idle_timeout_s
