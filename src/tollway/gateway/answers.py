"""Answers as bytes: what the upstream said without what is not its business, and what is said here."""

from email.utils import formatdate

from tollway.gateway.cors import Origins
from tollway.gateway.headers import CACHE, DATE, LENGTH, named_by, response_fates
from tollway.gateway.plan import policy_line
from tollway.gateway.problems import MEDIA_TYPE, Refusal, document
from tollway.gateway.request import Request
from tollway.gateway.routes import API_CONTENT_POLICY
from tollway.wire.http1 import Framing, ResponseHead
from tollway.wire.http1.writing import status_line

_LENGTH, _NONE = Framing.LENGTH, Framing.NONE
_SAFETY = b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
_HSTS = b"Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
_PAGE = b"Content-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"


class Answers:
    """Renders answers, each a function of its request's record."""

    def __init__(self, origins: Origins) -> None:
        self._date_line = b""
        self._origins = origins
        rules = _SAFETY + origins.vary_line
        self._rules = (rules, rules + _HSTS)  # what browsers must know, without and with TLS
        self._content_policy = policy_line(API_CONTENT_POLICY)

    def renew_date(self, seconds: int) -> None:
        """Say what time it is, in seconds since 1970."""
        self._date_line = b"Date: %b\r\n" % formatdate(seconds, usegmt=True).encode()

    def head(self, request: Request, head: ResponseHead, framing: bytes) -> bytes:
        """Render the head of an upstream's answer for the client; `framing` is the line that frames the body."""
        lines = [status_line(head.status)]
        policy = request.plan.content_policy
        date = self._date_line
        cache = b"Cache-Control: no-store\r\n" if request.verdict is not None else b""
        named = named_by(head.connection) if head.connection else ()
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
        lines.append(self._last_lines(request))
        return b"".join(lines)

    def refusal(self, request: Request, refusal: Refusal) -> bytes:
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
            self._content_policy,
            headers,
            self._last_lines(request),
            b"" if request.head.method == b"HEAD" else body,
        )
        return b"".join(lines)

    def no_content(self, request: Request, headers: bytes) -> bytes:
        """Render an answer that is its headers."""
        return b"".join((status_line(204), self._date_line, headers, self._last_lines(request)))

    def no_request(self, refusal: Refusal, request_id: bytes, *, tls: bool) -> bytes:
        """Render the answer to bytes that never became a request, after which the connection closes."""
        body = document(refusal, "", request_id.decode())
        lines = (
            status_line(refusal.status),
            _PAGE % (MEDIA_TYPE, len(body)),
            self._date_line,
            refusal.headers,
            b"%bConnection: close\r\nX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n\r\n"
            % (self._rules[tls], request_id, request_id),
            body,
        )
        return b"".join(lines)

    def _last_lines(self, request: Request) -> bytes:
        """Return the lines that every answer gets, and the blank line."""
        connection = b"" if request.head.minor else b"Connection: keep-alive\r\n"
        if request.closing:
            connection = b"Connection: close\r\n"
        return b"%b%b%b%bX-Request-Id: %b\r\nX-Correlation-Id: %b\r\n\r\n" % (
            self._rules[request.peer.tls],
            request.limit_lines,
            self._for_browsers(request) if request.origin or request.by_cookie else b"",
            connection,
            request.id,
            request.correlation_id,
        )

    def _for_browsers(self, request: Request) -> bytes:
        """CORS for the origins that the operator named, and the anti-forgery token for the session's own pages."""
        lines = self._origins.answer_lines(request.origin)
        verdict = request.verdict
        if verdict is not None and verdict.csrf:
            lines += b"X-Tollway-Csrf: %b\r\n" % verdict.csrf
        return lines


def body_framing(head: ResponseHead, method: bytes, minor: int) -> bytes:
    """Return the header line that frames the answer's body for a client of HTTP/1.`minor`."""
    if head.framing is _LENGTH:
        return b"Content-Length: %d\r\n" % head.length
    if head.framing is _NONE:
        if head.status in {101, 204}:
            return b""
        return _told_length(head) if method == b"HEAD" or head.status == 304 else b"Content-Length: 0\r\n"
    return b"Transfer-Encoding: chunked\r\n" if minor else b""


def _told_length(head: ResponseHead) -> bytes:
    """Return what HEAD or 304 says about the length of a body that does not follow."""
    for name, value in head.headers:
        if response_fates[name] is LENGTH:
            return b"Content-Length: %b\r\n" % value
    return b""
