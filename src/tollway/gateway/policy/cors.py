"""Web origins: which may call the API (CORS), and the proof that a request comes from a page of ours (CSRF)."""

import hmac
import re

from tollway.gateway.message.client import ClientIdentity
from tollway.gateway.message.headers import request_rules
from tollway.gateway.message.problems import CSRF, FOREIGN_ORIGIN, GatewayRefusal
from tollway.gateway.message.request import Request

_SAFE_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS"))
_RESPONSE_LINES = (
    b"Access-Control-Allow-Origin: %b\r\nAccess-Control-Allow-Credentials: true\r\n"
    b"Access-Control-Expose-Headers: %b\r\n"
)
_PREFLIGHT_LINES = (
    b"Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
    b"Access-Control-Allow-Headers: %b\r\nAccess-Control-Max-Age: 600\r\n"
)
# What a page may send in any case; of what else it wants to send, all that is passed on.
_ALLOWED = (
    b"Authorization, Baggage, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Range, "
    b"Traceparent, Tracestate, X-Correlation-Id, X-Tollway-Csrf"
)
_EXPOSED = (
    b"Content-Disposition, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "
    b"X-Correlation-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_MAX_WANTED = 50


class Origins:
    """The configured web origins: `foreign` ones may call the API, `own` ones are this gateway."""

    def __init__(self, foreign: tuple[str, ...], own: tuple[str, ...]) -> None:
        # Caches must know that responses differ by origin, also those to requests that had none.
        self.vary_line = b"Vary: Origin\r\n" if foreign else b""
        self._foreign = frozenset(origin.rstrip("/").lower().encode() for origin in foreign)
        self._own = frozenset(origin.rstrip("/").lower().encode() for origin in own)

    def response_lines(self, origin: bytes) -> bytes:
        """Return the CORS lines of a response; none for an origin that is not configured."""
        return _RESPONSE_LINES % (origin, _EXPOSED) if origin.lower() in self._foreign else b""

    def preflight_lines(self, request: Request) -> bytes:
        """Return the lines of a preflight's response; none for an origin that is not configured."""
        if request.origin.lower() not in self._foreign:
            return b""
        return _PREFLIGHT_LINES % b", ".join((_ALLOWED, *_wanted_headers(request)))

    def forgery(self, request: Request, identity: ClientIdentity) -> GatewayRefusal | None:
        """Refuse what a foreign page may have made a browser send with our cookie.

        Anything that changes state needs an origin of ours and the session's anti-forgery token, which only our
        pages can read. Opening a WebSocket is a GET that no CORS rule guards, so it needs the origin too.
        """
        head = request.head
        opens_websocket = head.upgrade == b"websocket"
        if head.method in _SAFE_METHODS and not opens_websocket:
            return None
        if request.fetch_site.lower() != b"same-origin" and not self._trusts(request):
            return FOREIGN_ORIGIN
        if not opens_websocket and not _same_secret(request.csrf, identity.csrf_token):
            return CSRF
        return None

    def _trusts(self, request: Request) -> bool:
        """Return whether a session's cookie may be used from this origin: the gateway's own, or a configured one."""
        origin = request.origin.lower()
        if origin == (b"https://" if request.client.tls else b"http://") + request.head.host.lower():
            return True
        return origin in self._own or origin in self._foreign


def is_preflight(request: Request) -> bool:
    """Return whether a browser wants to know what another page may do here."""
    head = request.head
    return (
        head.method == b"OPTIONS"
        and bool(request.origin)
        and any(name.lower() == b"access-control-request-method" for name, _ in head.headers)
    )


def _wanted_headers(request: Request) -> list[bytes]:
    """Return the further headers that the page wants to send and that are not dropped on the way."""
    known = set(_ALLOWED.lower().split(b", "))
    wanted = [
        name.strip()
        for header, value in request.head.headers
        if header.lower() == b"access-control-request-headers"
        for name in value.split(b",")[:_MAX_WANTED]
    ]
    return [
        name
        for name in wanted
        if _TOKEN.fullmatch(name) and name.lower() not in known and _is_passed_on(name)
    ]


def _is_passed_on(name: bytes) -> bool:
    rule = request_rules[name]
    return rule is None or rule.passed_on


def _same_secret(given: bytes, expected: bytes) -> bool:
    """Compare in constant time; an empty secret equals nothing."""
    return bool(expected) and hmac.compare_digest(given, expected)
