"""Who sends a request: session cookies and bearer tokens become identities, which are cached for a minute.

A browser holds only an opaque cookie, which the tokens service exchanges for a current access token; a program
holds the access token itself, whose signature is checked here. Either way the services get a bearer token and
check it once more. Results, good and bad, are cached under the credential's BLAKE2b, so no token lies in this
memory, and a forged one uses up its sender's limit of `unknown_credentials`, not our processor. Beyond that limit an
address is not shut out (many people may share it): a session that was here lately is checked all the same, and of
others what can be a credential, up to `_CHECKS_PER_S`.

An identity ends when its token does, after `identity_cache_s`, or at once when the tokens service announces that its
session ended: `Revocations` learns of that within a second.
"""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tollway.contracts import tokens_pb2
from tollway.fabric.access_tokens import LIMIT_BYTES, RevocationEntry, Revocations, Verifier
from tollway.fabric.clock import Clock
from tollway.fabric.limits import Limits
from tollway.gateway.message.client import ClientIdentity
from tollway.gateway.message.problems import UNAUTHENTICATED, GatewayRefusal, of_problem
from tollway.gateway.observe.metrics import Metrics
from tollway.gateway.settings import GatewaySettings
from tollway.kit import tasks
from tollway.kit.errors import Problem, Unauthenticated
from tollway.kit.times import SECOND_US

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

# A token handed to a service must still be good when the service looks at it.
_SPARE_S = 30.0
_MAX_COOKIE_BYTES = 256
_EXCHANGE_TIMEOUT_S = 5.0
_CHECKS_PER_S = 500  # beyond the limits of addresses, of all together
_CHECKS_OF_SESSION = 10  # in as many seconds
_REMEMBERED_S = 3_600.0
_COOKIE = re.compile(rb"[A-Za-z0-9_-]{32,256}")


class AuthFailure:
    """A credential that is not valid, cached for a short while."""

    __slots__ = ("refusal", "valid_until")

    def __init__(self, refusal: GatewayRefusal, valid_until: float) -> None:
        self.refusal = refusal
        self.valid_until = valid_until


AuthResult = ClientIdentity | AuthFailure


