"""The web console: files that were built before, served from memory.

Each file lies there as it is and, where that pays, compressed by gzip and brotli. What the build names by a hash of its
content may be kept for a year; the rest is checked for a newer version each time. An address that is no file is one of
the console's own pages: it gets `index.html`, which draws it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CONSOLE_FOLDER = Path(__file__).parents[1] / "console"
"""Where the build puts the console."""

_HASHED = b"/assets/"
_API = (b"/api/", b"/.well-known/", _HASHED)
_FOREVER = b"Cache-Control: public, max-age=31536000, immutable\r\n"
_CHECKED = b"Cache-Control: no-cache\r\n"
_ENCODINGS = (("br", b"br"), ("gz", b"gzip"))
_MEDIA_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".woff2": b"font/woff2",
}
CONTENT_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page of the console may load: its own files, and the API."""


class ConsoleFile(NamedTuple):
    """A file of the console. `bodies` holds it by content coding; b"" is the file as it is."""

    media_type: bytes
    cache_line: bytes
    etag: bytes
    bodies: dict[bytes, bytes]

    def body_for(self, accepted: bytes) -> tuple[bytes, bytes]:
        """Return the coding and the body that suit an Accept-Encoding best (RFC 9110, section 12.5.3)."""
        codings = _codings(accepted)
        for _, coding in _ENCODINGS:
            if coding in self.bodies and coding in codings:
                return coding, self.bodies[coding]
        return b"", self.bodies[b""]


class Console:
    """The files by path. A console that was not built has none, and finds nothing."""

    def __init__(self, files: dict[bytes, ConsoleFile]) -> None:
        self._files = files
        self._index = files.get(b"/index.html")

    def __bool__(self) -> bool:
        return self._index is not None

    def find(self, path: bytes, headers: Iterable[tuple[bytes, bytes]]) -> ConsoleFile | None:
        """Return the file at a path; `index.html` when a browser asks for a page; else None."""
        found = self._files.get(path)
        if found is None and self._index is not None and not (path + b"/").startswith(_API):
            accept = next((value for name, value in headers if name.lower() == b"accept"), b"")
            found = self._index if b"text/html" in accept else None
        return found


def console_is_built() -> bool:
    """Return whether there is a console to serve."""
    return (CONSOLE_FOLDER / "index.html").is_file()


def load_console(folder: Path) -> Console:
    """Read the console that was built into a folder; there may be none."""
    if not (folder / "index.html").is_file():
        return Console({})
    files = (file for file in folder.rglob("*") if file.suffix in _MEDIA_TYPES)
    return Console(
        {b"/" + file.relative_to(folder).as_posix().encode(): _read(folder, file) for file in files}
    )


def _read(folder: Path, file: Path) -> ConsoleFile:
    body = file.read_bytes()
    bodies = {b"": body}
    for suffix, coding in _ENCODINGS:
        compressed = file.with_name(f"{file.name}.{suffix}")
        if compressed.is_file():
            bodies[coding] = compressed.read_bytes()
    hashed = (b"/" + file.relative_to(folder).as_posix().encode()).startswith(_HASHED)
    etag = b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()
    return ConsoleFile(_MEDIA_TYPES[file.suffix], _FOREVER if hashed else _CHECKED, etag, bodies)


def _codings(accepted: bytes) -> set[bytes]:
    codings: set[bytes] = set()
    for item in accepted.lower().split(b","):
        coding, _, weight = item.partition(b";")
        if weight.replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}:
            codings.add(coding.strip())
    return codings
