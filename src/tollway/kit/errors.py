"""Expected outcomes that are not success, each with a stable code: the base of every typed error.

    Problem                      what crosses a service API or reaches a client (RFC 9457)
    ├── Malformed            400 the request cannot be read
    ├── Unauthenticated      401 no or bad credentials
    ├── InsufficientFunds    402 the holding does not cover it
    ├── Forbidden            403 known caller, not allowed
    ├── NotFound             404 no such thing, or another's
    ├── Conflict             409 the state does not allow it now
    ├── TooLarge             413
    ├── UnsupportedMediaType 415 the body is not JSON
    ├── Invalid              422 readable, but the values are wrong
    ├── TooManyRequests      429
    ├── Internal             500 our own mistake; the log has it, the caller does not
    ├── Unavailable          503 a neighbour did not answer; may rise on every service API, local or remote
    └── DeadlineExceeded     504

A service's own errors subclass these in `contracts.errors`. The code is the identity: it survives the trip
through gRPC and JSON, and the same class is raised on the far side. Impossible states are assertions.
"""

from typing import Any, ClassVar, Self


class Problem(Exception):
    """An expected outcome with a stable `code`, an HTTP `status` and a sentence saying what to do.

    `extra` holds machine-readable members (JSON values only) for the problem document.
    """

    code: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The request failed"
    by_code: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" in cls.__dict__:
            assert cls.code not in Problem.by_code, f"two problems share the code {cls.code}"
            Problem.by_code[cls.code] = cls

    @staticmethod
    def revive(code: str, detail: str, extra: dict[str, Any]) -> "Problem":
        """Rebuild the problem that a neighbour raised; an unknown code becomes a plain Problem."""
        return Problem.by_code.get(code, Problem)(detail, **extra)


class Malformed(Problem):
    code, status, title = "malformed", 400, "The request cannot be read"


class Unauthenticated(Problem):
    code, status, title = "unauthenticated", 401, "Sign in first"


class InsufficientFunds(Problem):
    code, status, title = "insufficient_funds", 402, "The holding does not cover this"


class Forbidden(Problem):
    code, status, title = "forbidden", 403, "This is not allowed for you"


class NotFound(Problem):
    code, status, title = "not_found", 404, "There is no such thing"


class Conflict(Problem):
    code, status, title = "conflict", 409, "The present state does not allow this"


class TooLarge(Problem):
    code, status, title = "too_large", 413, "The request is too large"


class UnsupportedMediaType(Problem):
    code, status, title = "unsupported_media_type", 415, "The body is not of a kind that is understood here"


class Invalid(Problem):
    code, status, title = "invalid", 422, "Some values are wrong"

    @classmethod
    def of(cls, field: str, reason: str, **more: Any) -> Self:
        """Refuse one field, named as the client spells it; `errors` of the document lists it, with `more`."""
        return cls(f"{field}: {reason}", errors=[{"field": field, "reason": reason, **more}])


class TooManyRequests(Problem):
    code, status, title = "too_many_requests", 429, "Too many requests; wait and try again"


class Internal(Problem):
    code, status, title = "internal", 500, "Something went wrong on our side; it has been logged"


class Unavailable(Problem):
    code, status, title = "unavailable", 503, "A part of the platform does not answer; try again soon"


class DeadlineExceeded(Problem):
    code, status, title = "deadline_exceeded", 504, "The time allowed for this ran out; try again"
