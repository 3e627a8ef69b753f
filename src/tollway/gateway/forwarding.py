"""The way to the upstream and back: one request sent, one answer passed on, and what can go wrong between.

    dispatch   to an idle link at once, or by a task that opens one
    send       the head, then the body as it comes
    answer     the upstream's answer, piece by piece, to the client
    finish     written down, and the link goes back to its pool

Everything happens in callbacks of the two connections. After a wait the exchange may have ended meanwhile
(`ended`), because its client left or time ran out.
"""

from typing import TYPE_CHECKING

from tollway.gateway import answers
from tollway.gateway.auth import Verdict
from tollway.gateway.inbound import Inbound, trace_line
from tollway.gateway.problems import (
    BROKEN_UPSTREAM,
    NO_UPSTREAM,
    SLOW_BODY,
    SLOW_UPSTREAM,
    TOO_LARGE,
    Refusal,
)
from tollway.gateway.upstream import Link
from tollway.gateway.websocket import Tunnel
from tollway.kit.tasks import spawn
from tollway.wire.http1 import (
    LAST_CHUNK,
    Data,
    Framing,
    RequestHead,
    ResponseHead,
    ResponseReader,
    write_chunk,
)

if TYPE_CHECKING:
    from tollway.gateway.connection import ClientConnection
    from tollway.gateway.plan import Plan

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
_CHUNKED, _LENGTH, _UNTIL_CLOSE = Framing.CHUNKED, Framing.LENGTH, Framing.UNTIL_CLOSE
_REPEATABLE_BYTES = 65_536  # of a request kept until its answer begins, to send it once more


