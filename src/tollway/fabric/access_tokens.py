"""Access tokens as everybody checks them: one verifier, one policy, and the set of revoked sessions.

A token is a JWS in compact form (RFC 7515) of type `at+jwt` (RFC 9068), signed with ES256 by the tokens service
and valid for a few minutes. Whoever serves a request checks it here, locally, with the issuer's public keys.
The policy is short on purpose, and nothing in the token can widen it (RFC 8725):

- the algorithm is ES256 and the type is `at+jwt`, whatever the header says;
- the key is one of the issuer's published set, found by `kid`; a key inside the token is never looked at;
- issuer and audience match exactly, the life is no longer than `ACCESS_TTL_S`, and clocks may differ by
  `LEEWAY_S`, the one constant for that.

A token stays valid until it expires, so an ended session is published to everybody and remembered for just
that long: `Revocations`.
"""

import asyncio
import base64
import json
import logging
import re
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast, get_args

from joserfc import jws
from joserfc.errors import JoseError

from tollway.contracts.clients import ALL_SCOPES
from tollway.fabric.clock import Clock
from tollway.fabric.published_keys import ALGORITHM, PublishedKeys
from tollway.kit.errors import Problem, Unauthenticated
from tollway.kit.times import SECOND_US

TOKEN_TYPE = "at+jwt"  # noqa: S105  the JOSE header's `typ`, RFC 9068
ACCESS_TTL_S = 300
SERVICE_TTL_S = 3_600
"""How long a service's own token is good: services go on for a while when the issuer is away."""
LEEWAY_S = 30
LIMIT_BYTES = 4096

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_log = logging.getLogger(__name__)


PrincipalKind = Literal["user", "api_key", "oauth_client", "service"]
"""Who acts with a token: a person in a session, or a key, a client or a service in somebody's name."""
MULTI_FACTOR = "mfa"
"""The `amr` value of a sign-in with more than one factor (RFC 8176)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts with an access token, as its claims say (RFC 9068).

    `amr` is how the user proved who they are (RFC 8176) and `auth_time_us` when; `client_id` names the client that
    holds the token, and `scopes` are the permissions that it is limited to, or `ALL_SCOPES`. `kid` is the key
    that it is signed with.
    """

    user_id: str
    session_id: str
    roles: frozenset[str]
    auth_time_us: int
    issued_at_us: int
    expires_at_us: int
    amr: tuple[str, ...] = ()
    client_id: str = ""
    kind: PrincipalKind = "user"
    scopes: frozenset[str] = frozenset()
    kid: str = field(default="", compare=False)

    @property
    def second_factor(self) -> bool:
        """Return whether more than one factor was used to sign in."""
        return MULTI_FACTOR in self.amr

    def has_scope(self, scope: str) -> bool:
        """Return whether the token may be used for what needs this scope."""
        return scope in self.scopes or ALL_SCOPES in self.scopes


