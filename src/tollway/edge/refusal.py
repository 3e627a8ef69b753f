"""Why the edge says no: one table with what every protocol answers for each cause.

`code` is ours and stable. `status` is the HTTP answer, `token` the error type of Proxy-Status (RFC 9209,
section 2.3), `reply` the SOCKS one (RFC 1928, section 6). 407 stands for wrong or missing credentials and
for nothing else, because clients answer it by asking a person for a password.
"""

from dataclasses import dataclass

from tollway.kit.errors import Problem
from tollway.wire.socks5 import Reply


@dataclass(frozen=True, slots=True)
class Refusal:
    """One cause of refusing, and how each protocol says it."""

    code: str
    status: int
    token: str
    reply: Reply
    detail: str
    retry_after_s: int = 0


NO_CREDENTIALS = Refusal(
    "PROXY_AUTH_REQUIRED",
    407,
    "http_request_denied",
    Reply.NOT_ALLOWED,
    "Send the proxy username and password",
)
BAD_CREDENTIALS = Refusal(
    "PROXY_AUTH_FAILED",
    407,
    "http_request_denied",
    Reply.NOT_ALLOWED,
    "The proxy username or password is wrong",
)
BAD_USERNAME = Refusal(
    "PROXY_BAD_USERNAME",
    400,
    "http_request_error",
    Reply.GENERAL_FAILURE,
    "The proxy username is not of the form user-<login>[-session-<id>]",
)
NO_EXIT = Refusal(
    "PROXY_NO_EXIT",
    503,
    "destination_unavailable",
    Reply.GENERAL_FAILURE,
    "No exit matches the location asked for",
)
NO_ALLOWANCE = Refusal(
    "PROXY_NO_ALLOWANCE",
    402,
    "http_request_denied",
    Reply.NOT_ALLOWED,
    "The allowance is used up; buy more to go on",
)
INACTIVE = Refusal(
    "PROXY_INACTIVE", 403, "http_request_denied", Reply.NOT_ALLOWED, "This access is not active"
)
TOO_MANY_FLOWS = Refusal(
    "PROXY_TOO_MANY_FLOWS",
    429,
    "connection_limit_reached",
    Reply.NOT_ALLOWED,
    "Too many connections at once for this access",
    retry_after_s=1,
)
UNAVAILABLE = Refusal(
    "PROXY_UNAVAILABLE",
    503,
    "proxy_internal_error",
    Reply.GENERAL_FAILURE,
    "The platform cannot check this login now; try again soon",
    retry_after_s=2,
)
OVERLOADED = Refusal(
    "PROXY_OVERLOADED",
    503,
    "connection_limit_reached",
    Reply.GENERAL_FAILURE,
    "This node has no room for another connection; try again soon",
    retry_after_s=2,
)
DENIED_PORT = Refusal(
    "PROXY_DENIED_PORT",
    403,
    "http_request_denied",
    Reply.NOT_ALLOWED,
    "This port may not be reached through here",
)
DENIED_DOMAIN = Refusal(
    "PROXY_DENIED_DOMAIN",
    403,
    "http_request_denied",
    Reply.NOT_ALLOWED,
    "This domain may not be reached through here",
)
DENIED_ADDRESS = Refusal(
    "PROXY_DENIED_ADDRESS",
    403,
    "destination_ip_prohibited",
    Reply.NOT_ALLOWED,
    "This address may not be reached through here",
)
NAME_UNKNOWN = Refusal(
    "PROXY_NAME_UNKNOWN",
    502,
    "dns_error",
    Reply.HOST_UNREACHABLE,
    "The name of the target cannot be resolved",
)
NAME_TIMEOUT = Refusal(
    "PROXY_NAME_TIMEOUT",
    504,
    "dns_timeout",
    Reply.HOST_UNREACHABLE,
    "Resolving the target's name took too long",
)
REFUSED = Refusal(
    "PROXY_CONNECTION_REFUSED",
    502,
    "connection_refused",
    Reply.CONNECTION_REFUSED,
    "The target refused the connection",
)
UNREACHABLE = Refusal(
    "PROXY_UNREACHABLE",
    502,
    "destination_ip_unroutable",
    Reply.NETWORK_UNREACHABLE,
    "There is no route to the target",
)
CONNECT_TIMEOUT = Refusal(
    "PROXY_CONNECT_TIMEOUT",
    504,
    "connection_timeout",
    Reply.HOST_UNREACHABLE,
    "The target did not answer in time",
)
ORIGIN_LOST = Refusal(
    "PROXY_ORIGIN_LOST",
    502,
    "connection_terminated",
    Reply.GENERAL_FAILURE,
    "The target closed the connection before it answered",
)
ORIGIN_TIMEOUT = Refusal(
    "PROXY_ORIGIN_TIMEOUT",
    504,
    "connection_read_timeout",
    Reply.GENERAL_FAILURE,
    "The target did not answer the request in time",
)
ORIGIN_MALFORMED = Refusal(
    "PROXY_ORIGIN_MALFORMED",
    502,
    "http_protocol_error",
    Reply.GENERAL_FAILURE,
    "The target's answer is not valid HTTP",
)
LOOP = Refusal(
    "PROXY_LOOP", 502, "proxy_loop_detected", Reply.GENERAL_FAILURE, "The request passed this proxy before"
)


BAD_REQUEST = Refusal(
    "PROXY_BAD_REQUEST", 400, "http_request_error", Reply.GENERAL_FAILURE, "The request cannot be read"
)


def bad_request(status: int, reason: str) -> Refusal:
    """Make the refusal of a request that cannot be read; `reason` says which rule it breaks."""
    return Refusal("PROXY_BAD_REQUEST", status, "http_request_error", Reply.GENERAL_FAILURE, reason)


def of_problem(problem: Problem) -> Refusal:
    """Translate what the access service raised; whatever is not understood counts as unavailable."""
    return _OF_CODE.get(problem.code, UNAVAILABLE)


_OF_CODE = {
    "bad_credentials": BAD_CREDENTIALS,
    "unauthenticated": BAD_CREDENTIALS,
    "resource_inactive": INACTIVE,
    "account_suspended": INACTIVE,
    "forbidden": INACTIVE,
    "no_allowance": NO_ALLOWANCE,
    "insufficient_funds": NO_ALLOWANCE,
    "too_many_flows": TOO_MANY_FLOWS,
    "too_many_requests": TOO_MANY_FLOWS,
}
