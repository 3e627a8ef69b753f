"""The head of a request as its upstream gets it: framed anew, with an id, its trace continued."""

import re
from random import getrandbits

from tollway.gateway.message.request import Request
from tollway.wire.http1 import Framing

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_CHUNKED, _LENGTH = Framing.CHUNKED, Framing.LENGTH


def upstream_head(request: Request) -> bytes:
    """Render the head that goes to the upstream."""
    head, route = request.head, request.route
    if head.framing is _LENGTH:
        framing = b"Content-Length: %d\r\n" % head.length
    elif head.framing is _CHUNKED:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif head.upgrade == b"websocket":
        framing = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    else:
        framing = b"Content-Length: 0\r\n" if head.method in _WITH_BODY else b""
    path, host, lines = request.path, head.host or b"localhost", request.lines
    rewrite = route.rewrite
    if rewrite is not None:
        path, host, lines = rewrite.path(path), rewrite.host or host, rewrite.request_lines(lines)
    return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n%b\r\n" % (
        head.method,
        path,
        request.query,
        host,
        b"".join(lines),
        request.client.forwarded_lines,
        _identity_line(request),
        _trace_line(request.traceparent),
        request.id,
        request.correlation_id,
        framing,
    )


def _identity_line(request: Request) -> bytes:
    """Say whose request it is: a service gets the access token, anybody else no more than the user's id."""
    identity = request.identity
    if identity is None:
        return b""
    if request.route.forward_token:
        return b"Authorization: %b\r\n" % identity.authorization
    return b"X-User-Id: %b\r\n" % identity.user_id.encode()


def _trace_line(traceparent: bytes) -> bytes:
    """Continue the caller's trace with a span of our own, or begin one (W3C Trace Context)."""
    span = getrandbits(64) or 1
    if traceparent and (found := _TRACEPARENT.fullmatch(traceparent)):
        return b"traceparent: 00-%b-%016x-%b\r\n" % (found[1], span, found[2])
    return b"traceparent: 00-%032x-%016x-01\r\n" % (getrandbits(128) or 1, span)
