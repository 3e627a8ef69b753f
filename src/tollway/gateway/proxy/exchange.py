"""One request and its response, between the connection of a client and one of an upstream.

Everything happens in callbacks of the two connections, and each is paused while the other is full. Whatever goes wrong,
on either side, ends here: in another try when that is safe, in a problem document while the client has seen
nothing yet, and otherwise by cutting the client off, so that half a response never looks whole.
"""

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from tollway.gateway.context import GatewayContext
from tollway.gateway.message.problems import (
    NO_UPSTREAM,
    SLOW_BODY,
    SLOW_UPSTREAM,
    TOO_LARGE,
    GatewayRefusal,
    broken_upstream,
)
from tollway.gateway.message.request import Request
from tollway.gateway.message.responses import body_framing
from tollway.gateway.policy.admission import Decision, Later, admit
from tollway.gateway.proxy.attempt import Attempt
from tollway.gateway.proxy.retry import SentBody, may_be_repeated
from tollway.gateway.proxy.websocket import WebSocketTunnel
from tollway.gateway.upstream.connection import UpstreamConnection
from tollway.gateway.upstream.endpoint import Endpoint
from tollway.kit.tasks import spawn
from tollway.wire.http1 import LAST_CHUNK, BadMessage, Data, End, Framing, ResponseHead, write_chunk

if TYPE_CHECKING:
    from tollway.gateway.listen.connection import ClientConnection

_CHUNKED, _LENGTH, _NONE, _UNTIL_CLOSE = Framing.CHUNKED, Framing.LENGTH, Framing.NONE, Framing.UNTIL_CLOSE
_SKIP_BYTES = 65_536  # of an unwanted body that is read and thrown away to keep the connection


