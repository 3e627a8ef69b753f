"""The client's side of the HTTP proxy: request heads, who sent them, where they go.

handshake → session → relay, once for CONNECT and over and over for plain requests: `on_data` reads a head, `_identify`
knows the customer (another credential on the same connection ends the flow and begins another), `_route`
opens a tunnel or an exchange, and after an exchange the next head is awaited.
"""

import socket

from tollway.edge.credential import Credential
from tollway.edge.gate import Gate
from tollway.edge.handshake import Handshake
from tollway.edge.other_protocol import answer_in_kind
from tollway.edge.protocols.http.connect_cache import ConnectCache, KnownConnect
from tollway.edge.protocols.http.exchange import ProxyExchange, may_be_repeated
from tollway.edge.protocols.http.heads import (
    ESTABLISHED,
    Target,
    absolute_target,
    basic_login,
    connect_target,
    credentials,
    refusal_response,
    request_fields,
    request_head,
)
from tollway.edge.protocols.http.refusals import bad_request
from tollway.edge.protocols.http.repeated_headers import RepeatedHeaders
from tollway.edge.reactor import FINISHED
from tollway.edge.refusal import BAD_CREDENTIALS, NO_CREDENTIALS, Refusal
from tollway.edge.terminate_cause import TerminateCause
from tollway.wire.http1 import BadMessage, Framing, HeadLimits, RequestHead, RequestReader

LIMITS = HeadLimits(line_bytes=65_536, head_bytes=65_536, headers=1_000, underscores=True, forward=True)
_NOT_HTTP = (b"\x04", b"\x05", b"\x16")  # SOCKS, TLS
SLOW_HEAD = bad_request(408, "The head of the request took too long", TerminateCause.IDLE_TIMEOUT)
CUT_SHORT = bad_request(400, "The request was cut short")
_METHODS_REFUSED = frozenset((b"TRACE",))  # it would echo what other proxies added


