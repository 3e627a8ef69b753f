"""The route table: which request goes where, and under which policy.

A path is brought into one form before it is looked at, so that what is matched, what is authorized and what
is forwarded are the same. A route is chosen by the longest prefix of whole segments: `/api/orders` takes
`/api/orders` and `/api/orders/ord_1`, not `/api/ordersx`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Entry = TypeVar("Entry")
METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))

# Pages of the API load nothing; a route that serves pages for people names its own policy.
API_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

_NEEDS_WORK = re.compile(rb"[%\\]|//|/\.")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the table. Times are seconds.

    `upstream` is `unix:/path` or `host:port`. With auth `user` a good cookie or bearer token is needed; with
    `public` one is recognized when it is good and ignored when it is not. `limit` names a limit class of the
    settings; empty exempts. Without `methods` all are let through.
    """

    name: str
    prefix: str
    upstream: str
    methods: frozenset[str] = frozenset()
    auth: Literal["public", "user"] = "user"
    limit: str = "default"
    body_limit_bytes: int = 1 << 20
    connect_s: float = 2.0
    answer_s: float = 30.0  # until the head of the answer, for each try
    total_s: float = 60.0  # for the whole exchange; 0 is no limit, for long downloads and event streams
    silence_s: float = 60.0  # in which not a byte passes either way
    websocket: bool = False
    content_policy: str = API_CONTENT_POLICY


class RouteTable(Generic[Entry]):
    """Finds what stands for a request's route, in time that does not depend on the number of routes."""

    def __init__(self, entries: Iterable[tuple[Route, Entry]]) -> None:
        self._by_prefix: dict[bytes, dict[bytes, Entry]] = {}
        for route, entry in entries:
            here = self._by_prefix.setdefault(route.prefix.rstrip("/").encode(), {})
            for method in [name.encode() for name in route.methods] or [*METHODS]:
                assert method in METHODS, f"route {route.name}: {method!r} is not passed on"
                assert method not in here, f"route {route.name}: another claims the same requests"
                here[method] = entry
        self._depth = max((prefix.count(b"/") for prefix in self._by_prefix), default=0)

    def match(self, path: bytes, method: bytes) -> Entry | frozenset[bytes]:
        """Return the entry, or the methods known at this path: none when there is no such path."""
        found = self._by_prefix.get(b"")
        at = 0
        for _ in range(self._depth):
            at = path.find(b"/", at + 1)
            here = self._by_prefix.get(path if at < 0 else path[:at])
            found = here or found
            if at < 0:
                break
        if found is None:
            return frozenset()
        return found.get(method) or frozenset(found)


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
