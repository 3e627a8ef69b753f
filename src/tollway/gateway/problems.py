"""What the gateway itself refuses, as problem documents (RFC 9457).

A refusal is a value, not an exception: it is one of the ordinary ways for a request to end, and many of
them per second must cost little.
"""

import json
from typing import NamedTuple

from tollway.kit.errors import Problem
from tollway.wire.http1 import BadMessage

MEDIA_TYPE = b"application/problem+json"


class Refusal(NamedTuple):
    """An answer made here. `headers` are complete lines; `close` ends the connection after it."""

    status: int
    code: str
    title: str
    detail: str = ""
    headers: bytes = b""
    close: bool = False


def document(refusal: Refusal, path: str, correlation_id: str) -> bytes:
    """Render the problem document of a refusal."""
    members = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail or refusal.title,
        "instance": path,
        "code": refusal.code,
        "correlation_id": correlation_id,
    }
    return json.dumps(members).encode()


def of_message(error: BadMessage) -> Refusal:
    """Say what is wrong with bytes that are not a request we accept. The connection is over."""
    code, title = _MESSAGES.get(error.status, ("malformed", "The request cannot be read"))
    return Refusal(error.status, code, title, _sentence(error.reason), close=True)


def of_problem(problem: Problem) -> Refusal:
    """Pass on what a neighbour said."""
    headers = b""
    if problem.status == 401:
        headers = CHALLENGE
    elif problem.status == 503:
        headers = b"Retry-After: 1\r\n"
    return Refusal(problem.status, problem.code, problem.title, problem.detail, headers)


def method_not_allowed(known: frozenset[bytes]) -> Refusal:
    """405, with the methods that this address does know."""
    allow = b", ".join(sorted(known))
    return Refusal(
        405,
        "method_not_allowed",
        "This address does not know that method",
        headers=b"Allow: %b\r\n" % allow,
    )


def too_many_requests(limit_headers: bytes, retry_in_s: float) -> Refusal:
    """429, with the time to wait in whole seconds."""
    wait_s = max(1, -int(-retry_in_s // 1))
    return Refusal(
        429,
        "too_many_requests",
        "Too many requests; wait and try again",
        f"this client may send its next request in {wait_s} s",
        b"Retry-After: %d\r\n" % wait_s + limit_headers,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


CHALLENGE = b'WWW-Authenticate: Bearer realm="tollway"\r\n'

_MESSAGES = {
    408: ("request_timeout", "The request took too long to arrive"),
    413: ("too_large", "The request is too large"),
    414: ("uri_too_long", "The address is too long"),
    417: ("expectation_failed", "This expectation is not met here"),
    431: ("headers_too_large", "The request's headers are too large"),
    501: ("not_implemented", "This is not implemented"),
    505: ("version_not_supported", "This version of HTTP is not spoken here"),
}

BAD_PATH = Refusal(
    400,
    "malformed",
    "The request cannot be read",
    "The path has no safe form: an escape in it is broken or hides a separator",
)
BAD_AUTHORITY = Refusal(
    400, "malformed", "The request cannot be read", "The address names another host than Host does"
)
NOT_FOUND = Refusal(
    404,
    "not_found",
    "There is no such thing",
    "There is nothing at this address; /api/docs lists what there is",
)
UNAUTHENTICATED = Refusal(
    401,
    "unauthenticated",
    "Sign in first",
    "Sign in at /api/auth/login, or send a token of /api/auth/token",
    CHALLENGE,
)
TWO_CREDENTIALS = Refusal(
    400, "malformed", "The request cannot be read", "There is more than one Authorization header"
)
FOREIGN_ORIGIN = Refusal(
    403, "foreign_origin", "This page may not do that", "The request comes from another web origin"
)
CSRF = Refusal(
    403, "csrf", "This page may not do that", "Send the session's csrf_token in the header X-Tollway-Csrf"
)
TOO_LARGE = Refusal(
    413, "too_large", "The request is too large", "The body is larger than this address takes", close=True
)
SLOW_HEAD = Refusal(
    408,
    "request_timeout",
    "The request took too long to arrive",
    "The head was not complete in time",
    close=True,
)
SLOW_BODY = Refusal(
    408, "request_timeout", "The request took too long to arrive", "The body arrives too slowly", close=True
)
CUT_SHORT = Refusal(
    400, "malformed", "The request cannot be read", "The request ended before it was complete", close=True
)
FULL = Refusal(
    503,
    "unavailable",
    "The gateway is full; try again soon",
    "Too many connections are open",
    b"Retry-After: 1\r\n",
    close=True,
)
BROKEN_UPSTREAM = Refusal(502, "bad_gateway", "A part of the platform gave no good answer; try again soon")
NO_UPSTREAM = Refusal(
    503, "unavailable", "A part of the platform does not answer; try again soon", "", b"Retry-After: 1\r\n"
)
SLOW_UPSTREAM = Refusal(504, "deadline_exceeded", "The time allowed for this ran out; try again")
NO_WEBSOCKET = Refusal(
    400, "malformed", "The request cannot be read", "There is no WebSocket at this address"
)
