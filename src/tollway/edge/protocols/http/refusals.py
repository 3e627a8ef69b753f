"""What the HTTP proxy answers for each refusal: a status, and the error type of Proxy-Status (RFC 9209, section 2.3).

407 stands for wrong or missing credentials and for nothing else, because clients answer it by asking a person for a
password.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from tollway.edge import refusal
from tollway.edge.refusal import Refusal
from tollway.edge.terminate_cause import TerminateCause


class RefusalAnswer(NamedTuple):
    """A status and a registered error type."""

    status: int
    error: str


@dataclass(frozen=True, slots=True)
class BadRequest(Refusal):
    """A request that cannot be read or carried, with the status for the rule that it breaks."""

    status: int = 400


REFUSALS: Mapping[str, RefusalAnswer] = {
    refusal.NO_CREDENTIALS.code: RefusalAnswer(407, "http_request_denied"),
    refusal.BAD_CREDENTIALS.code: RefusalAnswer(407, "http_request_denied"),
    refusal.BAD_USERNAME.code: RefusalAnswer(400, "http_request_error"),
    refusal.NO_EXIT.code: RefusalAnswer(503, "destination_unavailable"),
    refusal.NO_ALLOWANCE.code: RefusalAnswer(402, "http_request_denied"),
    refusal.INACTIVE.code: RefusalAnswer(403, "http_request_denied"),
    refusal.TOO_MANY_FLOWS.code: RefusalAnswer(429, "connection_limit_reached"),
    refusal.UNAVAILABLE.code: RefusalAnswer(503, "proxy_internal_error"),
    refusal.OVERLOADED.code: RefusalAnswer(503, "connection_limit_reached"),
    refusal.DENIED_PORT.code: RefusalAnswer(403, "http_request_denied"),
    refusal.DENIED_DOMAIN.code: RefusalAnswer(403, "http_request_denied"),
    refusal.DENIED_ADDRESS.code: RefusalAnswer(403, "destination_ip_prohibited"),
    refusal.NAME_UNKNOWN.code: RefusalAnswer(502, "dns_error"),
    refusal.NAME_TIMEOUT.code: RefusalAnswer(504, "dns_timeout"),
    refusal.REFUSED.code: RefusalAnswer(502, "connection_refused"),
    refusal.UNREACHABLE.code: RefusalAnswer(502, "destination_ip_unroutable"),
    refusal.CONNECT_TIMEOUT.code: RefusalAnswer(504, "connection_timeout"),
    refusal.ORIGIN_LOST.code: RefusalAnswer(502, "connection_terminated"),
    refusal.ORIGIN_TIMEOUT.code: RefusalAnswer(504, "connection_read_timeout"),
    refusal.ORIGIN_MALFORMED.code: RefusalAnswer(502, "http_protocol_error"),
    refusal.LOOP.code: RefusalAnswer(502, "proxy_loop_detected"),
    refusal.BAD_REQUEST.code: RefusalAnswer(400, "http_request_error"),
    refusal.NOT_AVAILABLE.code: RefusalAnswer(501, "http_request_denied"),
    refusal.WRONG_UNIT.code: RefusalAnswer(403, "http_request_denied"),
    refusal.OUTSIDE_SCHEDULE.code: RefusalAnswer(403, "http_request_denied"),
}


def bad_request(status: int, reason: str, cause: TerminateCause = TerminateCause.USER_REQUEST) -> BadRequest:
    """Make the refusal of a request that cannot be read; `reason` says which rule it breaks."""
    return BadRequest(refusal.BAD_REQUEST.code, reason, cause=cause, status=status)


def origin_malformed(reason: str) -> Refusal:
    """Make the refusal of an answer that cannot be passed on; `reason` says which rule it breaks."""
    return replace(refusal.ORIGIN_MALFORMED, detail=f"The target's answer cannot be passed on: {reason}")


def answer_for(why: Refusal) -> RefusalAnswer:
    """Return the answer for a refusal."""
    answer = REFUSALS[why.code]
    return answer._replace(status=why.status) if isinstance(why, BadRequest) else answer
