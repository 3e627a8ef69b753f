"""One request and its response, between the connection of a client and one of an upstream.

Everything happens in callbacks of the two connections, and each is paused while the other is full. A small body is
complete before the request takes a connection to an upstream; a large one streams. Whatever goes wrong,
on either side, ends here: in another try when that is safe, in a problem document while the client has seen
nothing yet, and otherwise by cutting the client off, so that half a response never looks whole.
"""

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from tollway.gateway.context import GatewayContext
from tollway.gateway.message.problems import (
    BUSY_CLIENT,
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
from tollway.gateway.proxy.body import RequestBody, can_be_sent_again, can_skip_body
from tollway.gateway.proxy.websocket import WebSocketTunnel
from tollway.gateway.upstream.connection import UpstreamConnection
from tollway.gateway.upstream.endpoint import Endpoint
from tollway.kit.tasks import spawn
from tollway.wire.http1 import LAST_CHUNK, BadMessage, Data, End, Framing, ResponseHead, write_chunk

if TYPE_CHECKING:
    from tollway.gateway.listen.connection import ClientConnection

_CHUNKED, _NONE, _UNTIL_CLOSE = Framing.CHUNKED, Framing.NONE, Framing.UNTIL_CLOSE
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """A request from its head to the last byte of its response. `upstream` is there while a try is under way."""

    __slots__ = (
        "_attempt", "_body", "_client", "_context", "_failed", "_moved_at", "_moved_bytes", "_rechunk", "_retries",
        "ended", "request", "upstream",
    )  # fmt: skip

    def __init__(self, context: GatewayContext, client: "ClientConnection", request: Request) -> None:
        self.ended = False
        self.request = request
        self.upstream: UpstreamConnection | None = None
        self._context = context
        self._client = client
        self._attempt: Attempt | None = None
        self._retries = 0
        self._failed: list[Endpoint] = []
        self._body: RequestBody | None = None  # of a request that is passed on and has one
        self._rechunk = False
        self._moved_bytes, self._moved_at = 0, request.started  # when bytes passed last, either way
        if context.draining:
            request.closing = True

    def begin(self) -> None:
        """Decide what to do, and do it."""
        self._apply(admit(self._context, self.request))

    def _apply(self, decision: Decision | Later) -> None:
        if decision is None:
            self.request.route.cluster.count_request()
            if self.request.head.framing is not _NONE:
                self._body = RequestBody(self.request, self._context.kept)
            if self._body is None or not self._body.collecting:
                self._forward(NO_UPSTREAM)
            elif self.request.head.expect_continue and not self._client.has_more:
                self._client.write(_CONTINUE)
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
        now, request = self._context.monotonic(), self.request
        route = request.route
        endpoint = route.cluster.pick(route.name, now, self._failed)
        if endpoint is None:
            self.fail(otherwise)
            return
        pool, share, uploads = endpoint.pool, request.client.share, not request.body_ended
        if share.requests >= pool.client_share or (uploads and share.uploads >= pool.client_uploads):
            self.fail(BUSY_CLIENT)
            return
        if endpoint.is_full(route.name, uploads=uploads, anew=self._retries > 0):
            endpoint.count("pool_full")
            self._failed.append(endpoint)
            self._forward(NO_UPSTREAM)
            return
        attempt = self._attempt = Attempt(endpoint, request, now)
        # A second try gets a connection of its own: where one was stale, its neighbours may be too.
        connection = None if self._retries else pool.take()
        if connection is not None:
            self._send(connection, now)
        else:
            spawn(self._connect(attempt), "gateway: connect")

    async def _connect(self, attempt: Attempt) -> None:
        endpoint = attempt.endpoint
        try:
            connection = await endpoint.pool.connect(self.request.route.connect_timeout_s)
        except OSError:
            if self._attempt is attempt:  # else it was cancelled meanwhile
                attempt.fail_to_connect(self._context.monotonic())
                self._retry(NO_UPSTREAM, elsewhere=True)
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
        body = self._body
        if body is not None:
            if body.kept:
                connection.write(bytes(body.kept))
            elif request.head.expect_continue and not self._retries and not self._client.has_more:
                self._client.write(_CONTINUE)
            body.sent()

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

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    @property
    def takes_body(self) -> bool:
        """Whether pieces of the request's body can be taken now."""
        if self.request.body_ended or self._body is None:
            return False
        return self._body.collecting or (self.upstream is not None and not self.upstream.full)

    def body(self, data: Data) -> None:
        """Pass on a piece of the request's body, or keep it until it can be."""
        request = self.request
        request.bytes_in += data.size
        limit_bytes = request.route.body_limit_bytes
        if limit_bytes and request.bytes_in - request.head.size > limit_bytes:
            self.fail(TOO_LARGE)
        elif data.payload and self._body is not None:
            self._pass_on(
                self._body,
                write_chunk(data.payload) if request.head.framing is _CHUNKED else data.payload,
                data.size,
            )

    def end_of_body(self, size: int) -> None:
        """Pass on the end of the request's body. From now on the upstream has `response_timeout_s`."""
        request, body, attempt = self.request, self._body, self._attempt
        request.bytes_in += size
        request.body_ended = True
        if body is None:
            return
        if request.head.framing is _CHUNKED:
            self._pass_on(body, LAST_CHUNK, size)
        if body.collecting:
            body.collecting = False
            self._forward(NO_UPSTREAM)
        elif attempt is not None:
            attempt.body_ended()
            if not request.answered:
                attempt.response_due = self._context.monotonic() + request.route.response_timeout_s

    def _pass_on(self, body: RequestBody, piece: bytes, size: int) -> None:
        body.add(piece, size)
        if self.upstream is not None:
            self.upstream.write(piece)
            body.sent()
        elif body.collecting and body.is_large and not self.request.body_ended:
            body.collecting = False
            self._forward(NO_UPSTREAM)

    def client_lost(self) -> None:
        """End early: the client left."""
        if not self.ended:
            request = self.request
            request.reason, request.closing = "client_closed", True
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
        if attempt.is_stale and can_be_sent_again(self.request, self._body):
            attempt.cancel(self._context.monotonic())
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
        if self._body is not None:
            self._body.forget()
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
            attempt.fail("timeout", now)  # it had the whole request
            self._attempt = self.upstream = None
            self.fail(SLOW_UPSTREAM)
        elif too_long or now - self._moved_at > route.idle_timeout_s:
            self.fail(SLOW_UPSTREAM if request.body_ended else SLOW_BODY)
        elif self._body is not None and self._body.is_slow(
            now, self._context.settings, waits_for_client=self.takes_body
        ):
            self.fail(SLOW_BODY)

    def _upstream_failed(self, event: str, reason: str) -> None:
        """Try elsewhere, or answer for an upstream that gave no good response."""
        attempt, now = self._attempt, self._context.monotonic()
        assert attempt is not None
        again = attempt.reader.untouched and can_be_sent_again(self.request, self._body)
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
        # The status is out: only an unclean end shows that the response is not whole.
        self.request.reason, self.request.closing = "cut_off", True
        self._client.abort()
        self._cancel()

    def _refuse(self, refusal: GatewayRefusal) -> None:
        """Answer here, with a problem document."""
        request = self.request
        if refusal.close or not can_skip_body(request):
            request.closing = True
        request.reason = refusal.code
        self._context.metrics.refusals[refusal.code] += 1
        self._respond(refusal.status, self._context.responses.refusal(request, refusal))

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def _respond(self, status: int, response: bytes) -> None:
        self.request.status, self.request.answered = status, True
        self._deliver(response)
        self._cancel()

    def _cancel(self) -> None:
        """End, whatever the upstream may still have to say."""
        now = self._context.monotonic()
        if self._attempt is not None:
            self._attempt.cancel(now)
        self._complete(now)

    def _complete(self, now: float) -> None:
        self.ended = True
        self._attempt = self.upstream = None
        if self._body is not None:
            self._body.forget()
        self._context.record(self.request, now)
        self._client.exchange_ended(now)