class HttpProxy(Handshake):
    """An HTTP client of the proxy, for as long as its connection lasts."""

    __slots__ = (
        "_authorization",
        "_connect_cache",
        "_credential",
        "_head_bytes",
        "_outgoing",
        "_repeated",
        "_target",
        "client_finished",
        "exchange",
        "head",
        "reader",
    )

    def __init__(
        self, gate: Gate, connect_cache: ConnectCache, client: socket.socket, client_address: str
    ) -> None:
        self._connect_cache = connect_cache
        self.reader = RequestReader(LIMITS)
        self.head: RequestHead | None = None
        self.exchange: ProxyExchange | None = None
        self.client_finished = False  # it sends no more, and may still listen
        self._authorization: bytes | None = None
        self._credential: Credential | None = None  # what the flow began with
        self._head_bytes = b""  # begins with the head, if that came in one piece
        self._repeated = RepeatedHeaders()
        self._target = Target("", 0, b"", b"")
        self._outgoing = b""  # the head as the origin gets it
        super().__init__(gate, client, client_address, "http")

    def ready(self, fd: int, mask: int) -> None:
        """The client can be read or written: while a request is carried, that is the exchange's affair."""
        if mask & FINISHED:
            self.client_finished = True
        exchange = self.exchange
        if exchange is not None and exchange.busy:
            exchange.client_ready(mask)
        else:
            super().ready(fd, mask)

    def on_data(self) -> None:
        """Read a request head, if it is complete."""
        data, fresh = self.buffer, self.reader.between_messages
        if fresh and self.flow is None:
            cached = self._connect_cache.recognize(data)
            if cached is not None and self._connect_cached(data, cached):
                return
        elif fresh:
            alike = self._repeated.read(data)
            if alike is not None:
                self.head, self.buffer = alike, data[alike.size :]
                self.charge(alike.size, self._route)
                return
            self.deadline = self.gate.reactor.now + self.gate.settings.head_timeout_s
        if data:
            self.reader.feed(data)
            self.buffer = b""
        try:
            head = self.reader.next_event()
        except BadMessage as bad:
            self._reject_unread(bad, data)
            return
        if head is not None:
            assert isinstance(head, RequestHead), "between messages only a head can follow"
            self.head = head
            self._head_bytes = data if fresh else b""
            self._repeated.remember(self._head_bytes, head)
            self._identify(head)

    def on_end(self) -> None:
        """A client that ends within a head may still listen: it is answered that its request was cut short."""
        if self.reader.waiting:
            self.reject(CUT_SHORT)
        else:
            super().on_end()

    def _reject_unread(self, bad: BadMessage, data: bytes) -> None:
        """Refuse what is not a request; in its own protocol, if the client's first words are of another one."""
        other = answer_in_kind(data) if self.flow is None and data[:1] in _NOT_HTTP else b""
        if not other:
            self.reject(bad_request(bad.status, bad.reason))
        elif self.send(other):
            self.close_gracefully(TerminateCause.USER_REQUEST)

    def refuse(self, why: Refusal) -> None:
        """Say why not, and close: a client must not be left guessing what happened to its next requests."""
        self._drop_exchange()
        method = self.head.method if self.head is not None else b""
        self.send_and_close(refusal_response(why, self.gate.settings.realm, method), why)

    def expired(self) -> None:
        """The client, the origin or we were too slow."""
        if self.exchange is not None and self.exchange.busy:
            self.exchange.expired()
        elif self.reader.waiting and not self._waiting:
            self.reject(SLOW_HEAD)
        else:
            super().expired()

    def terminate(self, cause: TerminateCause) -> None:
        """End it now."""
        exchange = self.exchange
        if exchange is not None and exchange.busy and exchange.response.looks_whole:
            self.break_off(cause)
        else:
            super().terminate(cause)

    # ── who and where ───────────────────────────────────────────────────────────────────────────────

    def _identify(self, head: RequestHead) -> None:
        authorization = credentials(head.headers)
        if self.flow is not None and authorization == self._authorization:
            self.charge(head.size, self._route)
            return
        if self.flow is not None:
            self._drop_exchange()
            self.end_flow(TerminateCause.USER_REQUEST)
        self.protocol = "connect" if head.method == b"CONNECT" else "http"
        credential = (
            self.gate.sources.credential(self.client_address)
            if authorization is None
            else basic_login(authorization)
        )
        if credential is None:
            self.reject(BAD_CREDENTIALS if authorization else NO_CREDENTIALS)
            return
        self._authorization, self._credential = authorization, credential
        self.bytes_in = head.size
        self.authenticate(credential, self._route)

    def _route(self) -> None:
        head = self.head
        assert head is not None
        assert self.flow is not None
        if self.flow.grant_changed and self._credential is not None:
            self.refresh(self._credential, self._route)
            return
        if head.method == b"CONNECT":
            self._connect(head)
            return
        target = self._repeated.target(head.target) or absolute_target(head.method, head.target)
        if isinstance(target, Refusal):
            self.reject(target)
            return
        if head.method in _METHODS_REFUSED:
            self.reject(bad_request(405, "This method is not carried"))
            return
        fields = self._repeated.fields or request_fields(head, self.gate.settings.via)
        if isinstance(fields, Refusal):
            self.reject(fields)
            return
        self._outgoing = request_head(head.method, target, self._repeated.keep(fields))
        self._fetch(target)

    def _connect(self, head: RequestHead) -> None:
        target = connect_target(head.target)
        if isinstance(target, Refusal):
            self.reject(target)
        elif head.framing is not Framing.NONE:
            self.reject(bad_request(400, "CONNECT has no body"))
        else:
            if head.size == len(self._head_bytes):
                # A head without a password is the same from every address: it must not be known by its bytes.
                login = self._credential if self._authorization is not None else None
                known = self.known(login) if login is not None else None
                if known is not None:
                    cached = KnownConnect(target.host, target.port, known)
                    self._connect_cache.remember(self._head_bytes, cached)
            self.connect(target.host, target.port, self._tunnel)

    def _connect_cached(self, data: bytes, cached: KnownConnect) -> bool:
        """Open the tunnel that a known head asks for; return whether that went without another look."""
        self.protocol, self.bytes_in = "connect", len(data)
        if not self.authenticate_known(cached.credential):
            return False
        self.buffer = b""
        self.connect(cached.host, cached.port, self._tunnel)
        return True

    def _tunnel(self, origin: socket.socket) -> None:
        def established() -> None:
            self.buffer = self.reader.rest() + self.buffer
            self.relay(origin)

        self.charge_and_send(ESTABLISHED, established)

    # ── plain requests ──────────────────────────────────────────────────────────────────────────────

    def _fetch(self, target: Target) -> None:
        """Carry the request over the connection at hand, a kept one, or a new one."""
        flow, exchange = self.flow, self.exchange
        assert flow is not None
        assert self.head is not None
        # What cannot be sent twice goes over a connection of its own: a kept one may be dead.
        repeatable = may_be_repeated(self.head)
        same = exchange is not None and exchange.port == target.port and exchange.host == target.host
        if exchange is not None and same and repeatable:
            if self._may_go_on(exchange):
                flow.count_request(flow.target)
                self._carry(exchange)
            return
        self._drop_exchange()
        self._repeated.remember_target(target)
        self._target = target
        kept = self.reuse(target.host, target.port) if repeatable else None
        if kept is None:
            self.connect(target.host, target.port, self._reached)
            return
        exchange = ProxyExchange(self, kept, target.host, target.port, used=True)
        self.exchange = exchange
        if self._may_go_on(exchange):
            flow.count_request(f"{target.host}:{target.port}")
            self._carry(exchange)

    def _may_go_on(self, exchange: ProxyExchange) -> bool:
        """Ask the rules about a request over a connection that stands; refuse when one objects."""
        assert self.flow is not None
        why_not = self.check(exchange.standing)
        if why_not is not None:
            self.reject(why_not)
        return why_not is None

    def _reached(self, origin: socket.socket) -> None:
        self._origin = None
        target = self._target
        self._carry(ProxyExchange(self, origin, target.host, target.port, used=False))

    def _carry(self, exchange: ProxyExchange) -> None:
        """Let the exchange carry the request; the bytes behind the head are its affair, chunks stay with the reader."""
        assert self.head is not None
        buffer = b""
        if self.head.framing is not Framing.CHUNKED:
            buffer, self.buffer = self.reader.rest() + self.buffer, b""
            self.reader = RequestReader(LIMITS)
        self.exchange = exchange
        exchange.begin(self.head, self._outgoing, buffer)

    def next_request(self, leftover: bytes) -> None:
        """The exchange is over and both sides agree to go on."""
        self.head = None
        self.buffer = leftover
        self.deadline = self.gate.reactor.now + self.gate.settings.idle_timeout_s
        if leftover or self.more_to_read or self.reader.waiting:
            self.resume()

    def retry(self, leftover: bytes) -> None:
        """The connection at hand was dead: carry the same request over a new one."""
        self.buffer = leftover
        self._repeated.remember_target(self._target)
        self.connect(self._target.host, self._target.port, self._reached)

    @property
    def occupied(self) -> bool:
        """Whether something else comes before the client's next words: also the request that is carried."""
        exchange = self.exchange
        return self._waiting or self.closed or (exchange is not None and exchange.busy)

    def resume(self) -> None:
        """After a step: read what the client said meanwhile."""
        if self.reader.waiting and not self.buffer:
            self.on_data()
        super().resume()

    def detach_client(self) -> socket.socket:
        """Give the client away: it is somebody else's from now on."""
        self.closed = True
        self.exchange = None
        self.gate.reactor.remove_deadline(self)
        return self.client

    def _drop_exchange(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.release()

    def _end(self, cause: TerminateCause) -> bool:
        self._drop_exchange()
        return super()._end(cause)
