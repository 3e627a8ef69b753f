"""The way back: heads and chunks as bytes, and what a proxy must not pass on."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

LAST_CHUNK = b"0\r\n\r\n"

# RFC 9110, section 7.6.1: these speak of one connection, so they end here.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_NEVER_DROPPED = frozenset((b"content-length", b"host"))
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {code: b"HTTP/1.1 %d %b\r\n" % (code, phrase) for code, phrase in _REASONS.items()}


def write_request_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a complete HTTP/1.1 request head. Raises ValueError when a part would break out of its line."""
    return _write(b"%b %b HTTP/1.1\r\n" % (method, target), headers)


def write_response_head(status: int, headers: Iterable[tuple[bytes, bytes]], reason: bytes = b"") -> bytes:
    """Return a complete HTTP/1.1 response head; the usual reason phrase unless one is given."""
    return _write(status_line(status, reason), headers)


def status_line(status: int, reason: bytes = b"") -> bytes:
    """Return the first line of a response, with the usual reason phrase unless one is given."""
    line = None if reason else _STATUS_LINES.get(status)
    return line or b"HTTP/1.1 %d %b\r\n" % (status, reason)


def write_chunk(payload: bytes) -> bytes:
    """Return one chunk (RFC 9112, section 7.1). An empty payload is nothing: the last chunk is LAST_CHUNK."""
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""


def strip_hop_by_hop(
    headers: Iterable[tuple[bytes, bytes]], connection: Sequence[bytes] = ()
) -> list[tuple[bytes, bytes]]:
    """Return the end-to-end headers: without those of this connection and those that Connection names.

    Connection cannot name what frames or routes the message (RFC 9110, section 7.6.1): another hop would read it
    otherwise than we did.
    """
    drop = HOP_BY_HOP.union(connection) - _NEVER_DROPPED if connection else HOP_BY_HOP
    return [pair for pair in headers if pair[0].lower() not in drop]


def _write(line: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b\r\n" % pair for pair in headers]
    head = line + b"".join(lines) + b"\r\n"
    # One line end for each line, or somebody's value carries a line of its own.
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        raise ValueError("a header or the first line contains a line end")
    return head
