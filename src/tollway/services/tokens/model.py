"""The rules of sessions and tokens, without any I/O.

A program's refresh token is `twr.<session>.<counter>.<mac>`: it names its session and how many times that
session was refreshed before. The server keeps the counter only, so there is nothing to steal from the database,
and one comparison distinguishes a first use from a repeat.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from tollway.contracts.clients import ClientKind, ClientRef
from tollway.contracts.permissions import OPERATOR_ROLES
from tollway.fabric.access_tokens import ACCESS_TTL_S, SERVICE_TTL_S
from tollway.kit.errors import Invalid, Unauthenticated
from tollway.kit.times import SECOND_US
from tollway.services.tokens.settings import TokensSettings

# A client whose answer was lost asks again soon. Its successor token cannot have been used then: using it would
# have moved the counter on.
LOST_RESPONSE_S = 60
MAX_USER_AGENT = 200
MAX_SCOPES = 50
_CLIENT_ID = re.compile(r"[\x20-\x7e]{1,100}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,60}")
_REFRESH = re.compile(r"twr\.(ses_[0-9a-z]{26})\.(0|[1-9]\d{0,9})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class UserSession:
    """One signed-in browser or program. `counter` is the number that its current refresh token carries."""

    id: str
    user_id: str
    client: ClientRef
    roles: tuple[str, ...]
    amr: tuple[str, ...]
    auth_time_us: int
    user_agent: str
    ip: str
    created_at_us: int
    last_used_at_us: int
    idle_us: int
    idle_end_us: int
    absolute_end_us: int
    counter: int
    rotated_at_us: int
    cookie_hash: str | None = None
    ended_at_us: int | None = None
    ended_reason: str = ""

    def is_active(self, now_us: int) -> bool:
        """Return whether the session is neither ended nor past one of its limits."""
        return self.ended_at_us is None and now_us < min(self.idle_end_us, self.absolute_end_us)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the stream: an ended session, with an empty `session_id` everything of a user, or a dropped key."""

    sequence: int
    session_id: str
    user_id: str
    at_us: int
    kid: str = ""


KeyState = Literal["next", "active", "retired"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as it is stored: its public part in the clear, its private part sealed."""

    kid: str
    state: KeyState
    public_jwk: dict[str, Any]
    sealed: bytes
    created_at_us: int
    since_us: int


class RefreshCheck(Enum):
    """What a refresh token is that is not the current one of its session."""

    ENDED = "ended"
    REPEAT = "repeat"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that this platform issued."""

    session_id: str
    counter: int


def check_client(client: ClientRef) -> None:
    """Check the client of a new session and its scopes (RFC 6749, appendix A.1 and A.4). Raises Invalid."""
    if not _CLIENT_ID.fullmatch(client.client_id):
        raise Invalid.of("client.client_id", "must be 1 to 100 printable ASCII characters")
    if not client.scopes or len(client.scopes) > MAX_SCOPES:
        raise Invalid.of("client.scopes", f"must be 1 to {MAX_SCOPES} scopes")
    if not all(_SCOPE.fullmatch(scope) for scope in client.scopes):
        raise Invalid.of("client.scopes", "a scope is printable ASCII without spaces, quotes and backslashes")


def write_refresh(session_id: str, counter: int, key: bytes) -> str:
    """Make the refresh token of a session's `counter`. The same input makes the same token."""
    text = f"twr.{session_id}.{counter}"
    return f"{text}.{mac(key, text)}"


def read_refresh(token: str, key: bytes) -> RefreshToken:
    """Read a refresh token. Raises Unauthenticated for one that this platform did not issue."""
    match = _REFRESH.fullmatch(token)
    if match is None or not hmac.compare_digest(mac(key, token.rpartition(".")[0]), match[3]):
        raise Unauthenticated("this is not a refresh token of this platform; sign in again")
    return RefreshToken(match[1], int(match[2]))


def check_unmatched(session: UserSession | None, counter: int, now_us: int) -> RefreshCheck:
    """Classify a refresh token that is not the current one of its session."""
    if session is None or not session.is_active(now_us):
        return RefreshCheck.ENDED
    age_us = now_us - session.rotated_at_us
    if counter == session.counter - 1 and age_us <= LOST_RESPONSE_S * SECOND_US:
        return RefreshCheck.REPEAT
    return RefreshCheck.REUSED


def limits_us(settings: TokensSettings, kind: ClientKind, roles: Collection[str]) -> tuple[int, int]:
    """Return the idle and the absolute limit of a new session, in microseconds."""
    if kind == "browser":
        idle_s, absolute_s = settings.browser_idle_s, settings.browser_absolute_s
    else:
        idle_s, absolute_s = settings.program_idle_s, settings.program_absolute_s
    if OPERATOR_ROLES.intersection(roles):
        absolute_s = min(absolute_s, settings.operator_absolute_s)
        idle_s = min(idle_s, settings.operator_idle_s if kind == "browser" else absolute_s)
    return idle_s * SECOND_US, absolute_s * SECOND_US


@dataclass(frozen=True, slots=True)
class IssuerNames:
    """The issuer and the audience that tokens name (RFC 9068)."""

    issuer: str
    audience: str


def access_claims(session: UserSession, names: IssuerNames, token_id: str, now_us: int) -> dict[str, Any]:
    """Make the claims of an access token (RFC 9068). It never outlives its session."""
    issued_at = now_us // SECOND_US
    return {
        "iss": names.issuer,
        "aud": names.audience,
        "sub": session.user_id,
        "client_id": session.client.client_id,
        "kind": "user",
        "scope": " ".join(session.client.scopes),
        "iat": issued_at,
        "exp": min(issued_at + ACCESS_TTL_S, max(session.absolute_end_us // SECOND_US, issued_at + 1)),
        "jti": token_id,
        "sid": session.id,
        "roles": list(session.roles),
        "amr": list(session.amr),
        "auth_time": session.auth_time_us // SECOND_US,
    }


def service_claims(
    service: str, methods: Sequence[str], names: IssuerNames, token_id: str, now_us: int
) -> dict[str, Any]:
    """Make the claims of a service's own access token; its scope is the methods that it may call by itself."""
    issued_at = now_us // SECOND_US
    return {
        "iss": names.issuer,
        "aud": names.audience,
        "sub": service,
        "client_id": service,
        "kind": "service",
        "scope": " ".join(methods),
        "iat": issued_at,
        "exp": issued_at + SERVICE_TTL_S,
        "jti": token_id,
        "sid": token_id,
        "roles": [],
        "amr": [],
        "auth_time": issued_at,
    }


def hash_secret(secret: str) -> str:
    """Hash a random secret for storage and lookup; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mac(key: bytes, text: str) -> str:
    """Return the HMAC-SHA256 of a text (RFC 2104) in URL-safe base 64."""
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def clean_user_agent(text: str) -> str:
    """Keep what a person can read of a User-Agent header."""
    return "".join(char for char in text if char.isprintable())[:MAX_USER_AGENT]


def clean_ip(text: str) -> str:
    """Return the address in its usual form, or nothing when it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
