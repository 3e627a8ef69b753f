"""One origin connection in the service of one client connection: it carries request after request.

Both directions run at once: an origin may answer before it has received everything. Here is the way up and what
happens at the end; the way down is `response`. Between two requests the exchange waits, attached to its client,
so that a client that goes on talking to the same origin needs no other connection.
"""

import contextlib
import socket
from typing import Protocol

from tollway.edge import refusal
from tollway.edge.flow import Flow
from tollway.edge.gate import Gate
from tollway.edge.policy import RequestContext
from tollway.edge.protocols.http.refusals import bad_request
from tollway.edge.protocols.http.response import Response
from tollway.edge.protocols.http.upload import ChunkedUpload
from tollway.edge.pump import Pump
from tollway.edge.reactor import ERROR, FINISHED, READABLE, WRITABLE
from tollway.edge.refusal import Refusal
from tollway.edge.relay import Tunnel
from tollway.edge.session import keep
from tollway.edge.terminate_cause import TerminateCause
from tollway.wire.http1 import BadMessage, Framing, RequestHead, RequestReader

_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PROPFIND"))


class ExchangeOwner(Protocol):
    """Whose requests an exchange carries, and who decides what comes next: the client's side of the proxy."""

    gate: Gate
    flow: Flow | None
    client: socket.socket
    reader: RequestReader  # holds the chunks of a request's body
    exchange: "ProxyExchange | None"
    more_to_read: bool
    client_finished: bool
    deadline: float

    def next_request(self, leftover: bytes) -> None:
        """All was said; `leftover` is what the client said behind the request."""
        ...

    def retry(self, leftover: bytes) -> None:
        """The connection was dead before the origin received anything."""
        ...

    def detach_client(self) -> socket.socket:
        """Give the client away."""
        ...

    def standing(self, host: str, port: int, addresses: tuple[str, ...]) -> RequestContext:
        """Describe a connection that stands."""
        ...

    def reject(self, why: Refusal) -> None:
        """Say why not, and close."""
        ...

    def close_gracefully(self, cause: TerminateCause) -> None:
        """Close after what was said has arrived."""
        ...

    def break_off(self, cause: TerminateCause) -> None:
        """Reset the connection after what was said has arrived: it is not all."""
        ...

    def close(self, cause: TerminateCause) -> None:
        """Close now."""
        ...


def may_be_repeated(head: RequestHead) -> bool:
    """Return whether a request may be sent once more when a kept connection turns out to be dead (RFC 9110, 9.2.1)."""
    return head.method in _SAFE and head.framing is Framing.NONE


