"""The way to the upstream and back: one request sent, one answer passed on, and what can go wrong between.

    start      to an idle link at once, or by a task that opens one
    send       the head, then the body as it comes
    answer     the upstream's answer, piece by piece, to whoever waits for it
    complete   the link goes back to its pool

Everything happens in callbacks of the two connections. A forwarding that was abandoned, because its client left
or time ran out, has ended: whatever comes for it after a wait is thrown away.
"""

from time import monotonic
from typing import Protocol

from tollway.gateway.answers import body_framing
from tollway.gateway.outbound import is_repeatable, outbound_head
from tollway.gateway.problems import BROKEN_UPSTREAM, NO_UPSTREAM, Refusal
from tollway.gateway.request import Request
from tollway.gateway.state import State
from tollway.gateway.upstream import Link
from tollway.kit.tasks import spawn
from tollway.wire.http1 import (
    LAST_CHUNK,
    BadMessage,
    Data,
    End,
    Framing,
    ResponseHead,
    ResponseReader,
    write_chunk,
)

_CHUNKED, _NONE, _UNTIL_CLOSE = Framing.CHUNKED, Framing.NONE, Framing.UNTIL_CLOSE
_REPEATABLE_BYTES = 65_536  # of a body kept until the answer begins


class Recipient(Protocol):
    """Who waits for the answer. `upgraded` takes the link over, with what the upstream sent on it already."""

    def invite_body(self) -> None: ...
    def upstream_full(self) -> None: ...
    def upstream_ready(self) -> None: ...
    def deliver(self, data: bytes) -> None: ...
    def complete(self, now: float) -> None: ...
    def upgraded(self, link: Link, early: bytes) -> None: ...
    def break_off(self, refusal: Refusal) -> None: ...


