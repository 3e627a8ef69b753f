"""Refusals in the shape of Stripe's errors: a type, and often a code, the parameter and a decline code."""

from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


class Refused(Exception):
    """The request is refused and changed nothing. `error` is the body's `error` member."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        optional = {"code": code, "param": param, **more}
        self.error: Json = {
            "message": message,
            "type": kind,
            **{name: value for name, value in optional.items() if value is not None},
        }


def no_such(kind: str, ref: str, param: str = "id") -> Refused:
    """Refuse an id that names nothing: 404 in the path, 400 in a parameter."""
    status = 404 if param == "id" else 400
    return Refused(status, f"No such {kind}: '{ref[:80]}'", code="resource_missing", param=param)


def missing(param: str) -> Refused:
    """Refuse a request without a parameter that it needs."""
    return Refused(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(param: str, message: str, code: str | None = None) -> Refused:
    """Refuse a parameter's value."""
    return Refused(400, message, code=code, param=param)


def check_url(url: str, param: str) -> None:
    """Refuse what is not an address on the web: pages lead there and webhooks are sent there."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid(param, f"Not a valid URL: {url[:100]}", "url_invalid")


def card_refused(
    message: str, code: str, *, decline_code: str | None = None, param: str | None = None, **more: Any
) -> Refused:
    """Refuse a card: the type is card_error and the status 402."""
    return Refused(402, message, kind="card_error", code=code, param=param, decline_code=decline_code, **more)


class Declined(Refused):
    """A card was refused by its bank. Unlike other refusals it is booked: the attempt and its events stand."""

    def __init__(self, error: Json) -> None:
        super().__init__(402, error["message"])
        self.error = error
