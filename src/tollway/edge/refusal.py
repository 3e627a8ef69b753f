"""Why the edge refuses, as codes. What a protocol answers for each of them stands beside the protocol.

A code is stable: customers' programs branch on it. A protocol's own table (`ProtocolSpec.refusals`) has an answer for
every one of `REFUSALS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.errors import Problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason to refuse: a code, a sentence, when to try again, and why a flow that meets it ends."""

    code: str
    detail: str
    retry_after_s: int = 0
    cause: TerminateCause = TerminateCause.USER_REQUEST


NO_CREDENTIALS = Refusal("PROXY_AUTH_REQUIRED", "Send the proxy username and password")
BAD_CREDENTIALS = Refusal("PROXY_AUTH_FAILED", "The proxy username or password is wrong")
BAD_USERNAME = Refusal(
    "PROXY_BAD_USERNAME", "The proxy username is not of the form user-<login>[-session-<id>]"
)
NO_EXIT = Refusal("PROXY_NO_EXIT", "No exit matches the location asked for", cause=TerminateCause.NAS_ERROR)
NO_ALLOWANCE = Refusal(
    "PROXY_NO_ALLOWANCE", "The allowance is used up; buy more to go on", cause=TerminateCause.QUOTA
)
INACTIVE = Refusal("PROXY_INACTIVE", "This access is not active")
TOO_MANY_FLOWS = Refusal(
    "PROXY_TOO_MANY_FLOWS", "Too many connections at once for this access", retry_after_s=1
)
UNAVAILABLE = Refusal(
    "PROXY_UNAVAILABLE",
    "The platform cannot check this login now; try again soon",
    retry_after_s=2,
    cause=TerminateCause.NAS_ERROR,
)
OVERLOADED = Refusal(
    "PROXY_OVERLOADED",
    "This node has no room for another connection; try again soon",
    retry_after_s=2,
    cause=TerminateCause.NAS_ERROR,
)
DENIED_PORT = Refusal("PROXY_DENIED_PORT", "This port may not be reached through here")
DENIED_DOMAIN = Refusal("PROXY_DENIED_DOMAIN", "This domain may not be reached through here")
DENIED_ADDRESS = Refusal("PROXY_DENIED_ADDRESS", "This address may not be reached through here")
NAME_UNKNOWN = Refusal(
    "PROXY_NAME_UNKNOWN", "The name of the target cannot be resolved", cause=TerminateCause.NAS_ERROR
)
NAME_TIMEOUT = Refusal(
    "PROXY_NAME_TIMEOUT", "Resolving the target's name took too long", cause=TerminateCause.NAS_ERROR
)
REFUSED = Refusal(
    "PROXY_CONNECTION_REFUSED", "The target refused the connection", cause=TerminateCause.NAS_ERROR
)
UNREACHABLE = Refusal("PROXY_UNREACHABLE", "There is no route to the target", cause=TerminateCause.NAS_ERROR)
CONNECT_TIMEOUT = Refusal(
    "PROXY_CONNECT_TIMEOUT", "The target did not answer in time", cause=TerminateCause.NAS_ERROR
)
ORIGIN_LOST = Refusal(
    "PROXY_ORIGIN_LOST", "The target closed the connection before it answered", cause=TerminateCause.NAS_ERROR
)
ORIGIN_TIMEOUT = Refusal(
    "PROXY_ORIGIN_TIMEOUT", "The target did not answer the request in time", cause=TerminateCause.NAS_ERROR
)
ORIGIN_MALFORMED = Refusal(
    "PROXY_ORIGIN_MALFORMED", "The target's answer is not valid HTTP", cause=TerminateCause.NAS_ERROR
)
LOOP = Refusal("PROXY_LOOP", "The request passed this proxy before", cause=TerminateCause.NAS_ERROR)
BAD_REQUEST = Refusal("PROXY_BAD_REQUEST", "The request cannot be read")
NOT_AVAILABLE = Refusal(
    "PROXY_NOT_AVAILABLE", "This node offers no file space", cause=TerminateCause.NAS_ERROR
)
WRONG_UNIT = Refusal(
    "PROXY_WRONG_UNIT", "What this access draws on is not counted in bytes, so this protocol cannot use it"
)
OUTSIDE_SCHEDULE = Refusal("PROXY_OUTSIDE_SCHEDULE", "This access may not be used at this time of the week")

REFUSALS: Mapping[str, Refusal] = {
    each.code: each for each in globals().copy().values() if isinstance(each, Refusal)
}
"""All of them, by code."""


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
