"""Headers on their way through: which are passed on, which are dropped, which values the gateway reads.

The rule of each header name is looked up once and kept by the name as it was sent, so the usual header costs one
dictionary lookup.
"""

import re
from typing import Final, NamedTuple

from tollway.wire.http1.writing import HOP_BY_HOP

_CACHED_NAMES = 2_048
_NO_HEADERS = frozenset(
    (b"keep-alive", b"close", b"upgrade", b"te")
)  # options that name none, or one dropped anyway


class HeaderRule(NamedTuple):
    """What happens to a header that is not simply passed on (for that one there is no rule: None).

    `field` is the attribute under which its value is kept; empty when nobody reads it.
    """

    field: str
    passed_on: bool


DROP = HeaderRule("", passed_on=False)
LENGTH = HeaderRule("length", passed_on=False)
DATE = HeaderRule("date", passed_on=True)
CACHE = HeaderRule("cache", passed_on=True)
CONTENT_POLICY = HeaderRule("content_policy", passed_on=True)

# Inbound, these say who somebody is, where a request came from or how it went through other gateways. Only
# this gateway may set them. `Proxy` becomes HTTP_PROXY in CGI-like software; X-Original-URL and X-Rewrite-URL
# re-route requests, and a method override makes another one of what was let through.
_REQUEST: Final[dict[bytes, HeaderRule]] = {
    **dict.fromkeys(HOP_BY_HOP, DROP),
    b"cf-connecting-ip": DROP,
    b"client-ip": DROP,
    b"content-length": DROP,
    b"expect": DROP,
    b"forwarded": DROP,
    b"host": DROP,
    b"http2-settings": DROP,
    b"proxy": DROP,
    b"remote-user": DROP,
    b"true-client-ip": DROP,
    b"via": DROP,
    b"x-client-ip": DROP,
    b"x-cluster-client-ip": DROP,
    b"x-forwarded": DROP,
    b"x-http-method": DROP,
    b"x-http-method-override": DROP,
    b"x-method-override": DROP,
    b"x-original-host": DROP,
    b"x-original-url": DROP,
    b"x-real-ip": DROP,
    b"x-request-id": DROP,
    b"x-rewrite-url": DROP,
    b"authorization": HeaderRule("authorization", passed_on=False),
    b"cookie": HeaderRule("cookie", passed_on=False),
    b"idempotency-key": HeaderRule("idempotency", passed_on=True),
    b"origin": HeaderRule("origin", passed_on=True),
    b"sec-fetch-site": HeaderRule("fetch_site", passed_on=True),
    b"traceparent": HeaderRule("traceparent", passed_on=False),
    b"user-agent": HeaderRule("agent", passed_on=True),
    b"x-correlation-id": HeaderRule("correlation", passed_on=False),
    b"x-forwarded-for": HeaderRule("forwarded_for", passed_on=False),
    b"x-forwarded-proto": HeaderRule("forwarded_proto", passed_on=False),
    b"x-tollway-csrf": HeaderRule("csrf", passed_on=False),
}
# Names that servers behind gateways take for who somebody is, or what they may do: X-Roles, X-Is-Admin, X-User-Email,
# X-MS-Client-Principal. An underscore is a hyphen to CGI and its heirs, so one name would hide the other.
_IDENTITY = re.compile(
    rb"(?:x-(?:.*-)?(?:user|userid|username|users|role|roles|admin|administrator|superuser|root|sudo|staff|operator|scope|"
    rb"scopes|group|groups|permission|permissions|privilege|privileges|identity|principal|subject|claims|consumer|"
    rb"tenant|authenticated|impersonate|internal)(?:-.*)?|x-(?:tollway|forwarded|auth|authenticated|remote|original)-.*|"
    rb"remote-.*|.*_.*)"
)

# Outbound: the gateway alone sets security headers, limits and its own framing.
_RESPONSE: Final[dict[bytes, HeaderRule]] = {
    **dict.fromkeys(HOP_BY_HOP, DROP),
    b"referrer-policy": DROP,
    b"server": DROP,
    b"strict-transport-security": DROP,
    b"x-content-type-options": DROP,
    b"x-correlation-id": DROP,
    b"x-frame-options": DROP,
    b"x-powered-by": DROP,
    b"x-request-id": DROP,
    b"cache-control": CACHE,
    b"content-length": LENGTH,
    b"content-security-policy": CONTENT_POLICY,
    b"date": DATE,
}
_SET_HERE = re.compile(rb"(?:access-control-|ratelimit|x-ratelimit-|x-tollway-).*")


class HeaderRules(dict[bytes, HeaderRule | None]):
    """Rules by header name as sent. A new name is looked up by its lower case, and kept up to a bound."""

    def __init__(self, rules: dict[bytes, HeaderRule], dropped: re.Pattern[bytes]) -> None:
        super().__init__()
        self._rules = rules
        self._dropped = dropped

    def __missing__(self, name: bytes) -> HeaderRule | None:
        lowered = name.lower()
        rule = self._rules.get(lowered)
        if rule is None and self._dropped.fullmatch(lowered):
            rule = DROP
        if len(self) < _CACHED_NAMES:
            self[name] = rule
        return rule


request_rules = HeaderRules(_REQUEST, _IDENTITY)
response_rules = HeaderRules(_RESPONSE, _SET_HERE)


def named_by(options: tuple[bytes, ...]) -> frozenset[bytes]:
    """Return the headers, in lower case, that Connection declares to be of this connection only."""
    return frozenset(options) - _NO_HEADERS


def session_cookie(cookies: bytes, name: bytes) -> tuple[bytes, bytes]:
    """Split a Cookie header into the value of the session cookie and the header without it.

    A name that comes twice gives no session: one of the two may be forged.
    """
    if name not in cookies:
        return b"", cookies
    session: list[bytes] = []
    others: list[bytes] = []
    for pair in cookies.split(b";"):
        key, _, value = pair.strip().partition(b"=")
        if key.strip() == name:
            session.append(value.strip())
        elif pair.strip():
            others.append(pair.strip())
    return (session[0] if len(session) == 1 else b""), b"; ".join(others)