class Exchange:
    """A request from its head to the last byte of its response. `upstream` is there while a try is under way."""

    def __init__(self, context: GatewayContext, client: "ClientConnection", request: Request) -> None:
        self.ended = False
        self.request = request
        self.upstream: UpstreamConnection | None = None
        self._context = context
        self._client = client
        self._attempt: Attempt | None = None
        self._retries = 0
        self._failed: list[Endpoint] = []
        self._sent: SentBody
        self._rechunk = False
        # When bytes passed last, either way; and how many of the body did since its pace was last checked.
        self._moved_bytes, self._moved_at = 0, request.started
        self._pace_bytes, self._pace_since = 0, request.started
        if context.draining:
            request.closing = True

    def begin(self) -> None:
        """Decide what to do, and do it."""
        self._apply(admit(self._context, self.request))

    def _apply(self, decision: Decision | Later) -> None:
        if decision is None:
            self._sent = SentBody(self.request)
            self.request.route.cluster.count_request()
            self._forward(NO_UPSTREAM)
        elif isinstance(decision, GatewayRefusal):
            self._refuse(decision)
        elif isinstance(decision, Coroutine):
            spawn(self._apply_later(decision), "gateway: admit")
        else:
            self._respond(decision.status, decision.response)

    async def _apply_later(self, later: Later) -> None:
        decision = await later
        if not self.ended:
            self._apply(decision)
            self._client.proceed()

    # ── to the upstream ─────────────────────────────────────────────────────────────────────────────

    def _forward(self, otherwise: GatewayRefusal) -> None:
        """Try the next endpoint; refuse with `otherwise` when there is none."""
        now = self._context.monotonic()
        endpoint = self.request.route.cluster.pick(now, self._failed)
        if endpoint is None:
            self.fail(otherwise)
            return
        attempt = self._attempt = Attempt(endpoint)
        # A second try gets a connection of its own: where one was stale, its neighbours may be too.
        connection = None if self._retries else endpoint.pool.take()
        if connection is not None:
            self._send(connection, now)
        elif endpoint.pool.is_full:
            endpoint.count("pool_full")
            attempt.cancel()
            self._retry(NO_UPSTREAM, elsewhere=True)
        else:
            spawn(self._connect(attempt), "gateway: connect")

    async def _connect(self, attempt: Attempt) -> None:
        endpoint = attempt.endpoint
        try:
            connection = await endpoint.pool.connect(self.request.route.connect_timeout_s)
        except OSError:
            if self._attempt is attempt:
                attempt.fail("connect_failed", self._context.monotonic())
                self._retry(NO_UPSTREAM, elsewhere=True)
            else:
                endpoint.count("connect_failed")
                endpoint.breaker.failed(self._context.monotonic())
            return
        if self._attempt is attempt:
            self._send(connection, self._context.monotonic())
            self._client.proceed()
            self._client.update_reading()
        else:  # it was cancelled meanwhile
            endpoint.pool.give_back(connection, self._context.monotonic())

    def _send(self, connection: UpstreamConnection, now: float) -> None:
        attempt, request = self._attempt, self.request
        assert attempt is not None
        self.upstream = connection
        attempt.send(connection, request, self, now)
        if self._retries:
            for piece in self._sent.pieces or ():
                connection.write(piece)
        elif request.head.expect_continue and not self._client.has_more:
            self._client.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _retry(self, refusal: GatewayRefusal, *, elsewhere: bool) -> None:
        """Try once more when that is safe and the budget allows; else refuse.

        `elsewhere`: the endpoint that was tried is left out from now on.
        """
        request, attempt = self.request, self._attempt
        assert attempt is not None
        self._attempt = self.upstream = None
        if elsewhere:
            self._failed.append(attempt.endpoint)
        cluster = request.route.cluster
        others = len(cluster.endpoints) > len(self._failed)
        if others and self._retries < request.route.retries and cluster.may_retry():
            self._retries += 1
            attempt.endpoint.count("retried")
            self._forward(refusal)
        else:
            self.fail(refusal)

    def _can_send_again(self) -> bool:
        """Return whether a second arrival does no harm, and everything that was sent is still here."""
        request = self.request
        return may_be_repeated(request) and (request.head.framing is _NONE or self._sent.pieces is not None)

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    @property
    def takes_body(self) -> bool:
        """Whether pieces of the request's body can go on to the upstream now."""
        upstream = self.upstream
        return upstream is not None and not upstream.full and not self.request.body_ended

    def body(self, data: Data) -> None:
        """Pass on a piece of the request's body."""
        request = self.request
        request.bytes_in += data.size
        self._pace_bytes += data.size
        limit_bytes = request.route.body_limit_bytes
        if limit_bytes and request.bytes_in - request.head.size > limit_bytes:
            self.fail(TOO_LARGE)
        elif self.upstream is not None and data.payload:
            self._write(write_chunk(data.payload) if request.head.framing is _CHUNKED else data.payload)

    def end_of_body(self, size: int) -> None:
        """Pass on the end of the request's body. From now on the upstream has `response_timeout_s`."""
        request, attempt = self.request, self._attempt
        request.bytes_in += size
        request.body_ended = True
        if attempt is not None and self.upstream is not None:
            if not request.answered:
                attempt.response_due = self._context.monotonic() + request.route.response_timeout_s
            if request.head.framing is _CHUNKED:
                self._write(LAST_CHUNK)

    def _write(self, piece: bytes) -> None:
        assert self.upstream is not None
        self.upstream.write(piece)
        self._sent.add(piece)

    def client_lost(self) -> None:
        """End early: the client left."""
        if not self.ended:
            request = self.request
            request.reason = "client_closed"
            request.closing = True
            request.status = request.status or 499
            self._cancel()

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream has answered so far."""
        attempt = self._attempt
        assert attempt is not None
        reader, out = attempt.reader, list[bytes]()
        reader.feed(data)
        try:
            while (event := reader.next_event()) is not None:
                if isinstance(event, Data):
                    out.append(write_chunk(event.payload) if self._rechunk else event.payload)
                elif isinstance(event, End):
                    if self._rechunk:
                        out.append(LAST_CHUNK)
                    self._deliver(b"".join(out))
                    self._finish(attempt)
                    return
                elif event.status >= 200:
                    out.append(self._head(attempt, event))
                elif event.status == 101:
                    self._upgrade(attempt, event)
                    return
        except BadMessage as error:
            self._upstream_failed("malformed", error.reason)
            return
        if out:
            self._deliver(b"".join(out))

    def upstream_ended(self) -> None:
        """Complete a response whose end is that the upstream closes; any other is lost."""
        attempt = self._attempt
        assert attempt is not None
        try:
            attempt.reader.eof()
        except BadMessage:
            self.upstream_lost()
            return
        if self._rechunk:
            self._deliver(LAST_CHUNK)
        self._finish(attempt)

    def upstream_lost(self) -> None:
        """Try again, or answer for an upstream that closed before its response was complete."""
        attempt = self._attempt
        assert attempt is not None
        if attempt.is_stale and self._can_send_again():
            attempt.cancel()
            self._retry(broken_upstream("it closed the connection"), elsewhere=False)
        else:
            self._upstream_failed("failed", "it closed the connection before its response was complete")

    def upstream_full(self) -> None:
        """Let the client wait with the request's body."""
        self._client.update_reading()

    def upstream_ready(self) -> None:
        """Let the request's body go on."""
        self._client.proceed()
        self._client.update_reading()

    def _deliver(self, data: bytes) -> None:
        self.request.bytes_out += len(data)
        self._client.write(data)

    def _head(self, attempt: Attempt, head: ResponseHead) -> bytes:
        request = self.request
        self._response_began(attempt, head.status)
        if not request.body_ended:
            request.closing = True  # an early response: the rest of the request will not be read
        minor = request.head.minor
        if head.framing is _CHUNKED or head.framing is _UNTIL_CLOSE:
            self._rechunk = minor == 1
            request.closing = request.closing or minor == 0
        return self._context.responses.head(request, head, body_framing(head, request.head.method, minor))

    def _response_began(self, attempt: Attempt, status: int) -> None:
        request = self.request
        self._sent.forget()
        attempt.response_began()
        request.answered = True
        request.status = status
        request.upstream_s = self._context.monotonic() - request.started

    def _upgrade(self, attempt: Attempt, head: ResponseHead) -> None:
        """Join the two connections: the two ends agreed to speak something else."""
        request = self.request
        if request.head.upgrade != b"websocket" or head.upgrade != b"websocket":
            self._upstream_failed("failed", "it switched protocols without a request to")
            return
        self._response_began(attempt, 101)
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self._deliver(self._context.responses.head(request, head, framing))
        early = attempt.reader.rest()
        self.ended = True
        self._attempt = self.upstream = None
        tunnel = WebSocketTunnel(
            self._context, self._client, attempt.hand_over(), request, self._context.monotonic()
        )
        self._client.begin_tunnel(tunnel, early)

    def _finish(self, attempt: Attempt) -> None:
        """End: the response is complete."""
        now = self._context.monotonic()
        attempt.finish(now, reusable=self.request.body_ended)
        self._complete(now)

    # ── when it goes wrong ──────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Look at the deadlines."""
        request, route, attempt = self.request, self.request.route, self._attempt
        moved_bytes = request.bytes_in + request.bytes_out
        if moved_bytes != self._moved_bytes:
            self._moved_bytes, self._moved_at = moved_bytes, now
        too_long = bool(route.time_limit_s) and now - request.started > route.time_limit_s
        if attempt is not None and 0 < attempt.response_due < now and request.body_ended:
            self._record_timeout(attempt, now)
        elif too_long or now - self._moved_at > route.idle_timeout_s:
            self.fail(SLOW_UPSTREAM if request.body_ended else SLOW_BODY)
        elif not self.takes_body:
            self._pace_bytes, self._pace_since = 0, now  # it is not the client that we wait for
        elif now - self._pace_since > self._context.settings.body_grace_s:
            waited_s = now - self._pace_since
            if self._pace_bytes < self._context.settings.body_bytes_per_s * waited_s:
                self.fail(SLOW_BODY)
            self._pace_bytes, self._pace_since = 0, now

    def _record_timeout(self, attempt: Attempt, now: float) -> None:
        """End for an upstream that had the whole request and did not answer in time."""
        attempt.fail("timeout", now)
        self._attempt = self.upstream = None
        self.fail(SLOW_UPSTREAM)

    def _upstream_failed(self, event: str, reason: str) -> None:
        """Try elsewhere, or answer for an upstream that gave no good response."""
        attempt, now = self._attempt, self._context.monotonic()
        assert attempt is not None
        again = attempt.reader.untouched and self._can_send_again()
        attempt.fail(event, now)
        if again:
            self._retry(broken_upstream(reason), elsewhere=True)
        else:
            self._attempt = self.upstream = None
            self.fail(broken_upstream(reason))

    def fail(self, refusal: GatewayRefusal) -> None:
        """Refuse, or cut the client off when it has the head of another response already."""
        if not self.request.answered:
            self._refuse(refusal)
            return
        # The status is out already: only an unclean end shows the client that the response is not whole.
        self.request.reason = "cut_off"
        self.request.closing = True
        self._client.abort()
        self._cancel()

    def _refuse(self, refusal: GatewayRefusal) -> None:
        """Answer here, with a problem document."""
        request = self.request
        if refusal.close or not self._can_skip_body():
            request.closing = True
        request.reason = refusal.code
        self._context.metrics.refusals[refusal.code] += 1
        self._respond(refusal.status, self._context.responses.refusal(request, refusal))

    def _can_skip_body(self) -> bool:
        """Return whether what is left of a refused request is small enough to read and throw away."""
        request, head = self.request, self.request.head
        # Who waits for `100 Continue` may or may not send the body after another response: then nobody can tell.
        return request.body_ended or (
            head.framing is _LENGTH and head.length <= _SKIP_BYTES and not head.expect_continue
        )

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def _respond(self, status: int, response: bytes) -> None:
        self.request.status = status
        self.request.answered = True
        self._deliver(response)
        self._cancel()

    def _cancel(self) -> None:
        """End, whatever the upstream may still have to say."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        self._complete(self._context.monotonic())

    def _complete(self, now: float) -> None:
        self.ended = True
        self._attempt = self.upstream = None
        self._context.record(self.request, now)
        self._client.exchange_ended(now)
