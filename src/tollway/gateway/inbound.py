"""A request head taken apart: what goes on to the upstream, and what the gateway itself wants to know."""

import re
from random import getrandbits

from tollway.gateway.auth import COOKIE
from tollway.gateway.headers import DROP, request_fates, session_cookie
from tollway.gateway.problems import BAD_AUTHORITY, BAD_PATH, TWO_CREDENTIALS, Refusal
from tollway.gateway.routes import normal_path
from tollway.wire.http1 import RequestHead

CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)([/?].*)?", re.IGNORECASE)
_HARMLESS_OPTIONS = frozenset((b"keep-alive", b"close", b"upgrade", b"te"))


class Inbound:
    """The headers of one request, sorted. `lines` are those passed on, complete with their line ends."""

    __slots__ = (
        "agent",
        "authorization",
        "cookie",
        "correlation",
        "csrf",
        "fetch_site",
        "idempotency",
        "lines",
        "origin",
        "refusal",
        "traceparent",
    )

    def __init__(self, head: RequestHead) -> None:
        self.lines: list[bytes] = []
        self.agent = self.authorization = self.cookie = self.correlation = self.csrf = b""
        self.fetch_site = self.idempotency = self.origin = self.traceparent = b""
        self.refusal: Refusal | None = None
        named = () if not head.connection else _named(head.connection)
        keep = self.lines.append
        for name, value in head.headers:
            fate = request_fates[name]
            if fate is None:
                if not named or name.lower() not in named:
                    keep(b"%b: %b\r\n" % (name, value))
            elif fate is not DROP:
                field, passed_on = fate
                known = getattr(self, field)
                setattr(self, field, value if not known else self._again(field, known, value))
                if passed_on:
                    keep(b"%b: %b\r\n" % (name, value))

    def _again(self, field: str, known: bytes, value: bytes) -> bytes:
        """Handle a header that came before: cookies may, credentials must not, of others the last counts."""
        if field == "authorization":
            self.refusal = TWO_CREDENTIALS
        return known + b"; " + value if field == "cookie" else value

    def session(self) -> bytes:
        """Take the session cookie out of the cookies; the others are passed on."""
        if not self.cookie:
            return b""
        session, others = session_cookie(self.cookie, COOKIE)
        if others:
            self.lines.append(b"Cookie: %b\r\n" % others)
        return session


def read_target(head: RequestHead) -> tuple[bytes, bytes] | Refusal:
    """Return the path in its one form and the query with its `?`; or the refusal of a target that has none."""
    target = head.target
    if target[0] != 0x2F:  # a path begins with a slash; all else is rare
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            return BAD_PATH
        if absolute[1].lower() != head.host.lower():
            return BAD_AUTHORITY
        target = absolute[2] or b"/"
        if target.startswith(b"?"):
            target = b"/" + target
    path, mark, query = target.partition(b"?")
    normal = normal_path(path)
    return BAD_PATH if normal is None else (normal, mark + query)


def trace_line(traceparent: bytes) -> bytes:
    """Continue the caller's trace with a span of our own, or begin one (W3C Trace Context)."""
    span = getrandbits(64) or 1
    if traceparent and (found := _TRACEPARENT.fullmatch(traceparent)):
        return b"traceparent: 00-%b-%016x-%b\r\n" % (found[1], span, found[2])
    return b"traceparent: 00-%032x-%016x-01\r\n" % (getrandbits(128) or 1, span)


def _named(options: tuple[bytes, ...]) -> frozenset[bytes]:
    """Return the headers that Connection declares to be of this connection only."""
    return frozenset(options) - _HARMLESS_OPTIONS
