"""Responses as bytes: those of upstreams, without headers that are not theirs to set, and those made here."""

import re
from email.utils import formatdate

from tollway.gateway.message.headers import CACHE, DATE, LENGTH, named_by, response_rules
from tollway.gateway.message.problems import MEDIA_TYPE, GatewayRefusal, document
from tollway.gateway.message.request import Request
from tollway.gateway.policy.cors import Origins
from tollway.gateway.route.console import CONTENT_POLICY, ConsoleFile
from tollway.gateway.route.table import API_CONTENT_POLICY_LINE
from tollway.wire.http1 import Framing, ResponseHead
from tollway.wire.http1.writing import status_line

_LENGTH, _NONE = Framing.LENGTH, Framing.NONE
_SECURITY = b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
_HSTS = b"Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]{1,300})[ \t]*\r\n", re.IGNORECASE)
_PAGE = b"Content-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"


class Responses:
    """Renders responses, each a function of its request's record."""

    def __init__(self, origins: Origins) -> None:
        self._date_line = b""
        self._origins = origins
        rules = _SECURITY + origins.vary_line
        self._security = (rules, rules + _HSTS)  # without and with TLS

    def renew_date(self, seconds: int) -> None:
        """Set the time of the Date header, in seconds since 1970."""
        self._date_line = b"Date: %b\r\n" % formatdate(seconds, usegmt=True).encode()

    def head(self, request: Request, head: ResponseHead, framing: bytes) -> bytes:
        """Render the head of an upstream's response for the client; `framing` is the line that frames the body."""
        lines = [status_line(head.status)]
        route = request.route
        policy = route.content_policy
        date = self._date_line
        cache = b"Cache-Control: no-store\r\n" if request.identity is not None else b""
        named = named_by(head.connection) if head.connection else ()
        for name, value in head.headers:
            rule = response_rules[name]
            if rule is None:
                if not named or name.lower() not in named:
                    lines.append(b"%b: %b\r\n" % (name, value))
            elif rule.passed_on:
                lines.append(b"%b: %b\r\n" % (name, value))
                if rule is DATE:
                    date = b""
                elif rule is CACHE:
                    cache = b""
                else:
                    policy = b""
        if route.rewrite is not None:
            lines = route.rewrite.response_lines(lines)
        lines += (date, cache, policy, framing)
        lines.append(self._last_lines(request))
        return b"".join(lines)

    def refusal(self, request: Request, refusal: GatewayRefusal) -> bytes:
        """Render a problem document, complete."""
        body = document(refusal, request.path.decode("latin-1"), request.correlation_id.decode())
        return self.page(request, refusal.status, MEDIA_TYPE, body, refusal.headers)

    def page(
        self, request: Request, status: int, media_type: bytes, body: bytes, headers: bytes = b""
    ) -> bytes:
        """Render a small page of the gateway, complete; without its body for HEAD."""
        lines = (
            status_line(status),
            _PAGE % (media_type, len(body)),
            self._date_line,
            API_CONTENT_POLICY_LINE,
            headers,
            self._last_lines(request),
            b"" if request.head.method == b"HEAD" else body,
        )
        return b"".join(lines)

    def file(self, request: Request, file: ConsoleFile) -> tuple[int, bytes]:
        """Render a file of the console, complete: its status and the response."""
        accepted = known = b""
        for name, value in request.head.headers:
            if name.lower() == b"accept-encoding":
                accepted = value
            elif name.lower() == b"if-none-match":
                known = value
        coding, body = file.body_for(accepted)
        status = 304 if file.etag in known else 200
        lines = [status_line(status), self._date_line, file.cache_line, b"Vary: Accept-Encoding\r\n"]
        lines.append(b"ETag: %b\r\nContent-Security-Policy: %b\r\n" % (file.etag, CONTENT_POLICY))
        if status == 200:
            lines.append(b"Content-Type: %b\r\nContent-Length: %d\r\n" % (file.media_type, len(body)))
            if coding:
                lines.append(b"Content-Encoding: %b\r\n" % coding)
        lines.append(self._last_lines(request))
        if status == 200 and request.head.method != b"HEAD":
            lines.append(body)
        return status, b"".join(lines)

    def no_content(self, request: Request, headers: bytes) -> bytes:
        """Render a response without a body."""
        return b"".join((status_line(204), self._date_line, headers, self._last_lines(request)))

    def without_request(self, refusal: GatewayRefusal, data: bytes, request_id: bytes, *, tls: bool) -> bytes:
        """Render the response to `data` that is no request, after which the connection closes.

        A page that sent it reads the response only when its origin, as far as it can be found, may call.
        """
        origin = _ORIGIN.search(data)
        body = document(refusal, "", request_id.decode())
        lines = (
            status_line(refusal.status),
            _PAGE % (MEDIA_TYPE, len(body)),
            self._date_line,
            refusal.headers,
            self._origins.response_lines(origin[1]) if origin is not None else b"",
            b"%bConnection: close\r\nX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n\r\n"
            % (self._security[tls], request_id, request_id),
            body,
        )
        return b"".join(lines)

    def _last_lines(self, request: Request) -> bytes:
        """Return the lines that every response gets, and the blank line."""
        connection = b"" if request.head.minor else b"Connection: keep-alive\r\n"
        if request.closing:
            connection = b"Connection: close\r\n"
        return b"%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n\r\n" % (
            self._security[request.client.tls],
            request.limit_lines,
            self._for_browsers(request) if request.origin or request.by_cookie else b"",
            connection,
            request.id,
            request.correlation_id,
        )

    def _for_browsers(self, request: Request) -> bytes:
        """CORS for the origins that the operator named, and the anti-forgery token for the session's own pages."""
        lines = self._origins.response_lines(request.origin)
        identity = request.identity
        if identity is not None and identity.csrf_token:
            lines += b"X-Tollway-Csrf: %b\r\n" % identity.csrf_token
        return lines


def body_framing(head: ResponseHead, method: bytes, minor: int) -> bytes:
    """Return the header line that frames the response's body for a client of HTTP/1.`minor`."""
    if head.framing is _LENGTH:
        return b"Content-Length: %d\r\n" % head.length
    if head.framing is _NONE:
        if head.status in {101, 204}:
            return b""
        return _declared_length(head) if method == b"HEAD" or head.status == 304 else b"Content-Length: 0\r\n"
    return b"Transfer-Encoding: chunked\r\n" if minor else b""


def _declared_length(head: ResponseHead) -> bytes:
    """Return what HEAD or 304 declares about the length of a body that does not follow."""
    for name, value in head.headers:
        if response_rules[name] is LENGTH:
            return b"Content-Length: %b\r\n" % value
    return b""
