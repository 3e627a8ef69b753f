"""Other web pages: which may call the API (CORS), and the proof that a request comes from our own (CSRF)."""

from typing import TYPE_CHECKING

from tollway.gateway.auth import SAFE_METHODS, Verdict, same_secret
from tollway.gateway.problems import CSRF, FOREIGN_ORIGIN, Refusal
from tollway.wire.http1 import RequestHead

if TYPE_CHECKING:
    from tollway.gateway.forwarding import Forwarding

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Correlation-Id, X-Tollway-Csrf"
)
_EXPOSED = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Correlation-Id, X-Request-Id"


class Origins:
    """The web origins the operator named: `foreign` ones may call the API, `own` ones are this gateway."""

    def __init__(self, foreign: tuple[str, ...], own: tuple[str, ...]) -> None:
        self._foreign = frozenset(origin.rstrip("/").lower().encode() for origin in foreign)
        self._own = frozenset(origin.rstrip("/").lower().encode() for origin in own)

    def answer_lines(self, origin: bytes) -> bytes:
        """Return the CORS lines of an answer; none for an origin that nobody named."""
        if not self._foreign:
            return b""
        if origin.lower() not in self._foreign:
            return b"Vary: Origin\r\n"
        return (
            b"Access-Control-Allow-Origin: %b\r\nAccess-Control-Allow-Credentials: true\r\n"
            b"Access-Control-Expose-Headers: %b\r\nVary: Origin\r\n" % (origin, _EXPOSED)
        )

    def preflight_lines(self, origin: bytes) -> bytes:
        """Return what a preflight is told; nothing for an origin that nobody named."""
        if origin.lower() not in self._foreign:
            return b""
        return (
            b"Access-Control-Allow-Methods: %b\r\nAccess-Control-Allow-Headers: %b\r\nAccess-Control-Max-Age: 600\r\n"
            % (
                _METHODS,
                _HEADERS,
            )
        )

    def trusts(self, origin: bytes, host: bytes, *, tls: bool) -> bool:
        """Tell whether a session's cookie may be used from `origin`: the gateway's own, or one that was named."""
        lowered = origin.lower()
        if lowered == (b"https://" if tls else b"http://") + host.lower():
            return True
        return lowered in self._own or lowered in self._foreign


def is_preflight(head: RequestHead, origin: bytes) -> bool:
    """Tell whether this is a browser asking what another page may do here."""
    return bool(origin) and any(name.lower() == b"access-control-request-method" for name, _ in head.headers)


def forgery(exchange: "Forwarding", verdict: Verdict) -> Refusal | None:
    """Refuse what a foreign page may have made a browser send with our cookie.

    Anything that changes state needs an origin of ours and the session's anti-forgery token, which only our
    pages can read. Opening a WebSocket is a GET that no CORS rule guards, so it needs the origin too.
    """
    head, inbound = exchange.head, exchange.inbound
    opens_socket = head.upgrade == b"websocket"
    if head.method in SAFE_METHODS and not opens_socket:
        return None
    same_origin = inbound.fetch_site.lower() == b"same-origin"
    if not same_origin and not exchange.gateway.origins.trusts(
        inbound.origin, head.host, tls=exchange.client.tls
    ):
        return FOREIGN_ORIGIN
    if not opens_socket and not same_secret(inbound.csrf, verdict.csrf):
        return CSRF
    return None
