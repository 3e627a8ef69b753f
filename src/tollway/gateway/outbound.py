"""The request as its upstream gets it: framed anew, named anew, traced on."""

import re
from random import getrandbits

from tollway.gateway.request import Request
from tollway.wire.http1 import Framing

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
_CHUNKED, _LENGTH = Framing.CHUNKED, Framing.LENGTH


def outbound_head(request: Request) -> bytes:
    """Render the head that goes to the upstream."""
    head, verdict = request.head, request.verdict
    if head.framing is _LENGTH:
        framing = b"Content-Length: %d\r\n" % head.length
    elif head.framing is _CHUNKED:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif head.upgrade == b"websocket":
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    else:
        framing = b"Content-Length: 0\r\n" if head.method in _WITH_BODY else b""
    who = b"Authorization: %b\r\n" % verdict.authorization if verdict is not None else b""
    return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n%b\r\n" % (
        head.method,
        request.path,
        request.query,
        head.host or b"localhost",
        b"".join(request.lines),
        request.peer.forwarded_lines,
        who,
        _trace_line(request.traceparent),
        request.id,
        request.correlation_id,
        framing,
    )


def is_repeatable(request: Request) -> bool:
    """Tell whether it may be sent twice: by its method (RFC 9110, section 9.2.2), or by its Idempotency-Key."""
    return request.head.method in _IDEMPOTENT or bool(request.idempotency)


def _trace_line(traceparent: bytes) -> bytes:
    """Continue the caller's trace with a span of our own, or begin one (W3C Trace Context)."""
    span = getrandbits(64) or 1
    if traceparent and (found := _TRACEPARENT.fullmatch(traceparent)):
        return b"traceparent: 00-%b-%016x-%b\r\n" % (found[1], span, found[2])
    return b"traceparent: 00-%032x-%016x-01\r\n" % (getrandbits(128) or 1, span)
