"""The rules that request heads and response heads share: strictness on top of httptools' grammar.

httptools calls back for each header. Most header names mean nothing to framing; which do is judged once per
name as sent and remembered, so the usual header costs one dictionary lookup.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from tollway.wire.http1.heads import BadHead, Framing, HeadLimits

# A host name, IPv4 or [IPv6] address, and perhaps a port. Nothing of a path, a query or user information.
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_MAX_DIGITS = 18
_NONE, _LENGTH, _CHUNKED = Framing.NONE, Framing.LENGTH, Framing.CHUNKED  # a member looked up is not free
_MEMORY = 1_024


class HeadRules:
    """Collects one head from httptools' callbacks, and what its headers say about framing and persistence."""

    __slots__ = (
        "connection",
        "content_length",
        "expect",
        "headers",
        "host",
        "hosts",
        "line",
        "transfer_encoding",
        "underscore",
        "upgrade",
    )

    # Not wanted; httptools looks these names up for every parser.
    on_body = on_message_begin = on_message_complete = on_headers_complete = None
    on_chunk_header = on_chunk_complete = None

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.line = self.upgrade = self.expect = b""
        self.host: bytes | None = None
        self.hosts = 0
        self.content_length: bytes | None = None
        self.transfer_encoding: bytes | None = None
        self.connection: tuple[bytes, ...] = ()
        self.underscore = False

    def on_url(self, target: bytes) -> None:
        self.line = target

    def on_status(self, reason: bytes) -> None:
        self.line = reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def validate(self, head: bytes, limits: HeadLimits) -> None:
        """Look at each header once. Raises BadHead when one is odd, or comes twice and must not."""
        headers = self.headers
        if len(headers) > limits.headers:
            raise BadHead(431, f"there are more than {limits.headers} headers")
        # llhttp strips blanks before a value only. Few heads have any after one.
        if b" \r\n" in head or b"\t" in head:
            headers = self.headers = [(name, value.rstrip(b" \t")) for name, value in headers]
        for name, value in headers:
            rule = _rules[name]
            if rule is not None:
                rule(self, value)
        if self.underscore and not limits.underscores:
            raise BadHead(400, "a header name contains an underscore")

    def is_host(self, value: bytes) -> None:
        self.host, self.hosts = value, self.hosts + 1

    def is_content_length(self, value: bytes) -> None:
        self.content_length = _once(self.content_length, value, "Content-Length")

    def is_transfer_encoding(self, value: bytes) -> None:
        self.transfer_encoding = _once(self.transfer_encoding, value, "Transfer-Encoding")

    def is_connection(self, value: bytes) -> None:
        self.connection += _options(value)

    def is_upgrade(self, value: bytes) -> None:
        self.upgrade = b", ".join(
            dict.fromkeys(members(_once(self.upgrade or None, value, "Upgrade").lower()))
        )

    def is_expect(self, value: bytes) -> None:
        self.expect = value.lower()

    def is_ambiguous(self, _value: bytes) -> None:
        # `X_User_Id` and `X-User-Id` are one variable to CGI and its heirs, so one would hide the other.
        self.underscore = True

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
            return _CHUNKED, 0
        if length is None:
            return None
        if not length.isdigit() or len(length) > _MAX_DIGITS:
            raise BadHead(400, "Content-Length is not one plain number")
        size = int(length)
        return (_LENGTH if size else _NONE), size

    def keep_alive(self, minor: int) -> bool:
        """Return whether the connection may carry another message (RFC 9112, section 9.3)."""
        if not self.connection:
            return minor == 1
        return b"close" not in self.connection and (minor == 1 or b"keep-alive" in self.connection)


def members(value: bytes) -> list[bytes]:
    """Return the members of a list; empty ones do not count (RFC 9110, section 5.6.1)."""
    return [each for part in value.split(b",") if (each := part.strip(b" \t"))]


def check_host(rules: HeadRules, minor: int) -> bytes:
    """Return the one valid Host; BadHead otherwise (RFC 9112, section 3.2)."""
    host = rules.host
    if rules.hosts > 1:
        raise BadHead(400, "there is more than one Host header")
    if host is None:
        if minor == 0:
            return b""
        raise BadHead(400, "the Host header is missing")
    if host not in _good_hosts:
        if not _HOST.fullmatch(host):
            raise BadHead(400, "Host is not a host name or address with an optional port")
        if len(_good_hosts) < _MEMORY:
            _good_hosts.add(host)
    return host


def check_caps(head: bytes, limits: HeadLimits) -> None:
    """Refuse a head that is too large as a whole, or has too long a line."""
    if len(head) > limits.line_bytes:
        lines = head.split(b"\r\n")
        if len(lines[0]) > limits.line_bytes:
            raise BadHead(414, f"the request line is longer than {limits.line_bytes} bytes")
        if max(map(len, lines)) > limits.line_bytes:
            raise BadHead(431, f"a header line is longer than {limits.line_bytes} bytes")
    if len(head) > limits.head_bytes:
        raise BadHead(431, f"the head is larger than {limits.head_bytes} bytes")


def _once(before: bytes | None, value: bytes, name: str) -> bytes:
    if before is not None:
        raise BadHead(400, f"there is more than one {name} header")
    return value


@lru_cache(_MEMORY)
def _options(value: bytes) -> tuple[bytes, ...]:
    return tuple(members(value.lower()))


_Rule = Callable[[HeadRules, bytes], None]


class _Rules(dict[bytes, _Rule | None]):
    """Rules by header name as sent; a new name is judged by its lower case and remembered, up to a bound."""

    def __missing__(self, name: bytes) -> _Rule | None:
        rule = _RULING.get(name.lower()) or (HeadRules.is_ambiguous if b"_" in name else None)
        if len(self) < _MEMORY:
            self[name] = rule
        return rule


_RULING: dict[bytes, _Rule] = {
    b"host": HeadRules.is_host,
    b"content-length": HeadRules.is_content_length,
    b"transfer-encoding": HeadRules.is_transfer_encoding,
    b"connection": HeadRules.is_connection,
    b"upgrade": HeadRules.is_upgrade,
    b"expect": HeadRules.is_expect,
}
_rules = _Rules()
_good_hosts: set[bytes] = set()
