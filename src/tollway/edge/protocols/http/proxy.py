"""The client's side of the HTTP proxy: request heads, who sent them, where they go.

hello → gate → relay, once for CONNECT and over and over for plain requests: `told` reads a head, `_identify`
knows the customer (another credential on the same connection ends the flow and begins another), `_route`
opens a tunnel or an exchange, and after an exchange the next head is awaited.
"""

import socket
import time
from collections.abc import Callable

from tollway.edge.flow import Cause
from tollway.edge.gate import Gate
from tollway.edge.hello import Hello
from tollway.edge.protocols.http.exchange import Exchange
from tollway.edge.protocols.http.heads import (
    ESTABLISHED,
    Target,
    absolute_target,
    basic_login,
    connect_target,
    credentials,
    refusal_response,
    request_head,
)
from tollway.edge.refusal import BAD_CREDENTIALS, NO_CREDENTIALS, Refusal, bad_request
from tollway.wire.http1 import BadMessage, Framing, Limits, RequestHead, RequestReader

LIMITS = Limits(line_bytes=16_384, head_bytes=65_536, underscores=True)
_METHODS_REFUSED = frozenset((b"TRACE",))  # it would echo what other proxies added


class HttpProxy(Hello):
    """An HTTP client of the proxy, for as long as its connection lasts."""

    __slots__ = ("_authorization", "exchange", "head", "reader")

    def __init__(self, gate: Gate, client: socket.socket, client_address: str) -> None:
        self.reader = RequestReader(LIMITS)
        self.head: RequestHead | None = None
        self.exchange: Exchange | None = None
        self._authorization = b""
        super().__init__(gate, client, client_address, "http")

    def ready(self, fd: int, mask: int) -> None:
        """The client can be heard or spoken to: while a request is carried, that is the exchange's affair."""
        if self.exchange is not None:
            self.exchange.client_ready(mask)
        else:
            super().ready(fd, mask)

    def told(self) -> None:
        """Read a request head, if it is complete."""
        if self.reader.between_messages and self.flow is not None:
            self.deadline = time.monotonic() + self.gate.settings.head_timeout_s
        if self.unread:
            self.reader.feed(self.unread)
            self.unread = b""
        try:
            head = self.reader.next_event()
        except BadMessage as bad:
            self.refused(bad_request(bad.status, bad.reason))
            return
        if head is not None:
            assert isinstance(head, RequestHead), "between messages only a head can follow"
            self.head = head
            self._identify(head)

    def refuse(self, why: Refusal) -> None:
        """Say why not, and close: a client must not be left guessing what happened to its next requests."""
        self._drop_exchange()
        method = self.head.method if self.head is not None else b""
        self.last_word(refusal_response(why, self.gate.settings.realm, method), why)

    def next_request(self, unread: bytes) -> None:
        """The exchange is over and both sides agree to go on."""
        self.exchange = None
        self.head = None
        self.unread = unread
        self.said = 0
        self.deadline = self.gate.reactor.now + self.gate.settings.idle_timeout_s
        self.gate.reactor.time(self)
        self.go_on()

    def retry(self, unread: bytes, dial: Callable[[], None]) -> None:
        """A kept connection was dead: carry the same request over a new one."""
        self.exchange = None
        self.unread = unread
        self.gate.reactor.time(self)
        dial()

    def take_rest(self) -> bytes:
        """Take what the client said behind the head, and begin anew with reading."""
        rest = self.reader.rest() + self.unread
        self.reader, self.unread = RequestReader(LIMITS), b""
        return rest

    def hand_over(self) -> socket.socket:
        """Give the client away: it is somebody else's from now on."""
        self.closed = True
        self.exchange = None
        self.gate.reactor.untime(self)
        return self.client

    def go_on(self) -> None:
        """After a step: read what the client said meanwhile."""
        if self.reader.waiting and not self.unread:
            self.told()
        super().go_on()

    # ── who and where ───────────────────────────────────────────────────────────────────────────────

    def _identify(self, head: RequestHead) -> None:
        authorization = credentials(head.headers)
        if self.flow is not None and authorization == self._authorization:
            self.pay(head.size, self._route)
            return
        if self.flow is not None:
            self.gate.close(self.flow, Cause.USER_REQUEST)
            self.flow = None
        self.protocol = "connect" if head.method == b"CONNECT" else "http"
        login = basic_login(authorization)
        if login is None:
            self.refused(BAD_CREDENTIALS if authorization else NO_CREDENTIALS)
            return
        self._authorization = authorization
        self.identify(*login, head.size, self._route)

    def _route(self) -> None:
        head = self.head
        assert head is not None
        if head.method == b"CONNECT":
            self._connect(head)
            return
        if head.method in _METHODS_REFUSED:
            self.refused(bad_request(405, "This method is not carried"))
            return
        target = absolute_target(head.method, head.target)
        if isinstance(target, Refusal):
            self.refused(target)
            return
        outgoing = request_head(head, target, self.gate.settings.via)
        if isinstance(outgoing, Refusal):
            self.refused(outgoing)
            return
        self._fetch(head, target, outgoing)

    def _connect(self, head: RequestHead) -> None:
        target = connect_target(head.target)
        if isinstance(target, Refusal):
            self.refused(target)
        elif head.framing is not Framing.NONE:
            self.refused(bad_request(400, "CONNECT has no body"))
        else:
            self.reach(target.host, target.port, self._tunnel)

    def _tunnel(self, origin: socket.socket) -> None:
        def established() -> None:
            self.unread = self.reader.rest() + self.unread
            self.relay(origin)

        self.answer(ESTABLISHED, established)

    # ── plain requests ──────────────────────────────────────────────────────────────────────────────

    def _fetch(self, head: RequestHead, target: Target, outgoing: bytes) -> None:
        """Carry the request over a kept connection, or over a new one."""
        assert self.flow is not None
        kept = self.gate.reuse(self.flow, target.host, target.port)
        if kept is not None:
            self.flow.carried_request(f"{target.host}:{target.port}")
            self._exchange(head, target, outgoing, kept, reused=True)
        else:
            self._dial(head, target, outgoing)

    def _dial(self, head: RequestHead, target: Target, outgoing: bytes) -> None:
        def reached(origin: socket.socket) -> None:
            self._origin = None
            self._exchange(head, target, outgoing, origin, reused=False)

        self.reach(target.host, target.port, reached)

    def _exchange(
        self, head: RequestHead, target: Target, outgoing: bytes, origin: socket.socket, *, reused: bool
    ) -> None:
        retry = (lambda: self._dial(head, target, outgoing)) if reused else None
        self.exchange = Exchange(self, head, target, origin, retry)
        self.exchange.start(outgoing)

    def _drop_exchange(self) -> None:
        if self.exchange is not None:
            self.exchange.abandon()
            self.exchange = None

    def _end(self, cause: Cause) -> bool:
        self._drop_exchange()
        return super()._end(cause)
