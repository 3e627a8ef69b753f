"""The hosts for which a server answers.

A name of somebody else that leads here is a page's way around the browser's rules about origins (DNS rebinding), or a
mistake. An address cannot be either.
"""

import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

ANY = "*"
_REMEMBERED = 1_024
_ADDRESS = re.compile(rb"[0-9.]+|\[[0-9a-f:.]+\]")
_LOCAL = re.compile(rb"(?:.*\.)?localhost")


class Hosts:
    """The names by which clients may call a server, besides addresses and localhost. Without any, all are good."""

    def __init__(self, names: Collection[str], of_routes: Iterable[str] = ()) -> None:
        self._names = frozenset(name.lower().encode() for name in (*names, *of_routes))
        self._any = not names or ANY in names
        self._good: set[bytes] = set()  # Host headers as they were sent

    def answers(self, host: bytes) -> bool:
        """Return whether a Host header, with or without a port, names this server."""
        if self._any or host in self._good:
            return True
        name = host.lower()
        if not name.endswith(b"]"):
            head, colon, _ = name.rpartition(b":")
            name = head if colon else name
        name = name.removesuffix(b".")
        good = not name or name in self._names or bool(_ADDRESS.fullmatch(name) or _LOCAL.fullmatch(name))
        if good and len(self._good) < _REMEMBERED:
            self._good.add(host)
        return good


def host_of(url: str) -> str:
    """Return the host of a URL or an origin, as a Host header names it."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


ANY_HOST = Hosts(())
