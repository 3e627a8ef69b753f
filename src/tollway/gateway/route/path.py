"""Paths in one form, so that what is matched, what is authorized and what is forwarded are the same."""

import re

_NEEDS_WORK = re.compile(rb"[%\\]|//|/\.")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")


def normal_path(path: bytes) -> bytes | None:
    """Bring a path into its one form (RFC 3986, section 6.2.2); None when it has no safe one.

    Escapes of unreserved characters are resolved, dot segments and doubled slashes removed. An escaped slash,
    backslash or control character, a broken escape, a plain backslash, a dot segment with parameters (`..;`) and a
    climb above the root are refused: servers disagree about each of them.
    """
    if not path.startswith(b"/"):
        return None
    if not _NEEDS_WORK.search(path):
        return path
    try:
        plain = _ESCAPE.sub(_unescape, path)
    except ValueError:
        return None
    if b"\\" in plain:
        return None
    segments: list[bytes] = []
    for segment in plain.split(b"/")[1:]:
        if segment == b"..":
            if not segments:
                return None
            segments.pop()
        elif segment.startswith((b".;", b"..;")):
            return None
        elif segment not in {b"", b"."}:
            segments.append(segment)
    slash = b"/" if plain.endswith((b"/", b"/.", b"/..")) and segments else b""
    return b"/" + b"/".join(segments) + slash


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        raise ValueError("an escape is incomplete")
    value = bytes((int(found[1], 16),))
    if value in b"/\\\x7f" or value < b"\x20":
        raise ValueError("an escaped separator or control character")
    return value if _UNRESERVED.fullmatch(value) else found[0].upper()
