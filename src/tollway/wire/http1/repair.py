"""Response heads as the web sends them, made into heads as RFC 9112 has them.

A proxy is strict with requests and tolerant with responses: what has one meaning only is written anew and passed on,
what has several is refused with the reason. Only heads that the strict parser refused come here, and a connection
with such an origin is not used again.
"""

import re

from tollway.wire.http1.head_rules import members
from tollway.wire.http1.heads import BadHead

_STATUS_LINE = re.compile(rb"(?:HTTP/1\.([0-9])|(ICY))[ \t]+([1-9][0-9]{2})(?:[ \t]+(.*))?", re.IGNORECASE)
_STATUS_LINE_BEGUN = re.compile(rb"(?:HTTP/1\.[0-9]|ICY)(?:[ \t]+(?:[1-9][0-9]{0,2}(?:[ \t].*)?)?)?\r?", re.I)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.DOTALL)
_CONTROLS = bytes(0x20 if byte < 0x20 or byte == 0x7F else byte for byte in range(256))
_MAX_DIGITS = 18
_NO_LENGTH = (b"1", b"204")  # how the statuses begin that never have one (RFC 9110, section 8.6)
_BODYLESS = (*_NO_LENGTH, b"304")  # and that never have a body (RFC 9112, section 6.3)
_SWITCHING = b"101"


def repair_response_head(head: bytes, method: bytes = b"GET") -> bytes:
    """Return the head with one meaning made plain. Raises BadHead with the reason when it has none or several.

    Where no body can follow, what is said about one is left out if it makes no sense.
    """
    if b"\0" in head:
        raise BadHead(502, "there is a NUL in the head")
    first, *lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise BadHead(502, "the answer does not begin with an HTTP/1 status line")
    minor = 0 if status_line[2] or status_line[1] == b"0" else 1
    fields = [_field(line) for line in _unfolded(lines) if line]
    status = status_line[3]
    chunked, length = _framing(fields, bodyless=method == b"HEAD" or status.startswith(_BODYLESS))
    kept = [pair for pair in fields if pair[0].lower() not in _REWRITTEN]
    upgrades = [each for name, value in fields if name.lower() == b"upgrade" for each in members(value)]
    if upgrades:
        kept.append((b"Upgrade", b", ".join(dict.fromkeys(upgrades))))
    elif status == _SWITCHING:
        raise BadHead(502, "it switches to another protocol and does not say which")
    if chunked:
        kept.append((b"Transfer-Encoding", b"chunked"))
        minor = 1  # 1.0 has no chunks; this origin means 1.1
    elif length is not None and not status.startswith(_NO_LENGTH):
        kept.append((b"Content-Length", length))
    kept.append((b"Connection", b"Upgrade" if status == _SWITCHING else b"close"))
    reason = (status_line[4] or b"").translate(_CONTROLS)
    start = b"HTTP/1.%d %b %b" % (minor, status, reason)
    return b"\r\n".join([start, *(b"%b: %b" % pair for pair in kept), b"", b""])


def check_beginning(part: bytes) -> None:
    """Refuse a beginning that cannot become a response head: there is no point in waiting. Raises BadHead."""
    first, line_end, rest = part.partition(b"\n")
    if not line_end:
        if b"\0" in part or not _may_begin(first):
            raise BadHead(502, "the answer does not begin with an HTTP/1 status line")
        return
    if b"\0" in part or _STATUS_LINE.fullmatch(first.rstrip(b"\r")) is None:
        raise BadHead(502, "the answer does not begin with an HTTP/1 status line")
    for line in rest.split(b"\n")[:-1]:
        if line and line[:1] not in b" \t\r":
            _field(line)


def _may_begin(first: bytes) -> bool:
    if _STATUS_LINE_BEGUN.fullmatch(first):
        return True
    shortened = first.upper()
    return b"HTTP/1.".startswith(shortened) or b"ICY ".startswith(shortened)


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Join folded lines (RFC 9112, section 5.2); one before the first field is dropped (section 2.2)."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            joined.append(line)
        elif joined:
            joined[-1] += b" " + line.strip(b" \t")
    return joined


def _field(line: bytes) -> tuple[bytes, bytes]:
    field = _FIELD.fullmatch(line)
    if field is None:
        raise BadHead(502, "a header line has no valid name")
    return field[1], field[2].translate(_CONTROLS).strip(b" ")


def _framing(fields: list[tuple[bytes, bytes]], *, bodyless: bool) -> tuple[bool, bytes | None]:
    """Return whether the body is chunked, and else its length, None without one (RFC 9112, section 6.3)."""
    try:
        chunked = _is_chunked(fields)
        return chunked, None if chunked else _content_length(fields)
    except BadHead:
        if not bodyless:
            raise
        return False, None


def _content_length(fields: list[tuple[bytes, bytes]]) -> bytes | None:
    """Return the length on which all Content-Length fields agree, None without one."""
    values = [value for name, value in fields if name.lower() == b"content-length"]
    found = [each for value in values for each in members(value)]
    if values and not found:
        raise BadHead(502, "Content-Length is empty")
    if not all(each.isdigit() and len(each.lstrip(b"0")) <= _MAX_DIGITS for each in found):
        raise BadHead(502, "Content-Length is not a number")
    lengths = {int(each) for each in found}
    if len(lengths) > 1:
        raise BadHead(502, "there are several Content-Length that differ")
    return b"%d" % lengths.pop() if lengths else None


def _is_chunked(fields: list[tuple[bytes, bytes]]) -> bool:
    """Return whether the body is chunked. Raises BadHead for a coding that is not understood."""
    values = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    codings = [each for value in values for each in members(value.lower())]
    if values and not codings:
        raise BadHead(502, "Transfer-Encoding is empty")
    if codings and all(coding == b"identity" for coding in codings):
        return False
    if codings not in ([], [b"chunked"]):
        raise BadHead(502, "the only transfer coding understood is chunked")
    return bool(codings)


# Host means nothing in a response.
_REWRITTEN = frozenset((b"content-length", b"transfer-encoding", b"connection", b"host", b"upgrade"))