class ProxyExchange:
    """Carries requests to `host:port` over one connection, for the flow that was there when it was made."""

    __slots__ = (
        "_closed",
        "_standing",
        "_unsent",
        "_up",
        "_used",
        "busy",
        "client",
        "flow",
        "gate",
        "head",
        "host",
        "leftover",
        "origin",
        "port",
        "proxy",
        "response",
        "uploaded",
    )

    def __init__(
        self, proxy: ExchangeOwner, origin: socket.socket, host: str, port: int, *, used: bool
    ) -> None:
        assert proxy.flow is not None
        self.proxy, self.flow, self.gate = proxy, proxy.flow, proxy.gate
        self.client, self.origin, self.host, self.port = proxy.client, origin, host, port
        self.head: RequestHead | None = None
        self.busy = False
        self.uploaded = True  # the request was passed on to its last byte
        self.leftover = b""  # what the client said behind this request
        self.response = Response(self)
        self._unsent = b""  # of the request's head, for the origin
        self._up: Pump | ChunkedUpload | None = None
        self._used = used  # the connection has carried a request before
        self._closed = False
        self._standing: RequestContext | None = None
        self.gate.reactor.transfer_and_rearm(origin, self)

    @property
    def standing(self) -> RequestContext:
        """What the rules must know of this connection."""
        if self._standing is None:
            addresses: tuple[str, ...] = ()
            with contextlib.suppress(OSError):  # closed by the origin, as the next request will find out
                addresses = (str(self.origin.getpeername()[0]),)
            self._standing = self.proxy.standing(self.host, self.port, addresses)
        return self._standing

    # ── events ──────────────────────────────────────────────────────────────────────────────────────

    def client_ready(self, mask: int) -> None:
        """The client can be read or written."""
        self._touch()
        if mask & ERROR:
            self.end(TerminateCause.LOST_CARRIER)
            return
        up = self._up
        if up is None:
            self.proxy.more_to_read = True
        elif mask & READABLE:
            up.peer_finished = up.peer_finished or bool(mask & FINISHED)
            up.readable = True
            up.run()
        if mask & WRITABLE and self.busy:
            self.response.client_writable()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The origin can be read or written."""
        if not self.busy:
            if mask & READABLE:  # whatever it says now, nobody asked for it
                self.proxy.exchange = None
                self.close()
            return
        self._touch()
        if mask & WRITABLE:
            if self._unsent:
                self._send_head()
            elif self._up is not None and not self._up.writable:
                self._up.writable = True
                self._up.run()
        if self.busy and mask & READABLE:
            self.response.origin_readable(finished=bool(mask & FINISHED))

    def expired(self) -> None:
        """Nothing has moved for too long."""
        if self.response.started:
            self.end(TerminateCause.IDLE_TIMEOUT)
        else:
            self.proxy.reject(refusal.ORIGIN_TIMEOUT)

    def failed(self) -> None:
        """End it after a bug."""
        self.proxy.close(TerminateCause.NAS_ERROR)

    # ── the request ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, head: RequestHead, outgoing: bytes, leftover: bytes) -> None:
        """Send a head, with a body that is here already, and go on from there."""
        self.head, self.leftover = head, leftover
        self.busy = True
        self.uploaded = head.framing is Framing.NONE
        self.response.expect(head)
        self._touch()
        here = head.framing is Framing.LENGTH and len(leftover) >= head.length
        if here and self.flow.spend.take_exactly(head.length):
            self.flow.spend.count_in(head.length)
            outgoing += leftover[: head.length]
            self.leftover = leftover[head.length :]
            self.uploaded = True
        self._unsent = outgoing
        self._send_head()

    def _send_head(self) -> None:
        try:
            sent = self.origin.send(self._unsent)
        except BlockingIOError:
            self.gate.reactor.arm(self.origin)
            return
        except OSError:
            self.lost_origin()
            return
        if sent < len(self._unsent):
            self._unsent = self._unsent[sent:]
            self.gate.reactor.arm(self.origin)
            return
        self._unsent = b""
        if not self.uploaded:
            self._up = self._upload()
            self._up.run()

    def _upload(self) -> Pump | ChunkedUpload:
        assert self.head is not None
        client, reactor = self.client, self.gate.reactor
        if self.head.framing is Framing.CHUNKED:
            return ChunkedUpload(self, self.flow.spend, self.proxy.reader, client, self.origin, reactor)
        length = self.head.length
        pump = Pump(self, self.flow.spend, client, self.origin, reactor, self.gate.pipes, is_upload=True)
        pump.initial_data, pump.left = self.leftover[:length], length
        self.leftover = self.leftover[length:]
        return pump

    def upload_ended(self) -> None:
        """The request was passed on to its last byte."""
        self._up = None
        self.uploaded = True
        # The socket may hold more than the body, or the client's end: nobody is notified of that again.
        self.proxy.more_to_read = True

    def upload_failed(self, *, client_lost: bool) -> None:
        """Without the client all is over; an origin that stopped listening may still have an answer."""
        self._up = None
        if client_lost:
            self.end(TerminateCause.LOST_CARRIER)

    def upload_malformed(self, bad: BadMessage) -> None:
        """The request is not valid: the origin, which has a part of it, is closed, and the client is answered why."""
        self._up = None
        if self.response.started:
            self.end(TerminateCause.LOST_CARRIER)
        else:
            self.proxy.reject(bad_request(bad.status, bad.reason))

    # ── callbacks of the pump upwards ─────────────────────────────────────────────────────────────────

    def ended(self, pump: Pump) -> None:
        """The body was moved, or the client ended before it."""
        if pump.left:
            self.upload_failed(client_lost=True)
        else:
            self.upload_ended()

    def source_lost(self, pump: Pump) -> None:  # noqa: ARG002
        """The client is gone."""
        self.end(TerminateCause.LOST_CARRIER)

    def sink_lost(self, pump: Pump) -> None:
        """The origin does not listen any more."""
        pump.abandon()
        self.upload_failed(client_lost=False)

    def quota_exhausted(self, pump: Pump) -> None:  # noqa: ARG002
        """The quota is used up."""
        self.out_of_quota()

    def out_of_quota(self) -> None:
        """Stop; what is held of the response, which was paid for, still arrives."""
        self.response.stop()

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def complete(self, *, keep_origin: bool, client_ends: bool) -> None:
        """The response was said to its end: go on with the next request, if both sides agree to."""
        if client_ends or not self.uploaded:
            self.proxy.close_gracefully(TerminateCause.USER_REQUEST)
            return
        self.busy = False
        self._used = True
        if not keep_origin:
            self.proxy.exchange = None
            self.close()
        self.proxy.next_request(self.leftover)

    def switch_protocol(self, early_down: bytes) -> None:
        """Another protocol from here on (RFC 9110, section 7.8): the exchange becomes a tunnel."""
        self._detach()
        client = self.proxy.detach_client()
        for sock in (client, self.origin):
            self.gate.reactor.mark_pending(sock.fileno())
        Tunnel(self.gate, self.flow, client, self.origin, self.leftover, early_down).start()

    def lost_origin(self) -> None:
        """Try once more if a kept connection had been closed meanwhile; else say so, or break off."""
        head = self.head
        assert head is not None
        if self._used and may_be_repeated(head) and self.response.untouched:
            self.proxy.exchange = None
            self.close()
            self.proxy.retry(self.leftover)
        else:
            self.fail(refusal.ORIGIN_LOST)

    def fail(self, why: Refusal) -> None:
        """Say why not; when the response has begun, all that is left is to break it off."""
        if self.response.started:
            self.end(TerminateCause.NAS_ERROR)
        else:
            self.proxy.reject(why)

    def end(self, cause: TerminateCause) -> None:
        """End the flow; the proxy closes this exchange."""
        if cause is TerminateCause.LOST_CARRIER:
            self.proxy.close(cause)
        elif self.response.looks_whole:
            self.proxy.break_off(cause)
        else:
            self.proxy.close_gracefully(cause)

    def release(self) -> None:
        """Leave the client: an origin connection that waits is kept for others of the same customer."""
        if self.busy:
            self.close()
        elif not self._closed:
            self._closed = True
            keep(self.gate, self.flow, self.host, self.port, self.origin)

    def close(self) -> None:
        """Close the origin connection."""
        if not self._closed:
            self._detach()
            self.gate.reactor.close(self.origin)

    def _detach(self) -> None:
        self._closed = True
        self.busy = False
        self.response.abandon()
        if self._up is not None:
            self._up.abandon()
            self._up = None

    def _touch(self) -> None:
        settings = self.gate.settings
        patience_s = settings.idle_timeout_s
        if self.proxy.client_finished:  # mostly it is gone, and does not say so
            patience_s = min(patience_s, settings.half_closed_timeout_s)
        self.proxy.deadline = self.gate.reactor.now + patience_s
