"""Headers on their way through: what is passed on, what is kept back, what is looked at.

Each header name is judged once and the judgement remembered by the name as it was sent, so the usual header
costs one dictionary lookup.
"""

from enum import IntEnum
from typing import Final

from tollway.wire.http1.writing import HOP_BY_HOP

_MEMORY = 2_048


class Fate(IntEnum):
    """What happens to a header. KEEP and DROP say all; the others are looked at as well."""

    KEEP = 0
    DROP = 1
    AUTHORIZATION = 2
    COOKIE = 3
    ORIGIN = 4
    FETCH_SITE = 5
    CSRF = 6
    CORRELATION = 7
    TRACEPARENT = 8
    IDEMPOTENCY = 9
    LENGTH = 10
    DATE = 11
    CONTENT_POLICY = 12
    AGENT = 13
    CACHE = 14


# Inbound, these say who somebody is, where a request came from or how it went through other gateways. Only
# this gateway may say so. `Proxy` becomes HTTP_PROXY in CGI-like software; the last two re-route requests.
_REQUEST: Final[dict[bytes, Fate]] = {
    **dict.fromkeys(HOP_BY_HOP, Fate.DROP),
    b"content-length": Fate.DROP,
    b"expect": Fate.DROP,
    b"forwarded": Fate.DROP,
    b"host": Fate.DROP,
    b"http2-settings": Fate.DROP,
    b"proxy": Fate.DROP,
    b"via": Fate.DROP,
    b"x-client-ip": Fate.DROP,
    b"x-original-url": Fate.DROP,
    b"x-real-ip": Fate.DROP,
    b"x-request-id": Fate.DROP,
    b"x-rewrite-url": Fate.DROP,
    b"authorization": Fate.AUTHORIZATION,
    b"cookie": Fate.COOKIE,
    b"idempotency-key": Fate.IDEMPOTENCY,
    b"origin": Fate.ORIGIN,
    b"sec-fetch-site": Fate.FETCH_SITE,
    b"traceparent": Fate.TRACEPARENT,
    b"user-agent": Fate.AGENT,
    b"x-correlation-id": Fate.CORRELATION,
    b"x-tollway-csrf": Fate.CSRF,
}
_IDENTITY_PREFIXES = (b"x-user-", b"x-tollway-", b"x-forwarded-", b"x-auth-")

# Outbound: the gateway alone decides about browsers' rules, limits and its own framing.
_RESPONSE: Final[dict[bytes, Fate]] = {
    **dict.fromkeys(HOP_BY_HOP, Fate.DROP),
    b"referrer-policy": Fate.DROP,
    b"server": Fate.DROP,
    b"strict-transport-security": Fate.DROP,
    b"x-content-type-options": Fate.DROP,
    b"x-correlation-id": Fate.DROP,
    b"x-powered-by": Fate.DROP,
    b"x-request-id": Fate.DROP,
    b"cache-control": Fate.CACHE,
    b"content-length": Fate.LENGTH,
    b"content-security-policy": Fate.CONTENT_POLICY,
    b"date": Fate.DATE,
}
_RESPONSE_PREFIXES = (b"access-control-", b"ratelimit", b"x-ratelimit-", b"x-tollway-")


class Judge(dict[bytes, Fate]):
    """Fates by header name as sent. A new name is judged by its lower case, and remembered up to a bound."""

    def __init__(self, rules: dict[bytes, Fate], dropped_prefixes: tuple[bytes, ...]) -> None:
        super().__init__()
        self._rules = rules
        self._prefixes = dropped_prefixes

    def __missing__(self, name: bytes) -> Fate:
        lowered = name.lower()
        fate = self._rules.get(lowered)
        if fate is None:
            fate = Fate.DROP if lowered.startswith(self._prefixes) else Fate.KEEP
        if len(self) < _MEMORY:
            self[name] = fate
        return fate


request_fates = Judge(_REQUEST, _IDENTITY_PREFIXES)
response_fates = Judge(_RESPONSE, _RESPONSE_PREFIXES)


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
