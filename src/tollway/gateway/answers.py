"""Answer heads: what the upstream said, without what is not its business, with what the gateway adds."""

from typing import TYPE_CHECKING

from tollway.gateway.headers import CACHE, DATE, LENGTH, response_fates
from tollway.gateway.problems import MEDIA_TYPE, Refusal, document
from tollway.wire.http1 import Framing, ResponseHead
from tollway.wire.http1.writing import status_line

if TYPE_CHECKING:
    from tollway.gateway.forwarding import Forwarding

_LENGTH = Framing.LENGTH
_UNNAMED = frozenset((b"keep-alive", b"close", b"upgrade"))


def answer_head(exchange: "Forwarding", head: ResponseHead, framing: bytes) -> bytes:
    """Render the head of an upstream's answer for the client; `framing` is the line that frames the body."""
    lines = [status_line(head.status)]
    policy = exchange.plan.content_policy
    date = exchange.gateway.date_line
    cache = b"Cache-Control: no-store\r\n" if exchange.verdict is not None else b""
    named = frozenset(head.connection) - _UNNAMED if head.connection else ()
    for name, value in head.headers:
        fate = response_fates[name]
        if fate is None:
            if not named or name.lower() not in named:
                lines.append(b"%b: %b\r\n" % (name, value))
        elif fate.passed_on:
            lines.append(b"%b: %b\r\n" % (name, value))
            if fate is DATE:
                date = b""
            elif fate is CACHE:
                cache = b""
            else:
                policy = b""
    lines += (date, cache, policy, framing)
    lines.append(_of_gateway(exchange))
    return b"".join(lines)


def body_framing(head: ResponseHead, method: bytes, minor: int) -> bytes:
    """Return the header line that frames the answer's body for a client of HTTP/1.`minor`."""
    if head.framing is _LENGTH:
        return b"Content-Length: %d\r\n" % head.length
    if head.framing is Framing.NONE:
        if method == b"HEAD" or head.status == 304:
            return _told_length(head)
        return b"" if head.status in {101, 204} else b"Content-Length: 0\r\n"
    return b"Transfer-Encoding: chunked\r\n" if minor else b""


def refusal_bytes(exchange: "Forwarding", refusal: Refusal) -> bytes:
    """Render an answer made here, complete."""
    path = exchange.path.decode("latin-1")
    return page_bytes(
        exchange,
        refusal.status,
        MEDIA_TYPE,
        document(refusal, path, exchange.correlation.decode()),
        refusal.headers,
    )


def page_bytes(
    exchange: "Forwarding", status: int, media_type: bytes, body: bytes, headers: bytes = b""
) -> bytes:
    """Render a small page of the gateway, complete; without its body for HEAD."""
    lines = (
        status_line(status),
        b"Content-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\n" % (media_type, len(body)),
        exchange.gateway.date_line,
        exchange.gateway.content_policy,
        headers,
        _of_gateway(exchange),
        b"" if exchange.head.method == b"HEAD" else body,
    )
    return b"".join(lines)


def no_content_bytes(exchange: "Forwarding", headers: bytes) -> bytes:
    """Render an answer that is its headers."""
    return b"".join((status_line(204), exchange.gateway.date_line, headers, _of_gateway(exchange)))


def _of_gateway(exchange: "Forwarding") -> bytes:
    """Return the lines that every answer gets, and the blank line."""
    head = exchange.head
    connection = b"" if head.minor else b"Connection: keep-alive\r\n"
    if exchange.closing:
        connection = b"Connection: close\r\n"
    extra = b""
    if exchange.inbound.origin or exchange.cookie_session:
        extra = _for_browsers(exchange)
    return b"%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n\r\n" % (
        exchange.gateway.security_lines,
        exchange.limit_lines,
        extra,
        connection,
        exchange.request_id,
        exchange.correlation,
    )


def _for_browsers(exchange: "Forwarding") -> bytes:
    """CORS for the origins that the operator named, and the anti-forgery token for the session's own pages."""
    lines = exchange.gateway.origins.answer_lines(exchange.inbound.origin)
    verdict = exchange.verdict
    if verdict is not None and verdict.csrf:
        lines += b"X-Tollway-Csrf: %b\r\n" % verdict.csrf
    return lines


def _told_length(head: ResponseHead) -> bytes:
    """Return what HEAD or 304 says about the length of a body that does not follow."""
    for name, value in head.headers:
        if response_fates[name] is LENGTH:
            return b"Content-Length: %b\r\n" % value
    return b""