class Authenticator:
    """Checks credentials. `cached` answers at once from memory, `authenticate_*` find out."""

    def __init__(
        self,
        settings: GatewaySettings,
        verifier: Verifier,
        tokens: "TokensAsyncStub",
        clock: Clock,
        monotonic: Callable[[], float],
        metrics: Metrics,
        local_limits: Limits,
    ) -> None:
        self.revocations = Revocations(clock)
        self.on_session_ended: Callable[[RevocationEntry], None] = lambda _entry: None
        self._settings = settings
        self._verifier = verifier
        self._tokens = tokens
        self._clock = clock
        self._monotonic = monotonic
        self._counts = metrics.authentications
        self._cache: dict[bytes, AuthResult] = {}
        self._by_session: dict[str, list[ClientIdentity]] = {}
        self._pending: dict[bytes, asyncio.Task[AuthResult]] = {}
        self._checks = local_limits.limit("checks of credentials", _CHECKS_PER_S, 1.0)
        self._checks_of_session = local_limits.limit(
            "checks of sessions", _CHECKS_OF_SESSION, _CHECKS_OF_SESSION
        )
        self._seen: dict[str | bytes, float] = {}  # sessions and cookies that were good lately, until when
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the announcements of ended sessions."""
        self._following = tasks.spawn(
            self.revocations.follow(
                lambda after: self._tokens.FollowRevocations(
                    tokens_pb2.FollowRevocationsRequest(after=after)
                ),
                self._session_ended,
            ),
            "gateway: follow revocations",
        )

    async def stop(self) -> None:
        """Stop following them."""
        await tasks.cancel(self._following)
        for task in list(self._pending.values()):
            await tasks.cancel(task)

    # ── from the cache ─────────────────────────────────────────────────────────────────────────────────

    def cached(self, credential: bytes, now: float) -> AuthResult | None:
        """Return what is known about a credential: a whole Authorization value, or a session cookie's."""
        result = self._cache.get(_key(credential))
        if result is None or result.valid_until <= now:
            return None
        self._counts["cached"] += 1
        return result

    def may_check(self, credential: bytes, now: float) -> bool:
        """Return whether a credential may be checked though its sender has used up the limit."""
        session: str | bytes | None
        if credential[:7].lower() == b"bearer ":
            session = claimed_session(credential[7:].strip())
        else:
            session = _key(credential) if _COOKIE.fullmatch(credential) else None
        if session is None:
            return False
        if self._seen.get(session, 0.0) > now and self._checks_of_session.take(session, now).admitted:
            return True
        return self._checks.take(b"", now).admitted

    # ── checking ────────────────────────────────────────────────────────────────────────────────────

    async def authenticate_bearer(self, authorization: bytes) -> AuthResult:
        """Check the signature of `Bearer <token>` and whether its session has not ended."""
        return await self._once(authorization, lambda: self._check_bearer(authorization))

    async def authenticate_cookie(self, cookie: bytes) -> AuthResult:
        """Find out from the tokens service which session a cookie stands for."""
        return await self._once(cookie, lambda: self._exchange_cookie(cookie))

    async def _once(self, credential: bytes, check: Callable[[], Awaitable[AuthResult]]) -> AuthResult:
        """Many requests with the same new credential (a browser's tabs) cause one check."""
        # Another request may have found out since this one looked.
        result = self.cached(credential, self._monotonic())
        if result is not None:
            return result
        key = _key(credential)
        task = self._pending.get(key)
        if task is None:
            task = self._pending[key] = tasks.spawn(
                self._check_and_cache(key, check), "gateway: check a credential"
            )
        return await asyncio.shield(task)

    async def _check_and_cache(self, key: bytes, check: Callable[[], Awaitable[AuthResult]]) -> AuthResult:
        try:
            result = await check()
        finally:
            del self._pending[key]
        if len(self._cache) >= self._settings.identity_cache_size:
            self._evict(next(iter(self._cache)))
        if key in self._cache:
            self._evict(key)
        self._cache[key] = result
        if isinstance(result, ClientIdentity):
            self._by_session.setdefault(result.session_id, []).append(result)
            self._remember(key if result.csrf_token else result.session_id)
        return result

    def _remember(self, session: str | bytes) -> None:
        if len(self._seen) >= self._settings.identity_cache_size:
            del self._seen[next(iter(self._seen))]
        self._seen.pop(session, None)  # the latest stands last
        self._seen[session] = self._monotonic() + _REMEMBERED_S

    async def _check_bearer(self, authorization: bytes) -> AuthResult:
        self._counts["verified"] += 1
        try:
            claims = await self._verifier.verify(authorization[7:].strip().decode("latin-1"))
            self.revocations.check(claims)
        except Problem as problem:
            return self._failure(problem)
        valid_until = self._valid_until(claims.expires_at_us, 0.0)
        return ClientIdentity(claims.user_id, claims.session_id, valid_until, authorization, b"")

    async def _exchange_cookie(self, cookie: bytes) -> AuthResult:
        self._counts["exchanged"] += 1
        if len(cookie) > _MAX_COOKIE_BYTES:
            return AuthFailure(UNAUTHENTICATED, self._monotonic() + self._settings.failure_cache_s)
        try:
            session = await self._tokens.ExchangeCookie(
                tokens_pb2.ExchangeCookieRequest(cookie=cookie.decode("latin-1")), timeout=_EXCHANGE_TIMEOUT_S
            )
        except Problem as problem:
            return self._failure(problem)
        valid_until = self._valid_until(session.access_expires_at_us, _SPARE_S)
        bearer = b"Bearer " + session.access_token.encode()
        return ClientIdentity(
            session.user_id, session.session_id, valid_until, bearer, session.csrf_token.encode()
        )

    def _valid_until(self, expires_at_us: int, spare_s: float) -> float:
        left_s = (expires_at_us - self._clock.now_us()) / SECOND_US - spare_s
        return self._monotonic() + min(left_s, self._settings.identity_cache_s)

    def _failure(self, problem: Problem) -> AuthFailure:
        now = self._monotonic()
        if isinstance(problem, Unauthenticated):
            self._counts["failed"] += 1
            return AuthFailure(of_problem(problem), now + self._settings.failure_cache_s)
        return AuthFailure(of_problem(problem), now)  # a service is down: the next request is checked again

    # ── evicting ────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """Drop what has expired from the front of the cache, where the oldest stand."""
        while self._cache:
            key = next(iter(self._cache))
            if self._cache[key].valid_until > now:
                break
            self._evict(key)

    def _evict(self, key: bytes) -> None:
        result = self._cache.pop(key)
        if isinstance(result, ClientIdentity):
            of_session = self._by_session.get(result.session_id, [])
            if result in of_session:
                of_session.remove(result)
            if not of_session:
                self._by_session.pop(result.session_id, None)

    def _session_ended(self, entry: RevocationEntry) -> None:
        """Revoke the identities of a session, or of all of a user's, now; of a dropped key check them all anew."""
        if entry.kid:
            for identities in self._by_session.values():
                for identity in identities:
                    identity.valid_until = 0.0
            return
        for session_id in [entry.session_id] if entry.session_id else list(self._by_session):
            for identity in self._by_session.get(session_id, ()):
                if entry.session_id or identity.user_id == entry.user_id:
                    identity.valid_until, identity.revoked = 0.0, True
        self.on_session_ended(entry)


def _key(credential: bytes) -> bytes:
    return blake2b(credential, digest_size=32).digest()


def claimed_session(token: bytes) -> str | None:
    """Return the session that a token claims to be of, which nobody has checked; None when it cannot be a token."""
    if len(token) > LIMIT_BYTES or token.count(b".") != 2:
        return None
    payload = token.split(b".")[1]
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        session = claims["sid"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return session if isinstance(session, str) else None