class Verifier:
    """Checks access tokens against the issuer's published keys.

    `keys` returns the issuer's JWKS as JSON text; it is asked on first use, when the set has grown old, and
    at most every `UNKNOWN_KID_PAUSE_S` for an unknown `kid`. While the issuer is down the last good set
    serves. `grace_s` seconds more than elsewhere pass before a token counts as expired. A service's own token counts
    only where services call each other (`inside`), never at a route.
    """

    def __init__(
        self,
        keys: Callable[[], Awaitable[str]],
        issuer: str,
        audience: str,
        clock: Clock,
        grace_s: int = 0,
        *,
        inside: bool = False,
    ) -> None:
        self._inside = inside
        self._keys = PublishedKeys(keys, clock)
        self._leeway_s = LEEWAY_S + grace_s
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def verify(self, token: str) -> Principal:
        """Return who the token speaks for.

        Raises Unauthenticated saying what is wrong, and Unavailable when no key set was ever fetched.
        """
        kid = _kid(token)
        key = await self._keys.find(kid)
        try:
            payload = json.loads(jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload)
        except (JoseError, ValueError, RecursionError) as error:
            raise Unauthenticated("the access token's signature is not good") from error
        if not isinstance(payload, dict):
            raise Unauthenticated("the access token holds no claims")
        return self._read(cast("dict[str, Any]", payload), kid)

    def _read(self, payload: dict[str, Any], kid: str) -> Principal:
        if payload.get("iss") != self._issuer:
            raise Unauthenticated("the access token is from another issuer")
        if payload.get("aud") != self._audience:
            raise Unauthenticated("the access token is meant for another audience")
        issued_at, expires_at = _second(payload, "iat"), _second(payload, "exp")
        now_us = self._clock.now_us()
        kind = _kind(payload)
        if kind == "service" and not self._inside:
            raise Unauthenticated("a service's own access token is good between services only")
        if not 0 < expires_at - issued_at <= (SERVICE_TTL_S if kind == "service" else ACCESS_TTL_S):
            raise Unauthenticated("the access token claims a life longer than allowed")
        if now_us >= (expires_at + self._leeway_s) * SECOND_US:
            raise Unauthenticated("the access token has expired; refresh it")
        if now_us < (issued_at - LEEWAY_S) * SECOND_US:
            raise Unauthenticated("the access token is from the future; check the clocks")
        return Principal(
            user_id=_text(payload, "sub"),
            session_id=_text(payload, "sid"),
            roles=frozenset(_texts(payload, "roles")),
            auth_time_us=_second(payload, "auth_time") * SECOND_US,
            issued_at_us=issued_at * SECOND_US,
            expires_at_us=expires_at * SECOND_US,
            amr=tuple(_texts(payload, "amr")),
            client_id=_text(payload, "client_id"),
            kind=kind,
            scopes=_scopes(payload),
            kid=kid,
        )


