"""Responses: bytes in, ResponseHead, Data and End out, for one request each.

A reader lives for one response, because what a response means depends on its request. Bytes after its end
are an answer nobody asked for: `rest()` shows them, and a connection that has any must not be used again.
"""

import re
from collections.abc import Iterator

import httptools

from tollway.wire.http1.framing import BodyFraming, EndlessBody, body_of
from tollway.wire.http1.head_rules import HeadRules, check_caps
from tollway.wire.http1.heads import (
    BadBody,
    BadHead,
    BadMessage,
    Data,
    End,
    Framing,
    HeadLimits,
    ResponseHead,
)
from tollway.wire.http1.repair import check_beginning, repair_response_head

Event = ResponseHead | Data | End

_PREFIX = b"HTTP/1."
_MINORS = {b"HTTP/1.1 ": 1, b"HTTP/1.0 ": 0}
_END = End(0)
_UNTIL_CLOSE = Framing.UNTIL_CLOSE
_LIMITS = HeadLimits(line_bytes=16_384, head_bytes=65_536, headers=200, underscores=True)
_TOLERANT_LIMITS = HeadLimits(line_bytes=131_072, head_bytes=131_072, headers=1_000, underscores=True)
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_BLANK_LINES = 8
_INTERIM_BYTES = 131_072  # of the 1xx heads before a response


