"""What the gateway itself refuses, as problem documents (RFC 9457).

A refusal is a value, not an exception that is raised: many of them per second must cost little.
"""

import json
from typing import NamedTuple

from tollway.contracts.errors import CsrfTokenMissing, ForeignOrigin, HttpsRequired
from tollway.kit import errors
from tollway.kit.errors import Problem, problem_document
from tollway.wire.http1 import BadMessage

MEDIA_TYPE = errors.MEDIA_TYPE.encode()
CHALLENGE = b'WWW-Authenticate: Bearer realm="tollway"\r\n'
_RETRY_SOON = b"Retry-After: 1\r\n"


class GatewayRefusal(NamedTuple):
    """A response made here. `headers` are complete lines; `close` ends the connection after it."""

    problem: Problem
    headers: bytes = b""
    close: bool = False

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The stable code."""
        return self.problem.code


def document(refusal: GatewayRefusal, path: str, correlation_id: str) -> bytes:
    """Render the problem document of a refusal."""
    return json.dumps(problem_document(refusal.problem, path, correlation_id)).encode()


def of_message(error: BadMessage) -> GatewayRefusal:
    """Return what is wrong with bytes that are not an acceptable request. The connection closes after it."""
    return GatewayRefusal(_BY_STATUS.get(error.status, errors.Malformed)(error.reason), close=True)


def of_problem(problem: Problem) -> GatewayRefusal:
    """Return the refusal for a problem that a service reported."""
    headers = {401: CHALLENGE, 503: _RETRY_SOON}.get(problem.status, b"")
    return GatewayRefusal(problem, headers)


def method_not_allowed(known: frozenset[bytes]) -> GatewayRefusal:
    """405, with the methods that the path allows (RFC 9110, section 15.5.6)."""
    return GatewayRefusal(errors.MethodNotAllowed(), b"Allow: %b\r\n" % b", ".join(sorted(known)))


def too_many_requests(limit_headers: bytes, retry_in_s: float) -> GatewayRefusal:
    """429, with the time to wait in whole seconds."""
    wait_s = max(1, -int(-retry_in_s // 1))
    problem = errors.TooManyRequests(f"wait {wait_s} s before the next request")
    return GatewayRefusal(problem, b"Retry-After: %d\r\n" % wait_s + limit_headers)


def broken_upstream(reason: str) -> GatewayRefusal:
    """502, with what the upstream did."""
    return GatewayRefusal(errors.BadGateway(f"the upstream failed: {reason}"))


_BY_STATUS: dict[int, type[Problem]] = {
    408: errors.RequestTimeout,
    413: errors.TooLarge,
    414: errors.UriTooLong,
    417: errors.ExpectationFailed,
    431: errors.HeadersTooLarge,
    501: errors.NotImplementedHere,
    505: errors.VersionNotSupported,
}

BAD_PATH = GatewayRefusal(errors.Malformed("the path has a broken escape, or one that hides a separator"))
BAD_AUTHORITY = GatewayRefusal(errors.Malformed("the request target names another host than the Host header"))
TWO_CREDENTIALS = GatewayRefusal(errors.Malformed("there is more than one Authorization header"))
NO_WEBSOCKET = GatewayRefusal(errors.Malformed("this address does not accept a WebSocket upgrade"))
NOT_A_WEBSOCKET = GatewayRefusal(errors.UpgradeRequired(), b"Upgrade: websocket\r\nConnection: Upgrade\r\n")
CUT_SHORT = GatewayRefusal(errors.Malformed("the request ended before it was complete"), close=True)
HTTPS_REQUIRED = GatewayRefusal(HttpsRequired())
MISDIRECTED = GatewayRefusal(errors.Misdirected())
NOT_TLS = GatewayRefusal(errors.Malformed("this port speaks HTTPS; ask for https://"), close=True)
NOT_FOUND = GatewayRefusal(errors.NotFound())
UNAUTHENTICATED = GatewayRefusal(errors.Unauthenticated(), CHALLENGE)
FOREIGN_ORIGIN = GatewayRefusal(ForeignOrigin())
CSRF = GatewayRefusal(CsrfTokenMissing())
TOO_LARGE = GatewayRefusal(errors.TooLarge("the body is larger than this address takes"), close=True)
SLOW_HEAD = GatewayRefusal(
    errors.RequestTimeout("the head of the request was not complete in time"), close=True
)
SLOW_BODY = GatewayRefusal(errors.RequestTimeout("the body of the request arrives too slowly"), close=True)
FULL = GatewayRefusal(
    errors.Unavailable("too many connections are open; try again soon"), _RETRY_SOON, close=True
)
BUSY_CLIENT = GatewayRefusal(
    errors.TooManyRequests("too many of your requests are under way; wait for their responses"), _RETRY_SOON
)
NO_UPSTREAM = GatewayRefusal(errors.Unavailable(), _RETRY_SOON)
SLOW_UPSTREAM = GatewayRefusal(errors.DeadlineExceeded())
