"""Requests: bytes in, RequestHead, Data and End out, one message after the other.

A head is cut out at its blank line and parsed whole, in one call, by a parser made for it: no state of one
request can leak into the next, and the sizes are exact. Pipelined requests are read in order, each when
the caller asks for the next event.
"""

import re
from collections.abc import Iterator

import httptools

from tollway.wire.http1.framing import BodyFraming, body_of
from tollway.wire.http1.head_rules import HeadRules, check_caps, check_host
from tollway.wire.http1.heads import (
    BadHead,
    BadMessage,
    Data,
    End,
    Framing,
    HeadLimits,
    RequestHead,
)

Event = RequestHead | Data | End

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,19}(?: |\Z)")
_ANY_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}(?: |\Z)")  # RFC 9110, section 9.1
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([^\x00-\x20\x7f]+) (HTTP/1\.[01])")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_STAND_IN = b"PATCH"  # for methods that llhttp does not know, and we need not
_WITH_OTHER_TARGETS = (b"CONNECT", b"OPTIONS")
# What no head may contain, wherever it stands: NUL, a bare LF, a bare CR.
_FORBIDDEN = re.compile(rb"\x00|(?<!\r)\n|\r(?!\n|\Z)")
_OTHER_VERSION = re.compile(rb"\S+ \S+ HTTP/[0-9]\.[0-9]")
_SLASH = 0x2F
_END = End(0)
_MAX_WASTE = 16_384
_NO_BODY = (Framing.NONE, 0)


class RequestReader:
    """Reads the requests of one connection. Raises BadHead or BadBody once, and is dead afterwards."""

    __slots__ = ("_at", "_body", "_buffer", "_checked", "_ending", "_error", "_limits", "refused")

    def __init__(self, limits: HeadLimits = HeadLimits()) -> None:  # noqa: B008  frozen
        self._limits = limits
        self._buffer = b""
        self._at = 0
        self._checked = 0  # bytes of the beginning of a head that were looked at
        self._body: BodyFraming | None = None
        self._ending = False
        self._error: BadMessage | None = None
        self.refused = b""  # the bytes in which a rule was broken

    def feed(self, data: bytes) -> None:
        """Add what arrived. After an error it is thrown away."""
        if self._error is None:
            self._buffer = self._buffer[self._at :] + data if self._buffer else data
            self._at = 0

    def __iter__(self) -> Iterator[Event]:
        """Go through the events that follow from what was fed so far."""
        return iter(self.next_event, None)

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed."""
        if self._error is not None:
            raise self._error
        if self._ending:
            self._ending = False
            return _END
        if not self._buffer:
            return None
        try:
            return self._next_head() if self._body is None else self._next_data(self._body)
        except BadMessage as error:
            self._error, self.refused = error, self._buffer[self._at :]
            self._buffer, self._at = b"", 0
            raise

    def rest(self) -> bytes:
        """Take the bytes that were fed and not read: what follows a CONNECT or an upgrade."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return rest

    @property
    def waiting(self) -> int:
        """How many bytes were fed and not read yet."""
        return len(self._buffer) - self._at

    @property
    def between_messages(self) -> bool:
        """Whether no request is under way, so that closing now cuts nothing off."""
        return self._body is None and not self._ending and not self._buffer

    # ── the head ────────────────────────────────────────────────────────────────────────────────────

    def _next_head(self) -> RequestHead | None:
        start = self._at
        # Some clients end a body with one line end too many (RFC 9112, section 2.2); it counts as head.
        begin = start + 2 if self._buffer.startswith(b"\r\n", start) else start
        end = self._buffer.find(b"\r\n\r\n", begin)
        if end < 0:
            self._check_beginning(begin)
            return None
        end += 4
        self._checked = 0
        head = self._buffer[begin:end] if begin or end < len(self._buffer) else self._buffer
        parsed = read_request_head(head, self._limits, end - start)
        self._consume(end)
        self._body = body_of(parsed.framing, parsed.length, _MAX_WASTE)
        self._ending = self._body is None
        return parsed

    def _check_beginning(self, begin: int) -> None:
        """Refuse early what can never become a request: rubbish need not wait for a deadline.

        Only what is new is looked at, or a head sent byte by byte would cost its length squared.
        """
        buffer = self._buffer
        if buffer[begin : begin + 2] in {b"", b"\r"}:
            return
        unchecked = max(begin, self._at + self._checked)
        methods = _ANY_METHOD if self._limits.forward else _METHOD
        if not methods.match(buffer, begin) or _FORBIDDEN.search(buffer, unchecked):
            raise BadHead(400, "this is not an HTTP/1.1 request")
        # The last byte is looked at again: if it is a CR, what follows decides about it.
        self._checked = len(buffer) - 1 - self._at
        check_caps(buffer[begin:], self._limits)

    # ── the body ────────────────────────────────────────────────────────────────────────────────────

    def _next_data(self, body: BodyFraming) -> Event | None:
        payload, after, ended = body.take(self._buffer, self._at)
        size = after - self._at
        self._consume(after)
        if ended:
            self._body = None
            if not payload:
                return End(size)
            self._ending = True
        return Data(payload, size) if payload or size else None

    def _consume(self, after: int) -> None:
        if after == len(self._buffer):
            self._buffer, self._at = b"", 0
        else:
            self._at = after


