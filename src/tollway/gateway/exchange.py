"""One request and its answer: admitted, forwarded, answered, written down. It decides how each of them ends.

An exchange knows its request's record, asks `admission` what may be done, has a `Forwarding` do it, and tells the
connection it came over. Whatever goes wrong, on either side, ends here: in a problem document while the client has seen
nothing yet, and otherwise by cutting the client off, so that half an answer never looks whole.
"""

from collections.abc import Coroutine
from time import monotonic
from typing import Protocol

from tollway.gateway import websocket
from tollway.gateway.admission import Decision, Later, admit
from tollway.gateway.forwarding import Forwarding
from tollway.gateway.problems import SLOW_BODY, SLOW_UPSTREAM, TOO_LARGE, Refusal
from tollway.gateway.request import Request
from tollway.gateway.state import State
from tollway.gateway.upstream import Link
from tollway.kit.tasks import spawn
from tollway.wire.http1 import Data, Framing

_LENGTH = Framing.LENGTH
_SKIP_BYTES = 65_536  # of an unwanted body that is read and thrown away to keep the connection


class Client(websocket.Client, Protocol):
    """What an exchange needs of the client's connection."""

    @property
    def has_more(self) -> bool:
        """Whether bytes were read that belong to no event yet."""
        ...

    def proceed(self) -> None:
        """Go on with what was read: what it had to wait for is there."""
        ...

    def update_reading(self) -> None:
        """Read from the client only what can go on."""
        ...

    def abort(self) -> None:
        """Close at once, so that the client sees that its answer is not whole."""
        ...

    def exchange_ended(self, now: float) -> None:
        """Go on to the next request, or to the end of the connection."""
        ...

    def begin_tunnel(self, tunnel: websocket.Tunnel, early: bytes) -> None:
        """Be one end of a tunnel from now on; the other end has already sent `early`."""
        ...


