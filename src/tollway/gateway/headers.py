"""Headers on their way through: what is passed on, what is kept back, what is looked at.

Each header name is judged once and the judgement remembered by the name as it was sent, so the usual header
costs one dictionary lookup.
"""

from typing import Final, NamedTuple

from tollway.wire.http1.writing import HOP_BY_HOP

_MEMORY = 2_048
_NO_HEADERS = frozenset(
    (b"keep-alive", b"close", b"upgrade", b"te")
)  # options that name none, or one dropped anyway


class Fate(NamedTuple):
    """What happens to a header that is not simply passed on (that fate is None).

    `field` is under what name its value is remembered; empty when nobody wants to know.
    """

    field: str
    passed_on: bool


DROP = Fate("", passed_on=False)
LENGTH = Fate("length", passed_on=False)
DATE = Fate("date", passed_on=True)
CACHE = Fate("cache", passed_on=True)
CONTENT_POLICY = Fate("content_policy", passed_on=True)

# Inbound, these say who somebody is, where a request came from or how it went through other gateways. Only
# this gateway may say so. `Proxy` becomes HTTP_PROXY in CGI-like software; X-Original-URL and X-Rewrite-URL
# re-route requests, and a method override makes another one of what was let through.
_REQUEST: Final[dict[bytes, Fate]] = {
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
    b"authorization": Fate("authorization", passed_on=False),
    b"cookie": Fate("cookie", passed_on=False),
    b"idempotency-key": Fate("idempotency", passed_on=True),
    b"origin": Fate("origin", passed_on=True),
    b"sec-fetch-site": Fate("fetch_site", passed_on=True),
    b"traceparent": Fate("traceparent", passed_on=False),
    b"user-agent": Fate("agent", passed_on=True),
    b"x-correlation-id": Fate("correlation", passed_on=False),
    b"x-tollway-csrf": Fate("csrf", passed_on=False),
}
_IDENTITY_PREFIXES = (b"x-user-", b"x-tollway-", b"x-forwarded-", b"x-auth-", b"x-remote-")

# Outbound: the gateway alone decides about browsers' rules, limits and its own framing.
_RESPONSE: Final[dict[bytes, Fate]] = {
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
_RESPONSE_PREFIXES = (b"access-control-", b"ratelimit", b"x-ratelimit-", b"x-tollway-")


class Judge(dict[bytes, Fate | None]):
    """Fates by header name as sent. A new name is judged by its lower case, and remembered up to a bound."""

    def __init__(self, rules: dict[bytes, Fate], dropped_prefixes: tuple[bytes, ...]) -> None:
        super().__init__()
        self._rules = rules
        self._prefixes = dropped_prefixes

    def __missing__(self, name: bytes) -> Fate | None:
        lowered = name.lower()
        fate = self._rules.get(lowered)
        if fate is None and lowered.startswith(self._prefixes):
            fate = DROP
        if len(self) < _MEMORY:
            self[name] = fate
        return fate


request_fates = Judge(_REQUEST, _IDENTITY_PREFIXES)
response_fates = Judge(_RESPONSE, _RESPONSE_PREFIXES)


def named_by(options: tuple[bytes, ...]) -> frozenset[bytes]:
    """Return the headers, in lower case, that Connection declares to be of this connection only."""
    return frozenset(options) - _NO_HEADERS


def session_cookie(cookies: bytes, name: bytes) -> tuple[bytes, bytes]:
    """Split a Cookie header into the value of the session cookie and the header without it.

    A name that comes twice gives no session: one of the two was planted.
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
