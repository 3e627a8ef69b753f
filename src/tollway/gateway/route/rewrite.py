"""What a route changes on the way: the path, and headers of request and response."""

from tollway.gateway.route.route import HeaderChanges, Route


class Rewrite:
    """The changes of one route; `rewrite_of` returns None for a route that changes nothing."""

    __slots__ = ("_prefix", "_request", "_response", "_with", "host")

    def __init__(self, route: Route) -> None:
        self.host = route.upstream_host.encode()
        changes_path = route.strip_prefix or route.replace_prefix
        self._prefix = route.prefix.rstrip("/").encode() if changes_path else b""
        self._with = route.replace_prefix.rstrip("/").encode()
        self._request = _Lines(route.request_headers)
        self._response = _Lines(route.response_headers)

    def path(self, path: bytes) -> bytes:
        """Return the path as the upstream gets it."""
        if not self._prefix:
            return path
        return self._with + path[len(self._prefix) :] or b"/"

    def request_lines(self, lines: list[bytes]) -> list[bytes]:
        """Return the header lines of the request as the upstream gets them."""
        return self._request.apply(lines)

    def response_lines(self, lines: list[bytes]) -> list[bytes]:
        """Return the status line and the header lines as the client gets them."""
        return self._response.apply(lines)


class _Lines:
    __slots__ = ("_added", "_removed")

    def __init__(self, changes: HeaderChanges) -> None:
        self._removed = frozenset(name.lower().encode() for name in (*changes.remove, *changes.add))
        self._added = [f"{name}: {value}\r\n".encode() for name, value in changes.add.items()]

    def apply(self, lines: list[bytes]) -> list[bytes]:
        """Remove, then add. A header that is added replaces what was there."""
        if not self._removed:
            return lines
        return [line for line in lines if line.partition(b":")[0].lower() not in self._removed] + self._added


def rewrite_of(route: Route) -> Rewrite | None:
    """Return the changes of a route, or None when there are none."""
    changes = (
        route.strip_prefix,
        route.replace_prefix,
        route.upstream_host,
        route.request_headers != HeaderChanges(),
        route.response_headers != HeaderChanges(),
    )
    return Rewrite(route) if any(changes) else None
