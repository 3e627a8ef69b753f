"""Bodies: how many of the bytes at hand belong to this message, and what they carry.

A body takes the buffer and a position and returns `(payload, position after it, whether it ended)`. One call takes
all there is, so a peer that sends one-byte chunks makes one event, not thousands.
"""

import re
from typing import Protocol

from tollway.wire.http1.heads import BadBody, Framing

# Chunk extensions are allowed by grammar and used by nobody but smugglers: short ones without controls are
# skipped. Fifteen hexadecimal digits are 2**60 bytes.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e]*)?\r\n")
_CHUNK_LINE_BYTES = 256
# What servers send besides: blanks behind the size, long extensions of any bytes, bare line feeds. Chunks are written
# anew, so none of it goes on.
_LOOSE_CHUNK_LINE = re.compile(rb"0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LOOSE_CHUNK_LINE_BYTES = 16_384
_LOOSE_CHUNK_LINE_BEGUN = re.compile(rb"0*[0-9A-Fa-f]{0,15}[ \t]*(?:;[^\r\n]*)?\r?")
_LOOSE_TRAILER_LINE = re.compile(rb"[^\r\n]+\r?\n")
_LOOSE_TRAILER_LINE_BEGUN = re.compile(rb"[^\r\n]*\r?")
_CHUNK_LINE_BEGUN = re.compile(rb"[0-9A-Fa-f]{1,15}[ \t]*(?:;[\t\x20-\x7e]*)?\r?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")
_TRAILER_LINE_BEGUN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*(?::[\t\x20-\x7e\x80-\xff]*)?\r?")
_TRAILERS_BYTES = 8_192
_LF, _CR = 0x0A, 0x0D
_STRICT_SIZE = (_CHUNK_LINE, _CHUNK_LINE_BEGUN, _CHUNK_LINE_BYTES)
_LOOSE_SIZE = (_LOOSE_CHUNK_LINE, _LOOSE_CHUNK_LINE_BEGUN, _LOOSE_CHUNK_LINE_BYTES)
_STRICT_TRAILER = (_TRAILER_LINE, _TRAILER_LINE_BEGUN)
_LOOSE_TRAILER = (_LOOSE_TRAILER_LINE, _LOOSE_TRAILER_LINE_BEGUN)


class BodyFraming(Protocol):
    """The state of one body being read."""

    def take(self, buffer: bytes, at: int) -> tuple[bytes, int, bool]:
        """Consume from `at`. Raises BadBody when the framing is broken."""
        ...


def body_of(
    framing: Framing, length: int, max_waste: int | None = None, *, tolerant: bool = False
) -> BodyFraming | None:
    """Return the reader of a body, or None when there is none.

    `max_waste` limits the chunk framing, in bytes beyond the payload; None does not. `tolerant` reads odd chunk lines
    that have one meaning only.
    """
    if length:
        return LengthBody(length)
    if framing is Framing.CHUNKED:
        return ChunkedBody(max_waste, tolerant=tolerant)
    return EndlessBody() if framing is Framing.UNTIL_CLOSE else None


class LengthBody:
    """Exactly as many bytes as Content-Length said."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def take(self, buffer: bytes, at: int) -> tuple[bytes, int, bool]:
        end = min(len(buffer), at + self._left)
        self._left -= end - at
        # The usual piece is a whole buffer: hand it on as it is, uncopied.
        payload = buffer if at == 0 and end == len(buffer) else buffer[at:end]
        return payload, end, self._left == 0


class EndlessBody:
    """Everything until the peer closes."""

    __slots__ = ()

    def take(self, buffer: bytes, at: int) -> tuple[bytes, int, bool]:
        return buffer[at:] if at else buffer, len(buffer), False


class ChunkedBody:
    """Chunks, then trailers (RFC 9112, section 7.1)."""

    __slots__ = ("_bare", "_left", "_max_waste", "_state", "_tolerant", "_trailers", "_waste")

    def __init__(self, max_waste: int | None = None, *, tolerant: bool = False) -> None:
        self._max_waste, self._tolerant = max_waste, tolerant
        self._waste = 0
        self._bare = False  # the last chunk line ended with a bare line feed, so its chunk may
        self._state = "size"
        self._left = 0
        self._trailers = 0

    def take(self, buffer: bytes, at: int) -> tuple[bytes, int, bool]:
        payload, after, ended = self._take(buffer, at)
        if self._max_waste is not None:
            # A chunk of one byte is six on the wire, and costs us a hundred times what a plain byte does.
            self._waste += after - at - 2 * len(payload)
            if self._waste > self._max_waste:
                raise BadBody(400, "the chunks are too small")
        return payload, after, ended

    def _take(self, buffer: bytes, at: int) -> tuple[bytes, int, bool]:
        pieces: list[bytes] = []
        while at < len(buffer):
            before, state = at, self._state
            match state:
                case "size":
                    at = self._size(buffer, at)
                case "data":
                    end = min(len(buffer), at + self._left)
                    pieces.append(buffer[at:end])
                    self._left -= end - at
                    at = end
                    if self._left == 0:
                        self._state = "data-end"
                case "data-end":
                    at = self._data_end(buffer, at)
                case _:
                    at = self._trailer(buffer, at)
            if self._state == "end":
                return b"".join(pieces), at, True
            if at == before and self._state == state:
                break
        return b"".join(pieces), at, False

    def _size(self, buffer: bytes, at: int) -> int:
        lines, begun, most = _LOOSE_SIZE if self._tolerant else _STRICT_SIZE
        line = lines.match(buffer, at)
        if line is None or line.end() - at > most:
            if begun.fullmatch(buffer, at) and len(buffer) - at < most:
                return at
            raise BadBody(400, "a chunk size is malformed")
        self._left = int(line[1], 16)
        self._bare = self._tolerant and buffer[line.end() - 2] != _CR
        self._state = "data" if self._left else "trailers"
        return line.end()

    def _data_end(self, buffer: bytes, at: int) -> int:
        if buffer[at : at + 2] == b"\r\n":
            self._state = "size"
            return at + 2
        if self._bare and buffer[at] == _LF:
            self._state = "size"
            return at + 1
        if buffer[at:] != b"\r":
            raise BadBody(400, "a chunk is longer than its size says")
        return at

    def _trailer(self, buffer: bytes, at: int) -> int:
        if buffer[at : at + 2] == b"\r\n":
            self._state = "end"
            return at + 2
        if self._tolerant and buffer[at] == _LF:
            self._state = "end"
            return at + 1
        lines, begun = _LOOSE_TRAILER if self._tolerant else _STRICT_TRAILER
        line = lines.match(buffer, at)
        left = _TRAILERS_BYTES - self._trailers
        if line is None or line.end() - at > left:
            if begun.fullmatch(buffer, at) and len(buffer) - at < left:
                return at
            raise BadBody(400, "a trailer is malformed or too large")
        self._trailers += line.end() - at
        return line.end()
