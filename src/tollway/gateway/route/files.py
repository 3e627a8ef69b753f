"""Where routes come from: the platform's generated table, and the operator's files in `routes.d`.

Every error is one line that names the file, the route and the field.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from tollway.gateway.route.route import API_CONTENT_POLICY, Route
from tollway.gateway.route.table import InvalidRoutes

VERSION = 1
# Pages for people may style themselves and read the API's description; nothing else.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ANSWER_SPARE_S = 1.0  # a service knows its own limit and says better what it was doing
_TRANSFER_S = 40.0  # for slow clients, to send and to take the bodies

# The files as they were read last: name, time of change, size.
Stamp = tuple[tuple[str, int, int], ...]


class RouteFiles:
    """The operator's files: `*.toml` in one folder, with a `[[route]]` for each route."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self) -> Stamp:
        """Return what changes when a file does."""
        found: list[tuple[str, int, int]] = []
        for path in self._paths():
            try:
                stat = path.stat()
            except OSError:  # it went away just now
                continue
            found.append((path.name, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def read(self) -> list[Route]:
        """Return the routes of all files. Raises InvalidRoutes."""
        return [route for path in self._paths() for route in _read(path)]

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.toml"))


def platform_routes(table: str, endpoints: Callable[[str], Iterable[str]]) -> list[Route]:
    """Return the platform's own routes; `endpoints` gives the addresses of a service. Raises InvalidRoutes."""
    document: dict[str, Any] = json.loads(table)
    if document["version"] != VERSION:
        raise InvalidRoutes(f"routes.json: version {document['version']} is not known; generate it anew")
    return [_platform_route(entry, tuple(endpoints(entry["service"]))) for entry in document["routes"]]


def _platform_route(entry: Mapping[str, Any], endpoints: tuple[str, ...]) -> Route:
    time_limit_s = float(entry["time_limit_s"])
    fields: dict[str, Any] = {
        **{name: entry[name] for name in ("name", "path", "methods", "kind", "auth", "limit")},
        "body_limit_bytes": entry["body_limit_bytes"],
        "time_limit_s": time_limit_s + _TRANSFER_S if time_limit_s else 0,
        "cluster": entry["service"],
        "endpoints": endpoints,
        "forward_token": True,
        "content_policy": PAGE_POLICY if entry["content"] == "page" else API_CONTENT_POLICY,
    }
    if time_limit_s:
        fields["response_timeout_s"] = time_limit_s + _ANSWER_SPARE_S
    if entry["kind"] == "websocket":
        fields["body_limit_bytes"] = 0  # the limit of a message is the service's to keep
    return _route(fields, "routes.json")


def _read(path: Path) -> list[Route]:
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidRoutes(f"{path.name}: {error}") from error
    for key in document:
        if key != "route":
            raise InvalidRoutes(f"{path.name}: {key}: not known; routes are written as [[route]]")
    entries: Any = document.get("route", [])
    if not isinstance(entries, list):
        raise InvalidRoutes(f"{path.name}: route: write [[route]], with two brackets")
    return [_route(entry, path.name) for entry in cast("list[dict[str, Any]]", entries)]


def _route(fields: Mapping[str, Any], source: str) -> Route:
    try:
        return Route.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "route"
        reason = first["msg"].removeprefix("Value error, ")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InvalidRoutes(f"{source}: route {fields.get('name')!r}: {key}: {reason}{more}") from error