class Forwarding:
    """One request on its way. `full` says that the upstream takes no more of it for now."""

    def __init__(self, state: State, request: Request, recipient: Recipient) -> None:
        self.full = False
        self._state = state
        self._request = request
        self._recipient = recipient
        self._upstream = request.plan.upstream
        self._link: Link | None = None
        self._reader: ResponseReader
        self._answer_due = 0.0
        self._sent: list[bytes] | None = None  # the body so far, while it may be sent once more
        self._sent_bytes = 0
        self._abandoned = self._repeated = self._rechunk = False

    # ── to the upstream ─────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Send the request on, when its upstream is well."""
        upstream = self._upstream
        if not upstream.admits(self._request.started):
            self._recipient.break_off(NO_UPSTREAM)
            return
        link = upstream.take()
        if link is not None:
            self._send(link)
        else:
            self._open_link()

    def _open_link(self) -> None:
        upstream = self._upstream
        if upstream.is_full:
            upstream.breaker.withdrawn()
            upstream.count("full")
            self._recipient.break_off(NO_UPSTREAM)
        else:
            spawn(self._connect(), "gateway: connect")

    async def _connect(self) -> None:
        upstream = self._upstream
        try:
            link = await upstream.connect(self._request.plan.route.connect_s)
        except OSError:
            upstream.count("unreachable")
            upstream.breaker.failed(monotonic())
            if not self._abandoned:
                self._recipient.break_off(NO_UPSTREAM)
            return
        if self._abandoned:
            upstream.breaker.withdrawn()
            upstream.give_back(link, monotonic())
        else:
            self._send(link)
            self._recipient.upstream_ready()

    def _send(self, link: Link) -> None:
        request = self._request
        self._link = link
        self._reader = ResponseReader(request.head.method)
        link.receiver = self
        self._answer_due = monotonic() + request.plan.route.answer_s
        link.write(outbound_head(request))
        if self._repeated:
            for piece in self._sent or ():
                link.write(piece)
        elif request.head.framing is not _NONE:
            if is_repeatable(request):
                self._sent = []
            if request.head.expect_continue:
                self._recipient.invite_body()

    @property
    def takes_body(self) -> bool:
        """Whether pieces of the request's body can go on now."""
        return self._link is not None and not self.full

    def body(self, payload: bytes) -> None:
        """Pass on a piece of the request's body."""
        if self._link is not None and payload:
            self._write(write_chunk(payload) if self._request.head.framing is _CHUNKED else payload)

    def end_of_body(self) -> None:
        """Tell the upstream that the request is complete. From now on it has `answer_s` for the answer."""
        if not self._request.answered:
            self._answer_due = monotonic() + self._request.plan.route.answer_s
        if self._request.head.framing is _CHUNKED and self._link is not None:
            self._write(LAST_CHUNK)

    def _write(self, piece: bytes) -> None:
        assert self._link is not None
        self._link.write(piece)
        if self._sent is not None:
            self._sent.append(piece)
            self._sent_bytes += len(piece)
            if self._sent_bytes > _REPEATABLE_BYTES:
                self._sent = None

    # ── what the link tells ─────────────────────────────────────────────────────────────────────────

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream said so far."""
        reader, out = self._reader, list[bytes]()
        reader.feed(data)
        try:
            while (event := reader.next_event()) is not None:
                if isinstance(event, Data):
                    out.append(write_chunk(event.payload) if self._rechunk else event.payload)
                elif isinstance(event, End):
                    if self._rechunk:
                        out.append(LAST_CHUNK)
                    self._recipient.deliver(b"".join(out))
                    self._complete(reader)
                    return
                elif event.status >= 200:
                    out.append(self._answer_head(event))
                elif event.status == 101:
                    self._upgrade(event, reader)
                    return
        except BadMessage as error:
            self._upstream.count("malformed")
            self._failed(error.reason)
            return
        if out:
            self._recipient.deliver(b"".join(out))

    def upstream_ended(self) -> None:
        """Complete an answer whose end is that the upstream closes; any other is lost."""
        link = self._link
        assert link is not None
        try:
            self._reader.eof()
        except BadMessage:
            self.upstream_lost()
            return
        if self._rechunk:
            self._recipient.deliver(LAST_CHUNK)
        link.drop()
        self._link = None
        self._recipient.complete(monotonic())

    def upstream_lost(self) -> None:
        """Ask once more, or answer for an upstream that closed before its answer was complete."""
        link = self._link
        assert link is not None
        # A pooled link may have been closed by the upstream just as we took it. Then no byte was answered, and
        # what can safely be sent twice is.
        stale = link.used and self._reader.untouched
        if stale and self._has_all_it_sent() and not self._repeated and self._upstream.may_repeat():
            self._repeated, self.full = True, False
            link.receiver = self._link = None
            self._open_link()
        else:
            self._failed("it closed the connection before its answer was complete")

    def _has_all_it_sent(self) -> bool:
        """Tell whether the request may be sent twice, and what was sent of it is still here."""
        request = self._request
        return is_repeatable(request) and (request.head.framing is _NONE or self._sent is not None)

    def upstream_full(self) -> None:
        """Hold the request's body back: the upstream takes no more for now."""
        self.full = True
        self._recipient.upstream_full()

    def upstream_ready(self) -> None:
        """Let the request's body go on."""
        self.full = False
        self._recipient.upstream_ready()

    # ── the answer ──────────────────────────────────────────────────────────────────────────────────

    def _answer_head(self, head: ResponseHead) -> bytes:
        request = self._request
        self._begun(head.status)
        if not request.body_ended:
            request.closing = True  # an early answer: the rest of the request will not be read
        minor = request.head.minor
        if head.framing is _CHUNKED or head.framing is _UNTIL_CLOSE:
            self._rechunk = minor == 1
            request.closing = request.closing or minor == 0
        return self._state.answers.head(request, head, body_framing(head, request.head.method, minor))

    def _begun(self, status: int) -> None:
        self._sent = None
        self._answer_due = 0.0
        self._upstream.breaker.succeeded()
        request = self._request
        request.answered = True
        request.status = status
        request.upstream_s = monotonic() - request.started

    def _upgrade(self, head: ResponseHead, reader: ResponseReader) -> None:
        """Hand the link over: the two ends agreed to speak something else."""
        request, link = self._request, self._link
        if request.head.upgrade != b"websocket" or head.upgrade != b"websocket":
            self._failed("it switched protocols unasked")
            return
        assert link is not None
        self._begun(101)
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self._recipient.deliver(self._state.answers.head(request, head, framing))
        self._link = None
        self._recipient.upgraded(link, reader.rest())

    def _complete(self, reader: ResponseReader) -> None:
        """Give the link back if nothing is left on it: the answer is complete."""
        link = self._link
        assert link is not None
        now = monotonic()
        if self._request.body_ended and reader.reusable and not link.full:
            self._upstream.give_back(link, now)
        else:
            link.drop()
        self._link = None
        self._recipient.complete(now)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def is_overdue(self, now: float) -> bool:
        """Tell whether the upstream, which had the whole request, did not begin to answer in time."""
        return bool(self._answer_due) and self._request.body_ended and now > self._answer_due

    def blame_upstream(self, now: float) -> None:
        """Hold it against the upstream that it is overdue."""
        self._upstream.breaker.failed(now)
        self._upstream.count("slow")

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        if self._link is not None:
            self._link.pause_reading()

    def client_ready(self) -> None:
        """Let the upstream go on."""
        if self._link is not None:
            self._link.resume_reading()

    def abandon(self) -> None:
        """End early; nothing is told to the recipient, who wants it so."""
        self._abandoned = True
        if self._link is not None:
            link, self._link = self._link, None
            link.drop()
            self._upstream.breaker.withdrawn()

    def _failed(self, reason: str) -> None:
        """Answer for an upstream that gave no good answer."""
        self._upstream.breaker.failed(monotonic())
        self._upstream.count("failed")
        self._recipient.break_off(BROKEN_UPSTREAM._replace(detail=f"The upstream failed: {reason}"))
