"""Web origins: which may call the API (CORS), and the proof that a request comes from a page of ours (CSRF)."""

import hmac

from tollway.gateway.message.client import ClientIdentity
from tollway.gateway.message.problems import CSRF, FOREIGN_ORIGIN, GatewayRefusal
from tollway.gateway.message.request import Request

_SAFE_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS"))
_RESPONSE_LINES = (
    b"Access-Control-Allow-Origin: %b\r\nAccess-Control-Allow-Credentials: true\r\n"
    b"Access-Control-Expose-Headers: %b\r\n"
)
_PREFLIGHT_LINES = (
    b"Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
    b"Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    b"X-Correlation-Id, X-Tollway-Csrf\r\n"
    b"Access-Control-Max-Age: 600\r\n"
)
_EXPOSED = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Correlation-Id, X-Request-Id"


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

    def preflight_lines(self, origin: bytes) -> bytes:
        """Return the lines of a preflight's response; none for an origin that is not configured."""
        return _PREFLIGHT_LINES if origin.lower() in self._foreign else b""

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


def _same_secret(given: bytes, expected: bytes) -> bool:
    """Compare in constant time; an empty secret equals nothing."""
    return bool(expected) and hmac.compare_digest(given, expected)
