"""Expected outcomes that are not success, each with a stable code: the base of every typed error.

    Problem                          what crosses a service API or reaches a client (RFC 9457)
    ├── Malformed                400 the request cannot be read
    ├── Unauthenticated          401 no credentials, or wrong ones
    ├── InsufficientFunds        402 the balance does not cover it
    ├── Forbidden                403 known caller, not allowed
    ├── NotFound                 404 nothing there, or another's
    ├── MethodNotAllowed         405
    ├── RequestTimeout           408
    ├── Conflict                 409 the state does not allow it now
    ├── TooLarge                 413
    ├── UriTooLong               414
    ├── UnsupportedMediaType     415
    ├── ExpectationFailed        417
    ├── Misdirected              421 this server does not answer for that host
    ├── Invalid                  422 readable, but the values are wrong
    ├── UpgradeRequired          426 this address speaks WebSocket only
    ├── TooManyRequests          429
    ├── HeadersTooLarge          431
    ├── Internal                 500 our own mistake; the log has it, the caller does not
    ├── NotImplementedHere       501
    ├── BadGateway               502 a service gave an answer that is not HTTP
    ├── Unavailable              503 a service did not answer; may rise on every service API, local or remote
    ├── DeadlineExceeded         504
    └── VersionNotSupported      505

A service's own errors subclass these in `contracts.errors`. The code is the identity: it survives the trip
through gRPC and JSON, and the same class is raised on the far side. Impossible states are assertions.
"""

from typing import Any, ClassVar, Self

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/problems/"


class Problem(Exception):
    """An expected outcome with a stable `code`, an HTTP `status`, a short `title`, and a `detail` that says what to do.

    `hint` is the detail where none is given. `extra` holds machine-readable members (JSON values only) for the
    problem document.
    """

    code: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Request failed"
    hint: ClassVar[str] = ""
    by_code: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(self, detail: str = "", **extra: Any) -> None:
        self.detail = detail or self.hint or self.title
        self.extra = extra
        super().__init__(self.detail)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" in cls.__dict__:
            assert cls.code not in Problem.by_code, f"two problems share the code {cls.code}"
            Problem.by_code[cls.code] = cls

    @staticmethod
    def revive(code: str, detail: str, extra: dict[str, Any]) -> "Problem":
        """Rebuild the problem that another service raised; an unknown code becomes a plain Problem."""
        return Problem.by_code.get(code, Problem)(detail, **extra)


def problem_document(problem: Problem, instance: str, correlation_id: str) -> dict[str, Any]:
    """Render a problem as the members of its document (RFC 9457); `code` is what programs switch on.

    `instance` is the path of the request. The services and the gateway both answer with this.
    """
    return {
        "type": TYPE_BASE + problem.code,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "correlation_id": correlation_id,
        **problem.extra,
    }


class Malformed(Problem):
    code, status, title = "malformed", 400, "Malformed request"
    hint = "the request cannot be read"


class Unauthenticated(Problem):
    code, status, title = "unauthenticated", 401, "Unauthenticated"
    hint = "sign in at /api/auth/login, or send a token of /api/auth/token"


class InsufficientFunds(Problem):
    code, status, title = "insufficient_funds", 402, "Insufficient funds"
    hint = "the balance does not cover this; make a deposit"


class Forbidden(Problem):
    code, status, title = "forbidden", 403, "Forbidden"
    hint = "this account may not do that"


class NotFound(Problem):
    code, status, title = "not_found", 404, "Not found"
    hint = "nothing was found at this address; /api/docs lists the addresses there are"


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "Method not allowed"
    hint = "use one of the methods in the Allow header"


class RequestTimeout(Problem):
    code, status, title = "request_timeout", 408, "Request timeout"
    hint = "the request took too long to arrive; send it again"


class Conflict(Problem):
    code, status, title = "conflict", 409, "Conflict"
    hint = "the present state does not allow this"


class TooLarge(Problem):
    code, status, title = "too_large", 413, "Content too large"
    hint = "the request is larger than this address takes"


class UriTooLong(Problem):
    code, status, title = "uri_too_long", 414, "URI too long"
    hint = "shorten the address"


class UnsupportedMediaType(Problem):
    code, status, title = "unsupported_media_type", 415, "Unsupported media type"
    hint = "send the body as application/json"


class ExpectationFailed(Problem):
    code, status, title = "expectation_failed", 417, "Expectation failed"
    hint = "leave out the Expect header, or send 100-continue"


class Invalid(Problem):
    code, status, title = "invalid", 422, "Invalid request"
    hint = "some values are wrong"

    @classmethod
    def of(cls, field: str, reason: str, **more: Any) -> Self:
        """Refuse one field, named as the client spells it; `errors` of the document lists it, with `more`."""
        return cls(f"{field}: {reason}", errors=[{"field": field, "reason": reason, **more}])


class Misdirected(Problem):
    code, status, title = "misdirected", 421, "Misdirected request"
    hint = "this server does not answer for this host; use the address that its operator published"


class UpgradeRequired(Problem):
    code, status, title = "upgrade_required", 426, "Upgrade required"
    hint = "open a WebSocket at this address"


class TooManyRequests(Problem):
    code, status, title = "too_many_requests", 429, "Too many requests"
    hint = "wait as long as Retry-After says, then try again"


class HeadersTooLarge(Problem):
    code, status, title = "headers_too_large", 431, "Request header fields too large"
    hint = "send fewer or shorter headers"


class Internal(Problem):
    code, status, title = "internal", 500, "Internal server error"
    hint = "the error is in the server's log under this correlation_id; report it to the operator if it stays"


class NotImplementedHere(Problem):
    code, status, title = "not_implemented", 501, "Not implemented"
    hint = "this server does not implement that method or coding"


class BadGateway(Problem):
    code, status, title = "bad_gateway", 502, "Bad gateway"
    hint = "a service gave an answer that cannot be passed on; try again soon"


class Unavailable(Problem):
    code, status, title = "unavailable", 503, "Service unavailable"
    hint = "a part of the platform does not answer; try again soon"


class DeadlineExceeded(Problem):
    code, status, title = "deadline_exceeded", 504, "Deadline exceeded"
    hint = "the time allowed for this ran out; try again"


class VersionNotSupported(Problem):
    code, status, title = "version_not_supported", 505, "HTTP version not supported"
    hint = "use HTTP/1.1"
