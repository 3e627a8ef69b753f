"""Who sends a request: cookies and bearer tokens become verdicts, and verdicts are remembered for a minute.

A browser holds only an opaque cookie, which the tokens service exchanges for a current access token; a program
holds the access token itself, whose signature is checked here. Either way the services get a bearer token and
check it once more. What was judged, well or badly, is remembered under the credential's SHA-256, so no token
lies in this memory and a forged one costs its sender's share of `auth_misses`, not our processor.

A verdict ends when the token does, after `verdict_s`, or at once when the tokens service says that its session
ended: `Revocations` hears that within a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TYPE_CHECKING

from tollway.contracts import tokens_pb2
from tollway.contracts.clients import SESSION_COOKIE
from tollway.fabric.access_tokens import RevocationEntry, Revocations, Verifier
from tollway.fabric.clock import Clock
from tollway.gateway.metrics import Figures
from tollway.gateway.problems import UNAUTHENTICATED, Refusal, of_problem
from tollway.gateway.settings import GatewaySettings
from tollway.kit import tasks
from tollway.kit.errors import Problem, Unauthenticated
from tollway.kit.times import SECOND_US

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

COOKIE = SESSION_COOKIE.encode()
# A token handed to a service must still be good when the service looks at it.
_SPARE_S = 30.0
_MAX_COOKIE_BYTES = 256
_EXCHANGE_S = 5.0


class Verdict:
    """Somebody who proved who they are. `until` is in monotonic seconds; `ended` when it was revoked."""

    __slots__ = ("authorization", "csrf", "ended", "session_id", "until", "user_id")

    def __init__(
        self, user_id: str, session_id: str, until: float, authorization: bytes, csrf: bytes
    ) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.until = until
        self.authorization = authorization  # the header's value for the services
        self.csrf = csrf  # empty for a bearer token, which no foreign page can send
        self.ended = False


class Denial:
    """A credential that is no good, remembered for a short while."""

    __slots__ = ("refusal", "until")

    def __init__(self, refusal: Refusal, until: float) -> None:
        self.refusal = refusal
        self.until = until


Judgement = Verdict | Denial


class Authority:
    """Judges credentials. `recall` answers at once from memory, `judge` finds out."""

    def __init__(
        self,
        settings: GatewaySettings,
        verifier: Verifier,
        tokens: "TokensAsyncStub",
        clock: Clock,
        figures: Figures,
    ) -> None:
        self.revocations = Revocations(clock)
        self.on_ended: Callable[[RevocationEntry], None] = lambda _entry: None
        self._settings = settings
        self._verifier = verifier
        self._tokens = tokens
        self._clock = clock
        self._counts = figures.verdicts
        self._known: dict[bytes, Judgement] = {}
        self._by_session: dict[str, list[Verdict]] = {}
        self._in_work: dict[bytes, asyncio.Task[Judgement]] = {}
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to hear about ended sessions."""
        self._following = tasks.spawn(
            self.revocations.follow(
                lambda after: self._tokens.FollowRevocations(
                    tokens_pb2.FollowRevocationsRequest(after=after)
                ),
                self._ended,
            ),
            "gateway: follow revocations",
        )

    async def stop(self) -> None:
        """Stop hearing."""
        await tasks.cancel(self._following)
        for task in list(self._in_work.values()):
            await tasks.cancel(task)

    # ── from memory ─────────────────────────────────────────────────────────────────────────────────

    def recall(self, credential: bytes, now: float) -> Judgement | None:
        """Return what is known about a credential: a whole Authorization value, or a session cookie's."""
        judged = self._known.get(sha256(credential).digest())
        if judged is None or judged.until <= now:
            return None
        self._counts["memory"] += 1
        return judged

    # ── finding out ─────────────────────────────────────────────────────────────────────────────────

    async def judge_bearer(self, authorization: bytes, now: float) -> Judgement:
        """Check the signature of `Bearer <token>` and whether its session still runs."""
        return await self._once(authorization, now, lambda: self._bearer(authorization, now))

    async def judge_cookie(self, cookie: bytes, now: float) -> Judgement:
        """Ask the tokens service which session a cookie stands for."""
        return await self._once(cookie, now, lambda: self._cookie(cookie, now))

    async def _once(
        self, credential: bytes, now: float, find_out: Callable[[], Awaitable[Judgement]]
    ) -> Judgement:
        """Many requests with the same new credential (a browser's tabs) cause one question."""
        judged = self.recall(credential, now)  # another request may have found out since this one looked
        if judged is not None:
            return judged
        key = sha256(credential).digest()
        task = self._in_work.get(key)
        if task is None:
            task = self._in_work[key] = tasks.spawn(
                self._remember(key, find_out), "gateway: judge a credential"
            )
        return await asyncio.shield(task)

    async def _remember(self, key: bytes, find_out: Callable[[], Awaitable[Judgement]]) -> Judgement:
        try:
            judged = await find_out()
        finally:
            del self._in_work[key]
        if len(self._known) >= self._settings.verdicts:
            self._forget(next(iter(self._known)))
        if key in self._known:
            self._forget(key)
        self._known[key] = judged
        if isinstance(judged, Verdict):
            self._by_session.setdefault(judged.session_id, []).append(judged)
        return judged

    async def _bearer(self, authorization: bytes, now: float) -> Judgement:
        self._counts["signature"] += 1
        try:
            claims = await self._verifier.verify(authorization[7:].strip().decode("latin-1"))
            self.revocations.check(claims)
        except Problem as problem:
            return self._denial(problem, now)
        left_s = (claims.expires_at_us - self._clock.now_us()) / SECOND_US
        until = now + min(left_s, self._settings.verdict_s)
        return Verdict(claims.user_id, claims.session_id, until, authorization, b"")

    async def _cookie(self, cookie: bytes, now: float) -> Judgement:
        self._counts["exchange"] += 1
        if len(cookie) > _MAX_COOKIE_BYTES:
            return Denial(UNAUTHENTICATED, now + self._settings.denial_s)
        try:
            session = await self._tokens.ExchangeCookie(
                tokens_pb2.ExchangeCookieRequest(cookie=cookie.decode("latin-1")), timeout=_EXCHANGE_S
            )
        except Problem as problem:
            return self._denial(problem, now)
        left_s = (session.access_expires_at_us - self._clock.now_us()) / SECOND_US - _SPARE_S
        until = now + min(left_s, self._settings.verdict_s)
        bearer = b"Bearer " + session.access_token.encode()
        return Verdict(session.user_id, session.session_id, until, bearer, session.csrf_token.encode())

    def _denial(self, problem: Problem, now: float) -> Denial:
        if isinstance(problem, Unauthenticated):
            self._counts["denied"] += 1
            return Denial(of_problem(problem), now + self._settings.denial_s)
        return Denial(of_problem(problem), now)  # a neighbour is down: the next request asks again

    # ── forgetting ──────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Drop what has run out from the front of the memory, where the oldest stand."""
        while self._known:
            key = next(iter(self._known))
            if self._known[key].until > now:
                break
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        judged = self._known.pop(key)
        if isinstance(judged, Verdict):
            of_session = self._by_session.get(judged.session_id, [])
            if judged in of_session:
                of_session.remove(judged)
            if not of_session:
                self._by_session.pop(judged.session_id, None)

    def _ended(self, entry: RevocationEntry) -> None:
        """End the verdicts of a session, or of all of a user's, now."""
        for session_id in [entry.session_id] if entry.session_id else list(self._by_session):
            for verdict in self._by_session.get(session_id, ()):
                if entry.session_id or verdict.user_id == entry.user_id:
                    verdict.until, verdict.ended = 0.0, True
        self.on_ended(entry)