class ResponseReader:
    """Reads the response to one request with `method`. Raises BadHead or BadBody (status 502).

    A `tolerant` one is for origins of the web: it reads what the rules forbid if that has one meaning (`repair`).
    """

    __slots__ = (
        "_at",
        "_body",
        "_buffer",
        "_done",
        "_ending",
        "_interim_bytes",
        "_keep_alive",
        "_limits",
        "_method",
        "_tolerant",
        "untouched",
    )

    def __init__(self, method: bytes, *, tolerant: bool = False) -> None:
        self._method, self._tolerant = method, tolerant
        self._limits = _TOLERANT_LIMITS if tolerant else _LIMITS
        self._buffer = b""
        self._at = 0
        self._body: BodyFraming | None = None
        self._ending = False
        self._done = False
        self._keep_alive = False
        self._interim_bytes = 0
        self.untouched = True  # nothing was fed: no byte of an answer came

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self.untouched = False
        self._buffer = self._buffer[self._at :] + data if self._buffer else data
        self._at = 0

    def __iter__(self) -> Iterator[Event]:
        """Go through the events that follow from what was fed so far."""
        return iter(self.next_event, None)

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed or the response has ended."""
        if self._ending:
            self._ending, self._done = False, True
            return _END
        if self._done or not self._buffer:
            return None
        try:
            return self._next_head() if self._body is None else self._next_data(self._body)
        except BadMessage as error:
            error.status = 502
            self._done, self._buffer, self._at = True, b"", 0
            raise

    def eof(self) -> End | None:
        """Say that the peer closed. Returns End when that is how this body ends, None when it had ended.

        Raises BadBody when the response is cut short.
        """
        if self._done:
            return None
        if isinstance(self._body, EndlessBody) and not self._buffer:
            self._done = True
            return _END
        self._done = True
        raise BadBody(502, "the connection closed before the response was complete")

    def rest(self) -> bytes:
        """Take the bytes that were fed and not read: what follows a 101 or the answer to CONNECT."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return rest

    @property
    def done(self) -> bool:
        """Whether the response has ended."""
        return self._done

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another exchange: all was said, nothing more came."""
        return self._done and self._keep_alive and not self._buffer

    def _next_head(self) -> ResponseHead | None:
        start = self._at
        if self._tolerant and self._buffer.startswith((b"\r", b"\n"), start):
            start = self._behind_blank_lines()
        end = self._end_of_head(start)
        if end < 0:
            partial = self._buffer[start:]
            if self._tolerant:
                check_beginning(partial)
            elif not partial.startswith(_PREFIX[: len(partial)]):
                raise BadHead(502, "the answer is not HTTP/1.1")
            check_caps(partial, self._limits)
            return None
        head = self._buffer[start:end] if start or end < len(self._buffer) else self._buffer
        parsed = self._read_head(head)
        if start > self._at:
            parsed = parsed._replace(size=end - self._at, repaired=True)
        self._consume(end)
        self._keep_alive = parsed.keep_alive
        if parsed.status >= 200 or parsed.status == 101:
            self._body = body_of(parsed.framing, parsed.length, tolerant=self._tolerant)
            self._ending = self._body is None
        else:
            self._interim_bytes += parsed.size
            if self._interim_bytes > _INTERIM_BYTES:
                raise BadHead(502, "the interim responses (1xx) do not end")
        return parsed

    def _behind_blank_lines(self) -> int:
        """Skip blank lines before the status line; some servers send one line end too many."""
        at = self._at
        for _ in range(_BLANK_LINES):
            for line_end in (b"\r\n", b"\n"):
                if self._buffer.startswith(line_end, at):
                    at += len(line_end)
        return at if self._buffer[at:] != b"\r" else at + 1

    def _end_of_head(self, start: int) -> int:
        """Return where the blank line ends, whichever line ends it is made of; negative when it has not come."""
        buffer = self._buffer
        if not self._tolerant:
            end = buffer.find(b"\r\n\r\n", start)
            return end + 4 if end >= 0 else -1
        end = buffer.find(b"\n\r\n", start)
        bare = buffer.find(b"\n\n", start, end + 1 if end >= 0 else len(buffer))
        if bare >= 0:
            return bare + 2
        return end + 3 if end >= 0 else -1

    def _read_head(self, head: bytes) -> ResponseHead:
        """Parse one complete head, blank line included. Raises BadHead."""
        check_caps(head, self._limits)
        if not self._tolerant:
            return _read_strictly(head, self._method, self._limits)
        try:
            parsed = _read_strictly(head, self._method, self._limits)
        except BadHead:
            pass
        else:
            needless = (parsed.status < 200 or parsed.status == 204) and _has_length(parsed)
            if parsed.status >= 100 and _REASON.fullmatch(parsed.reason) and not needless:
                return parsed
        strict = _read_strictly(repair_response_head(head, self._method), self._method, self._limits)
        return strict._replace(size=len(head), repaired=True)

    def _next_data(self, body: BodyFraming) -> Event | None:
        payload, after, ended = body.take(self._buffer, self._at)
        size = after - self._at
        self._consume(after)
        if ended:
            if not payload:
                self._done = True
                return End(size)
            self._ending = True
        return Data(payload, size) if payload or size else None

    def _consume(self, after: int) -> None:
        if after == len(self._buffer):
            self._buffer, self._at = b"", 0
        else:
            self._at = after


def _read_strictly(head: bytes, method: bytes, limits: HeadLimits) -> ResponseHead:
    rules = HeadRules()
    parser = httptools.HttpResponseParser(rules)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise BadHead(502, f"the response is malformed: {error}") from error
    minor = _MINORS.get(head[:9])
    if minor is None:
        raise BadHead(502, "the answer is not HTTP/1.1")
    rules.validate(head, limits)
    if rules.hosts > 1:
        raise BadHead(502, "there is more than one Host header")
    status = parser.get_status_code()
    framing, length = _framing(rules, status, method, minor)
    return ResponseHead(
        status,
        rules.line,
        minor,
        tuple(rules.headers),
        framing,
        length,
        rules.keep_alive(minor) and framing is not _UNTIL_CLOSE,
        rules.connection,
        rules.upgrade,
        len(head),
    )


def _has_length(head: ResponseHead) -> bool:
    return any(name.lower() == b"content-length" for name, _ in head.headers)


def _framing(rules: HeadRules, status: int, method: bytes, minor: int) -> tuple[Framing, int]:
    """RFC 9112, section 6.3: some responses never have a body, whatever their headers say."""
    framing = rules.body(minor)
    if status == 200 and framing is not None and method not in {b"HEAD", b"CONNECT"}:
        return framing
    if method == b"HEAD" or status < 200 or status in {204, 304} or (method == b"CONNECT" and status < 300):
        return Framing.NONE, 0
    return framing or (Framing.UNTIL_CLOSE, 0)