class Forwarding:
    """The state of one request, and its way. Class attributes are defaults: it sets only what it needs."""

    plan: "Plan"
    inbound: Inbound
    path: bytes = b""
    query: bytes = b""
    verdict: Verdict | None = None
    cookie_session: bool = False
    limit_lines: bytes = b""
    link: Link | None = None
    sent: "list[bytes] | None" = None  # what was sent, while it can still be sent again
    repeated: bool = False
    body_ended: bool = False
    paused_upstream: bool = False
    answered: bool = False  # whether the client got the head of an answer
    rechunk: bool = False
    ended: bool = False
    closing: bool = False  # whether the client's connection ends with this exchange
    status: int = 0
    reason: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    upstream_s: float = 0.0
    answer_due: float = 0.0
    total_due: float = 0.0
    moved: int = 0  # bytes that had passed when the deadlines were last looked at
    moved_at: float = 0.0

    def __init__(self, client: "ClientConnection", head: RequestHead, now: float) -> None:
        self.client = client
        self.gateway = client.gateway
        self.head = head
        self.started = self.moved_at = now
        self.bytes_in = head.size
        self.request_id = self.correlation = self.gateway.next_request_id()
        if not head.keep_alive or self.gateway.draining:
            self.closing = True

    # ── to the upstream ─────────────────────────────────────────────────────────────────────────────

    def dispatch(self) -> None:
        """Send the request on, when its upstream is well."""
        upstream = self.plan.upstream
        if not upstream.admits(self.started):
            self.refuse(NO_UPSTREAM)
            return
        link = upstream.take()
        if link is not None:
            self._send(link)
        else:
            self._open_link()

    def _open_link(self) -> None:
        if self.plan.upstream.is_full:
            self.plan.upstream.breaker.withdrawn()
            self.plan.upstream.count("full")
            self.refuse(NO_UPSTREAM)
        else:
            spawn(self._connect(), "gateway: connect")

    async def _connect(self) -> None:
        upstream = self.plan.upstream
        try:
            link = await upstream.connect(self.plan.route.connect_s)
        except OSError:
            upstream.count("unreachable")
            upstream.breaker.failed(self.gateway.monotonic())
            if not self.ended:
                self.refuse(NO_UPSTREAM)
                self.client.proceed()
            return
        if self.ended:
            upstream.breaker.withdrawn()
            upstream.give_back(link, self.gateway.monotonic())
        else:
            self._send(link)
            self.client.proceed()

    def _send(self, link: Link) -> None:
        self.link = link
        link.begin(self, self.head.method)
        self.answer_due = self.gateway.monotonic() + self.plan.route.answer_s
        if self.sent is not None:  # once more, on a fresh link
            for piece in self.sent:
                link.write(piece)
            return
        head = self._request_head()
        if self.head.method in _IDEMPOTENT or self.inbound.idempotency:
            self.sent = [head]
        link.write(head)
        if self.head.expect_continue and not self.client.has_more:
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _request_head(self) -> bytes:
        head, inbound = self.head, self.inbound
        if head.framing is _LENGTH:
            framing = b"Content-Length: %d\r\n" % head.length
        elif head.framing is _CHUNKED:
            framing = b"Transfer-Encoding: chunked\r\n"
        elif head.upgrade == b"websocket":
            framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        else:
            framing = b"Content-Length: 0\r\n" if head.method in {b"POST", b"PUT", b"PATCH"} else b""
        who = b"Authorization: %b\r\n" % self.verdict.authorization if self.verdict is not None else b""
        return (
            b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n%b\r\n"
            % (
                head.method,
                self.path,
                self.query,
                head.host or b"localhost",
                b"".join(inbound.lines),
                self.client.forwarded_lines,
                who,
                trace_line(inbound.traceparent),
                self.request_id,
                self.correlation,
                framing,
            )
        )

    @property
    def takes_body(self) -> bool:
        """Whether pieces of the request's body can go on to the upstream now."""
        return self.link is not None and not self.body_ended and not self.paused_upstream

    def body(self, data: Data) -> None:
        """Pass on a piece of the request's body."""
        self.bytes_in += data.size
        link = self.link
        if link is None or not data.payload:
            return
        if self.head.framing is _CHUNKED:
            if self.bytes_in - self.head.size > self.plan.route.body_limit_bytes:
                self.break_off(TOO_LARGE)
                return
            piece = write_chunk(data.payload)
        else:
            piece = data.payload
        self._keep(piece)
        link.write(piece)

    def end_of_body(self, size: int) -> None:
        """Tell the upstream that the request is complete."""
        self.bytes_in += size
        self.body_ended = True
        if not self.answered:
            self.answer_due = self.gateway.monotonic() + self.plan.route.answer_s
        if self.head.framing is _CHUNKED and self.link is not None:
            self._keep(LAST_CHUNK)
            self.link.write(LAST_CHUNK)

    def _keep(self, piece: bytes) -> None:
        if self.sent is not None:
            self.sent.append(piece)
            if sum(map(len, self.sent)) > _REPEATABLE_BYTES:
                self.sent = None

    # ── the answer ──────────────────────────────────────────────────────────────────────────────────

    def answer(self, reader: ResponseReader) -> None:
        """Pass on what the upstream said so far. Raises BadMessage when that is not HTTP."""
        out: list[bytes] = []
        while (event := reader.next_event()) is not None:
            if isinstance(event, Data):
                out.append(write_chunk(event.payload) if self.rechunk else event.payload)
            elif isinstance(event, ResponseHead):
                if event.status >= 200:
                    out.append(self._answer_head(event))
                elif event.status == 101:
                    self._upgrade(event, reader)
                    return
            else:
                if self.rechunk:
                    out.append(LAST_CHUNK)
                self._to_client(b"".join(out))
                self._complete(reader)
                return
        self._to_client(b"".join(out))

    def answer_ended_by_close(self) -> None:
        """Complete an answer whose end is that the upstream closes."""
        if self.rechunk:
            self._to_client(LAST_CHUNK)
        assert self.link is not None
        self.link.drop()
        self._finish()

    def _answer_head(self, head: ResponseHead) -> bytes:
        self.answered = True
        self.sent = None
        self.status = head.status
        self.answer_due = 0.0
        self.upstream_s = self.gateway.monotonic() - self.started
        self.plan.upstream.breaker.succeeded()
        if not self.body_ended:
            self.closing = True  # an early answer: the rest of the request will not be read
        minor = self.head.minor
        if head.framing is _CHUNKED or head.framing is _UNTIL_CLOSE:
            self.rechunk = minor == 1
            self.closing = self.closing or minor == 0
        return answers.answer_head(self, head, answers.body_framing(head, self.head.method, minor))

    def _to_client(self, data: bytes) -> None:
        if data:
            self.bytes_out += len(data)
            self.client.write(data)

    def _complete(self, reader: ResponseReader) -> None:
        """Give the link back if nothing is left on it: the answer is complete."""
        link = self.link
        assert link is not None
        if self.body_ended and reader.reusable:
            self.plan.upstream.give_back(link, self.gateway.monotonic())
        else:
            link.drop()
        self._finish()

    def _upgrade(self, head: ResponseHead, reader: ResponseReader) -> None:
        """Join the two ends, who agreed to speak something else."""
        if self.head.upgrade != b"websocket" or head.upgrade != b"websocket":
            self.upstream_failed("it switched protocols unasked")
            return
        self.closing = True
        self.status = 101
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self.plan.upstream.breaker.succeeded()
        self._to_client(answers.answer_head(self, head, framing))
        link, who = self.link, self.verdict
        assert link is not None
        link.exchange = None
        tunnel = Tunnel(
            self.client,
            link,
            self.gateway.settings.websocket_idle_s,
            self.gateway.monotonic(),
            who.user_id if who else "",
            who.session_id if who else "",
        )
        self.client.begin_tunnel(tunnel, reader.rest())

    def tunnel_ended(self, tunnel: Tunnel, reason: str) -> None:
        """Write down what the upgrade began."""
        self.bytes_in += tunnel.bytes_in
        self.bytes_out += tunnel.bytes_out
        self.reason = reason
        self.ended = True
        self.record()

    # ── when it goes wrong ──────────────────────────────────────────────────────────────────────────

    def link_lost(self, link: Link) -> None:
        """Ask once more, or answer for an upstream that closed before its answer was complete."""
        if self.ended or link is not self.link:
            return
        # A pooled link may have been closed by the upstream just as we took it. Then no byte was answered, and
        # what can safely be sent twice is.
        stale = link.used and link.reader.untouched
        if stale and self.sent is not None and not self.repeated and self.plan.upstream.may_repeat():
            self.repeated = True
            link.exchange = self.link = None
            self._open_link()
        else:
            self.upstream_failed("it closed the connection before its answer was complete")

    def upstream_failed(self, reason: str) -> None:
        """Answer for an upstream that gave no good answer, or cut the client off if it has begun."""
        self.plan.upstream.breaker.failed(self.gateway.monotonic())
        self.plan.upstream.count("failed")
        self.break_off(BROKEN_UPSTREAM._replace(detail=f"The upstream failed: {reason}"))

    def upstream_full(self, *, full: bool) -> None:
        """Hold the request's body back, or let it go on, as the upstream takes it."""
        self.paused_upstream = full
        if not full:
            self.client.proceed()
        self.client.update_reading()

    def tick(self, now: float) -> None:
        """Look at the deadlines. Only an upstream that had the whole request and did not answer is to blame."""
        moved = self.bytes_in + self.bytes_out
        if moved != self.moved:
            self.moved, self.moved_at = moved, now
        if self.body_ended and self.answer_due and now > self.answer_due:
            self.plan.upstream.breaker.failed(now)
            self.plan.upstream.count("slow")
            self.break_off(SLOW_UPSTREAM)
        elif (self.total_due and now > self.total_due) or now - self.moved_at > self.plan.route.silence_s:
            self.break_off(SLOW_UPSTREAM if self.body_ended else SLOW_BODY)

    def break_off(self, refusal: Refusal) -> None:
        """Refuse, or cut the client off when it has the head of another answer already."""
        if not self.answered:
            self.refuse(refusal)
            return
        # The status is out already: only an unclean end tells the client that the answer is not whole.
        self.reason = "cut_off"
        self._drop_link()
        self.closing = True
        self.client.abort()
        self._finish()

    def client_lost(self) -> None:
        """End early: the client left."""
        if not self.ended:
            self.reason = "client_closed"
            self.closing = True
            self.status = self.status or 499
            self._drop_link()
            self._finish()

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def refuse(self, refusal: Refusal) -> None:
        """Answer here, with a problem document."""
        if refusal.close or not self.client.can_skip_body(self):
            self.closing = True
        self.reason = refusal.code
        self.gateway.figures.reasons[refusal.code] += 1
        self._drop_link()
        self.finish_with(refusal.status, answers.refusal_bytes(self, refusal))

    def finish_with(self, status: int, answer: bytes) -> None:
        """End with an answer made here."""
        self.status = status
        self.answered = True
        self._to_client(answer)
        self._finish()

    def _drop_link(self) -> None:
        if self.link is not None:
            link, self.link = self.link, None
            link.drop()
            self.plan.upstream.breaker.withdrawn()

    def _finish(self) -> None:
        self.ended = True
        self.link = None
        self.record()
        self.client.exchange_ended(self)

    def record(self) -> None:
        """Write down how it went."""
        gateway, took_s = self.gateway, self.gateway.monotonic() - self.started
        self.plan.figures.count(self.status, took_s, self.bytes_in, self.bytes_out)
        if gateway.access_log.enabled:
            gateway.access_log.add(self, took_s, gateway.clock.now_us())