def read_request_head(head: bytes, limits: HeadLimits, size: int) -> RequestHead:
    """Parse one complete head, blank line included. Raises BadHead."""
    check_caps(head, limits)
    try:
        return _read_strictly(head, limits, size)
    except BadHead:
        plain = _in_plain_form(head) if limits.forward else None
        if plain is None:
            raise
    method, plain_head = plain
    return _read_strictly(plain_head, limits, size)._replace(method=method)


def _in_plain_form(head: bytes) -> tuple[bytes, bytes] | None:
    """Return the method, and the head with a method that llhttp knows and a target in ASCII; None if that is no help.

    Raw UTF-8 is percent-encoded, as the client should have (RFC 3986, section 2.1); a fragment, which is none of the
    origin's business (RFC 9110, section 7.1), is left out.
    """
    line, line_end, rest = head.partition(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        return None
    method, target, version = found.groups()
    if method == b"CONNECT":
        target = target.removesuffix(b"/")  # which some programs leave on
    plain = _NOT_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), target.partition(b"#")[0])
    known = method if method in _WITH_OTHER_TARGETS else _STAND_IN
    if not plain:
        return None
    return method, b"%b %b %b" % (known, plain, version) + line_end + rest


def _read_strictly(head: bytes, limits: HeadLimits, size: int) -> RequestHead:
    rules = HeadRules()
    parser = httptools.HttpRequestParser(rules)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT or an upgrade: the head is complete and valid all the same
    except httptools.HttpParserInvalidMethodError as error:
        known = _METHOD.match(head)
        raise BadHead(501 if known else 400, "this method is not known") from error
    except httptools.HttpParserError as error:
        raise BadHead(400, f"the request is malformed: {error}") from error
    method, target = parser.get_method(), rules.line
    minor = _minor(head, method, target)
    _check_target(method, target)
    rules.validate(head, limits)
    framing, length = rules.body(minor) or _NO_BODY
    if rules.expect and rules.expect != b"100-continue":
        raise BadHead(417, "the only expectation understood is 100-continue")
    return RequestHead(
        method,
        target,
        minor,
        tuple(rules.headers),
        _host(rules, minor, target, limits),
        framing,
        length,
        rules.keep_alive(minor),
        rules.connection,
        rules.upgrade if minor and b"upgrade" in rules.connection else b"",
        bool(rules.expect) and minor == 1,
        size,
    )


def _host(rules: HeadRules, minor: int, target: bytes, limits: HeadLimits) -> bytes:
    """Return the one valid Host; beside a URL or an authority it is ignored (RFC 9112, section 3.2.2)."""
    if limits.forward and target[0] != _SLASH and target != b"*":
        return b""
    return check_host(rules, minor)


def _minor(head: bytes, method: bytes, target: bytes) -> int:
    """Read the version of a request line that is exactly method, space, target, space, version."""
    line = head[: head.find(b"\r")]
    if line == b"%b %b HTTP/1.1" % (method, target):
        return 1
    if line == b"%b %b HTTP/1.0" % (method, target):
        return 0
    if _OTHER_VERSION.fullmatch(line):
        raise BadHead(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    raise BadHead(400, "the request line is not exactly METHOD target HTTP/1.1")


def _check_target(method: bytes, target: bytes) -> None:
    """Refuse a target that is none of the four forms (RFC 9112, section 3.2), or has a fragment.

    llhttp has made sure that it is visible ASCII.
    """
    if b"#" in target:
        raise BadHead(400, "the request target has a fragment")
    if method == b"CONNECT":
        if b"/" in target or b":" not in target or b"@" in target:
            raise BadHead(400, "CONNECT needs a target of the form host:port")
    elif target[0] != _SLASH and b"://" not in target[:16] and not (target == b"*" and method == b"OPTIONS"):
        raise BadHead(400, "the request target is neither a path nor an absolute URL")