class RevocationEntry(Protocol):
    """One announcement of the tokens service: an ended session, every session of a user, or a dropped signing key."""

    @property
    def sequence(self) -> int: ...
    @property
    def session_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def kid(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Watcher:
    principal: Principal
    ended: Callable[[], None]


class Revocations:
    """The sessions that ended while a token of theirs may still be running.

    An entry with a session id stands for that session; one with only a user id for every token of the user
    issued before `at_us`; one with a key for every token that it signed; one with none of them is a heartbeat. Entries
    go when no token can outlive them; dropped keys, of which there are few, are remembered.
    """

    def __init__(self, clock: Clock, ttl_s: float = ACCESS_TTL_S + 2 * LEEWAY_S) -> None:
        self.sequence = 0
        self._clock = clock
        self._ttl_us = int(ttl_s * SECOND_US)
        self._sessions: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._kids: set[str] = set()
        self._received_at_s: float | None = None
        self._watchers: dict[str, set[_Watcher]] = {}

    @property
    def silent_s(self) -> float:
        """Seconds since the stream last sent anything: what must not err checks this and fails closed."""
        return float("inf") if self._received_at_s is None else time.monotonic() - self._received_at_s

    def add(self, session_id: str, user_id: str, at_us: int) -> None:
        """Remember that a session, or all of a user's when `session_id` is empty, ended at `at_us`."""
        if session_id:
            self._sessions.setdefault(session_id, self._clock.now_us())
        elif user_id:
            self._users[user_id] = max(at_us, self._users.get(user_id, 0))
        self._drop_expired()
        self._end_covered(self._watchers.get(session_id or user_id, ()))

    def add_key(self, kid: str) -> None:
        """Remember that a signing key was dropped: what it signed is good for nothing."""
        self._kids.add(kid)
        self._end_covered({watcher for watchers in self._watchers.values() for watcher in watchers})

    def is_dropped(self, kid: str) -> bool:
        """Return whether a signing key was dropped."""
        return kid in self._kids

    def _end_covered(self, watchers: Iterable[_Watcher]) -> None:
        for watcher in tuple(watchers):
            if self.covers(watcher.principal):
                watcher.ended()

    @contextmanager
    def watch(self, principal: Principal, ended: Callable[[], None]) -> Generator[None]:
        """Call `ended` within the block as soon as the session of this principal ends."""
        watcher = _Watcher(principal, ended)
        keys = (principal.session_id, principal.user_id)
        for key in keys:
            self._watchers.setdefault(key, set()).add(watcher)
        try:
            if self.covers(principal):  # it ended between the check of its token and now
                ended()
            yield
        finally:
            for key in keys:
                self._watchers[key].discard(watcher)
                if not self._watchers[key]:
                    del self._watchers[key]

    def covers(self, principal: Principal) -> bool:
        """Return whether the token of this principal was revoked."""
        if principal.session_id in self._sessions or principal.kid in self._kids:
            return True
        # A token knows its time of issue to the second. Of the second in question only the sessions that are
        # listed by id count, or a login right after "log out everywhere" would be refused.
        ended_at_us = self._users.get(principal.user_id, 0)
        return principal.issued_at_us < ended_at_us - ended_at_us % SECOND_US

    def check(self, principal: Principal) -> None:
        """Raise Unauthenticated when the token of this principal was revoked."""
        if self.covers(principal):
            raise Unauthenticated("the session of this access token has ended; sign in again")

    async def follow(
        self,
        subscribe: Callable[[int], AsyncIterable[RevocationEntry]],
        on_entry: Callable[[RevocationEntry], None] | None = None,
    ) -> None:
        """Keep up with the tokens service for ever; `subscribe(after)` opens its stream.

        A broken stream is opened anew from the last sequence number received. `on_entry` is called with
        each entry that is no heartbeat, after it counts.
        """
        while True:
            try:
                async for entry in subscribe(self.sequence):
                    self._receive(entry, on_entry)
            except Problem as problem:
                _log.warning("the revocation stream broke: %s", problem.detail)
            await asyncio.sleep(0.25)

    def _receive(self, entry: RevocationEntry, on_entry: Callable[[RevocationEntry], None] | None) -> None:
        self._received_at_s = time.monotonic()
        self.sequence = max(self.sequence, entry.sequence)
        if entry.kid:
            self.add_key(entry.kid)
        elif entry.session_id or entry.user_id:
            self.add(entry.session_id, entry.user_id, entry.at_us)
        else:
            return
        if on_entry is not None:
            on_entry(entry)

    def _drop_expired(self) -> None:
        # Entries of sessions stand in the order they came, so only the front can be old.
        horizon_us = self._clock.now_us() - self._ttl_us
        while self._sessions and self._sessions[oldest := next(iter(self._sessions))] < horizon_us:
            del self._sessions[oldest]
        for user_id in [user_id for user_id, at_us in self._users.items() if at_us < horizon_us]:
            del self._users[user_id]


def _kid(token: str) -> str:
    """Check the form and the header before any key is touched; return the key's name."""
    if len(token) > LIMIT_BYTES or not _COMPACT.fullmatch(token):
        raise Unauthenticated("the access token is not a signed token in compact form")
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("the access token's header cannot be read") from error
    if not isinstance(header, dict) or "crit" in header:
        raise Unauthenticated("the access token's header is not one we understand")
    fields = cast("dict[str, Any]", header)
    if fields.get("alg") != ALGORITHM:
        raise Unauthenticated(f"the access token is not signed with {ALGORITHM}")
    if fields.get("typ") != TOKEN_TYPE:
        raise Unauthenticated(f"this is not an access token (typ must be {TOKEN_TYPE})")
    kid = fields.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Unauthenticated("the access token does not name its key")
    return kid


def _second(payload: dict[str, Any], name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or value < 0:
        raise Unauthenticated(f"the access token's {name} is not a time")
    return value


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise Unauthenticated(f"the access token's {name} is missing")
    return value


def _texts(payload: dict[str, Any], name: str) -> list[str]:
    value = payload.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[Any]", value)):
        raise Unauthenticated(f"the access token's {name} is not a list of names")
    return cast("list[str]", value)


def _kind(payload: dict[str, Any]) -> PrincipalKind:
    for kind in get_args(PrincipalKind):
        if payload.get("kind") == kind:
            return kind
    raise Unauthenticated("the access token's kind is not known")


def _scopes(payload: dict[str, Any]) -> frozenset[str]:
    """Read the scope, a list separated by spaces (RFC 6749, 3.3). A token without one is refused."""
    return frozenset(_text(payload, "scope").split())