class Exchange:
    """A request from its head to the last byte of its answer."""

    def __init__(self, state: State, client: Client, request: Request) -> None:
        self.ended = False
        self.request = request
        self._state = state
        self._client = client
        self._forwarding: Forwarding | None = None
        # When bytes passed last, either way; and how many of the body did since its pace was last judged.
        self._moved, self._moved_at = 0, request.started
        self._pace_bytes, self._pace_since = 0, request.started
        if state.draining:
            request.closing = True

    def begin(self) -> None:
        """Decide what to do, and do it."""
        self._follow(admit(self._state, self.request))

    def _follow(self, decision: Decision | Later) -> None:
        if decision is None:
            forwarding = self._forwarding = Forwarding(self._state, self.request, self)
            forwarding.start()
        elif isinstance(decision, Refusal):
            self._refuse(decision)
        elif isinstance(decision, Coroutine):
            spawn(self._follow_later(decision), "gateway: admit")
        else:
            self._finish_with(decision.status, decision.answer)

    async def _follow_later(self, later: Later) -> None:
        decision = await later
        if not self.ended:
            self._follow(decision)
            self._client.proceed()

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    @property
    def takes_body(self) -> bool:
        """Whether pieces of the request's body can go on to the upstream now."""
        forwarding = self._forwarding
        return forwarding is not None and forwarding.takes_body and not self.request.body_ended

    @property
    def upstream_is_full(self) -> bool:
        """Whether the upstream takes no more of the request's body for now."""
        return self._forwarding is not None and self._forwarding.full

    def body(self, data: Data) -> None:
        """Take a piece of the request's body."""
        request = self.request
        request.bytes_in += data.size
        self._pace_bytes += data.size
        if request.bytes_in - request.head.size > request.plan.route.body_limit_bytes:
            self.break_off(TOO_LARGE)
        elif self._forwarding is not None:
            self._forwarding.body(data.payload)

    def end_of_body(self, size: int) -> None:
        """Know that the request is complete."""
        self.request.bytes_in += size
        self.request.body_ended = True
        if self._forwarding is not None:
            self._forwarding.end_of_body()

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        if self._forwarding is not None:
            self._forwarding.client_full()

    def client_ready(self) -> None:
        """Let the upstream go on."""
        if self._forwarding is not None:
            self._forwarding.client_ready()

    def client_lost(self) -> None:
        """End early: the client left."""
        if not self.ended:
            request = self.request
            request.reason = "client_closed"
            request.closing = True
            request.status = request.status or 499
            self._abandon()

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def invite_body(self) -> None:
        """Ask for the body, unless it is here already."""
        if not self._client.has_more:
            self._client.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def upstream_full(self) -> None:
        """Hold the request's body back."""
        self._client.update_reading()

    def upstream_ready(self) -> None:
        """Go on with the request's body."""
        self._client.proceed()
        self._client.update_reading()

    def deliver(self, data: bytes) -> None:
        """Pass a piece of the answer on to the client."""
        self.request.bytes_out += len(data)
        self._client.write(data)

    def upgraded(self, link: Link, early: bytes) -> None:
        """Join the two connections."""
        tunnel = websocket.Tunnel(
            self._client, link, self.request.verdict, self._state.settings.websocket_idle_s, monotonic()
        )
        self._client.begin_tunnel(tunnel, early)

    def tunnel_ended(self, tunnel: websocket.Tunnel, reason: str) -> None:
        """Write down what the upgrade began."""
        request = self.request
        request.bytes_in += tunnel.bytes_in
        request.bytes_out += tunnel.bytes_out
        request.reason = reason
        self.ended = True
        self._state.write_down(request, monotonic())

    # ── when it goes wrong ──────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Look at the deadlines."""
        request, route = self.request, self.request.plan.route
        moved = request.bytes_in + request.bytes_out
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        too_long = bool(route.total_s) and now - request.started > route.total_s
        if self._forwarding is not None and self._forwarding.is_overdue(now):
            self._forwarding.blame_upstream(now)
            self.break_off(SLOW_UPSTREAM)
        elif too_long or now - self._moved_at > route.silence_s:
            self.break_off(SLOW_UPSTREAM if request.body_ended else SLOW_BODY)
        elif not self.takes_body:
            self._pace_bytes, self._pace_since = 0, now  # it is not the client that we wait for
        elif now - self._pace_since > self._state.settings.body_grace_s:
            self._check_pace(now - self._pace_since)
            self._pace_bytes, self._pace_since = 0, now

    def _check_pace(self, waited_s: float) -> None:
        """Refuse a body that trickles in."""
        if self._pace_bytes < self._state.settings.body_bytes_per_s * waited_s:
            self.break_off(SLOW_BODY)

    def break_off(self, refusal: Refusal) -> None:
        """Refuse, or cut the client off when it has the head of another answer already."""
        if not self.request.answered:
            self._refuse(refusal)
            return
        # The status is out already: only an unclean end tells the client that the answer is not whole.
        self.request.reason = "cut_off"
        self.request.closing = True
        self._client.abort()
        self._abandon()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer here, with a problem document."""
        request = self.request
        if refusal.close or not self._can_skip_body():
            request.closing = True
        request.reason = refusal.code
        self._state.figures.reasons[refusal.code] += 1
        self._finish_with(refusal.status, self._state.answers.refusal(request, refusal))

    def _can_skip_body(self) -> bool:
        """Tell whether what is left of a refused request is small enough to read and throw away."""
        request, head = self.request, self.request.head
        # Who waits for `100 Continue` may or may not send the body after another answer: then nobody can tell.
        return request.body_ended or (
            head.framing is _LENGTH and head.length <= _SKIP_BYTES and not head.expect_continue
        )

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def _finish_with(self, status: int, answer: bytes) -> None:
        self.request.status = status
        self.request.answered = True
        self.deliver(answer)
        self._abandon()

    def _abandon(self) -> None:
        """End, whatever the upstream may still have to say."""
        if self._forwarding is not None:
            self._forwarding.abandon()
        self.complete(monotonic())

    def complete(self, now: float) -> None:
        """End: the answer is whole, or as whole as it gets."""
        self.ended = True
        # They know each other: unless one forgets, both wait for the collector of cycles.
        self._forwarding = None
        self._state.write_down(self.request, now)
        self._client.exchange_ended(now)
