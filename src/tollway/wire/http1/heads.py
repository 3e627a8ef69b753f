"""The nouns of HTTP/1.1: heads, body framing, limits and refusals, and the rules both heads share.

Heads and events are named tuples: frozen, slotted, and three times cheaper to make than dataclasses, which
counts at tens of thousands a second.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]

# A host name, IPv4 or [IPv6] address, and perhaps a port. Nothing of a path, a query or user information.
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class Framing(Enum):
    """How the end of a body is known (RFC 9112, section 6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until-close"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may send in one head. Beyond it the request is refused with 414 or 431.

    `underscores` allows them in header names: a forward proxy, which carries other people's requests, must.
    """

    line_bytes: int = 8_192
    head_bytes: int = 16_384
    headers: int = 100
    underscores: bool = False


class RequestHead(NamedTuple):
    """The request line and headers of one request, valid by every rule of this package."""

    method: bytes
    target: bytes  # origin-form, absolute-form, authority-form (CONNECT) or `*`, as sent
    minor: int  # HTTP/1.minor
    headers: Headers  # names as sent, values without surrounding blanks
    host: bytes  # the one Host value; empty only on HTTP/1.0
    framing: Framing
    length: int  # bytes of body; 0 unless framing is LENGTH
    keep_alive: bool
    connection: tuple[bytes, ...]  # the options named in Connection, lower case
    upgrade: bytes  # the protocol asked for, lower case; empty when none is
    expect_continue: bool  # the client waits for `100 Continue` before its body
    size: int  # bytes of the head on the wire, its blank line included


class ResponseHead(NamedTuple):
    """The status line and headers of one response. A 1xx head is followed by another head, except 101."""

    status: int
    reason: bytes
    minor: int
    headers: Headers
    framing: Framing
    length: int
    keep_alive: bool
    connection: tuple[bytes, ...]
    upgrade: bytes
    size: int


class Data(NamedTuple):
    """A piece of a body: the payload without chunk framing, and the bytes it took on the wire."""

    payload: bytes
    size: int


class End(NamedTuple):
    """The end of a message. Trailers are checked and dropped; `size` is the framing not yet counted."""

    size: int


class BadMessage(Exception):
    """The peer's message breaks a rule. `status` is what a server answers, `reason` says which rule."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BadHead(BadMessage):
    """The request line, status line or a header is refused."""


class BadBody(BadMessage):
    """The body's framing is broken, or it ended early."""


class HeaderFacts:
    """Collects one head from httptools' callbacks and keeps aside the few headers that rule the framing."""

    __slots__ = (
        "connection",
        "content_length",
        "expect",
        "headers",
        "host",
        "line",
        "transfer_encoding",
        "upgrade",
    )

    def __init__(self) -> None:
        self.line = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.host: bytes | None = None
        self.content_length: bytes | None = None
        self.transfer_encoding: bytes | None = None
        self.connection: tuple[bytes, ...] = ()
        self.upgrade = b""
        self.expect = b""

    def on_url(self, target: bytes) -> None:
        self.line = target

    def on_status(self, reason: bytes) -> None:
        self.line = reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value.rstrip(b" \t")))  # llhttp only strips the front

    def sort_out(self) -> None:
        """Look at each header once. Raises BadHead when one that may come once comes twice."""
        for name, value in self.headers:
            # Length first: it is cheaper than a lower-cased copy, and most headers end here.
            if len(name) not in _RULING_LENGTHS:
                continue
            match name.lower():
                case b"host":
                    self.host = _once(self.host, value, "Host")
                case b"content-length":
                    self.content_length = _once(self.content_length, value, "Content-Length")
                case b"transfer-encoding":
                    self.transfer_encoding = _once(self.transfer_encoding, value, "Transfer-Encoding")
                case b"connection":
                    self.connection += tuple(part.strip().lower() for part in value.split(b","))
                case b"upgrade":
                    self.upgrade = _once(self.upgrade or None, value, "Upgrade").lower()
                case b"expect":
                    self.expect = value.lower()
                case _:
                    pass

    def body(self, minor: int) -> tuple[Framing, int] | None:
        """Return what the headers say about the body; None when they say nothing (RFC 9112, section 6)."""
        coding, length = self.transfer_encoding, self.content_length
        if coding is not None:
            if length is not None:
                raise BadHead(400, "Transfer-Encoding and Content-Length contradict each other")
            if minor == 0:
                raise BadHead(400, "HTTP/1.0 has no Transfer-Encoding")
            if coding.lower() != b"chunked":
                raise BadHead(501, "the only transfer coding understood is chunked")
            return Framing.CHUNKED, 0
        if length is None:
            return None
        if not _DIGITS.fullmatch(length):
            raise BadHead(400, "Content-Length is not one plain number")
        size = int(length)
        return (Framing.LENGTH if size else Framing.NONE), size

    def keep_alive(self, minor: int) -> bool:
        """Tell whether the connection may carry another message (RFC 9112, section 9.3)."""
        if minor == 0:
            return b"keep-alive" in self.connection and b"close" not in self.connection
        return b"close" not in self.connection


def check_host(host: bytes | None, minor: int) -> bytes:
    """Return the one valid Host; BadHead otherwise (RFC 9112, section 3.2)."""
    if host is None:
        if minor == 0:
            return b""
        raise BadHead(400, "the Host header is missing")
    if not _HOST.fullmatch(host):
        raise BadHead(400, "Host is not a host name or address with an optional port")
    return host


def check_caps(head: bytes, limits: Limits) -> None:
    """Refuse a head that is too large as a whole, or has too long a line."""
    if len(head) > limits.line_bytes:
        lines = head.split(b"\r\n")
        if len(lines[0]) > limits.line_bytes:
            raise BadHead(414, f"the request line is longer than {limits.line_bytes} bytes")
        if max(map(len, lines)) > limits.line_bytes:
            raise BadHead(431, f"a header line is longer than {limits.line_bytes} bytes")
        if len(head) > limits.head_bytes:
            raise BadHead(431, f"the head is larger than {limits.head_bytes} bytes")


def check_names(headers: list[tuple[bytes, bytes]], limits: Limits) -> None:
    """Refuse too many headers, and names that other software reads as another name."""
    if len(headers) > limits.headers:
        raise BadHead(431, f"there are more than {limits.headers} headers")
    if limits.underscores:
        return
    for name, _ in headers:
        # `X_User_Id` and `X-User-Id` are one variable to CGI and its heirs, so one would hide the other.
        if b"_" in name:
            raise BadHead(400, "a header name contains an underscore")


def _once(before: bytes | None, value: bytes, name: str) -> bytes:
    if before is not None:
        raise BadHead(400, f"there is more than one {name} header")
    return value


_RULING_LENGTHS = frozenset(
    map(len, (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"))
)
