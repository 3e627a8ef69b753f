"""What the HTTP proxy answers for each refusal: a status, and the error type of Proxy-Status (RFC 9209, section 2.3).

407 stands for wrong or missing credentials and for nothing else, because clients answer it by asking a person for a
password.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tollway.edge import refusal
from tollway.edge.refusal import Refusal


class Answer(NamedTuple):
    """A status and a registered error type."""

    status: int
    error: str


@dataclass(frozen=True, slots=True)
class BadRequest(Refusal):
    """A request that cannot be read or carried, with the status for the rule that it breaks."""

    status: int = 400


REFUSALS: Mapping[str, Answer] = {
    refusal.NO_CREDENTIALS.code: Answer(407, "http_request_denied"),
    refusal.BAD_CREDENTIALS.code: Answer(407, "http_request_denied"),
    refusal.BAD_USERNAME.code: Answer(400, "http_request_error"),
    refusal.NO_EXIT.code: Answer(503, "destination_unavailable"),
    refusal.NO_ALLOWANCE.code: Answer(402, "http_request_denied"),
    refusal.INACTIVE.code: Answer(403, "http_request_denied"),
    refusal.TOO_MANY_FLOWS.code: Answer(429, "connection_limit_reached"),
    refusal.UNAVAILABLE.code: Answer(503, "proxy_internal_error"),
    refusal.OVERLOADED.code: Answer(503, "connection_limit_reached"),
    refusal.DENIED_PORT.code: Answer(403, "http_request_denied"),
    refusal.DENIED_DOMAIN.code: Answer(403, "http_request_denied"),
    refusal.DENIED_ADDRESS.code: Answer(403, "destination_ip_prohibited"),
    refusal.NAME_UNKNOWN.code: Answer(502, "dns_error"),
    refusal.NAME_TIMEOUT.code: Answer(504, "dns_timeout"),
    refusal.REFUSED.code: Answer(502, "connection_refused"),
    refusal.UNREACHABLE.code: Answer(502, "destination_ip_unroutable"),
    refusal.CONNECT_TIMEOUT.code: Answer(504, "connection_timeout"),
    refusal.ORIGIN_LOST.code: Answer(502, "connection_terminated"),
    refusal.ORIGIN_TIMEOUT.code: Answer(504, "connection_read_timeout"),
    refusal.ORIGIN_MALFORMED.code: Answer(502, "http_protocol_error"),
    refusal.LOOP.code: Answer(502, "proxy_loop_detected"),
    refusal.BAD_REQUEST.code: Answer(400, "http_request_error"),
    refusal.NOT_AVAILABLE.code: Answer(501, "http_request_denied"),
    refusal.OUTSIDE_SCHEDULE.code: Answer(403, "http_request_denied"),
}


def bad_request(status: int, reason: str) -> BadRequest:
    """Make the refusal of a request that cannot be read; `reason` says which rule it breaks."""
    return BadRequest(refusal.BAD_REQUEST.code, reason, status=status)


def answer_for(why: Refusal) -> Answer:
    """Return the answer for a refusal."""
    answer = REFUSALS[why.code]
    return answer._replace(status=why.status) if isinstance(why, BadRequest) else answer
