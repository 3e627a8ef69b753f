"""Writes the table of the API's routes, from which the gateway makes its own, from the services' routers.

python tools/routes.py            writes it
python tools/routes.py --check    exits 1 when what is committed is stale
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from tollway.fabric.rest import docs
from tollway.fabric.rest.policy import PUBLIC, TABLE, RoutePolicy, policies
from tollway.topology.routers import routers

VERSION = 1
# Every process with a REST side serves the description of the whole API; this service is everywhere.
DOCS_SERVICE = "identity"


def document() -> str:
    """Describe the routes of every service as the gateway reads them."""
    services = [*routers().items(), (DOCS_SERVICE, docs.router())]
    entries = [entry for service, router in services for entry in _entries(service, policies([router]))]
    entries.sort(key=lambda entry: (entry["path"], entry["methods"]))
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    return f'{{"version": {VERSION}, "routes": [\n{lines}\n]}}\n'


def _entries(service: str, declared: dict[tuple[str, str], RoutePolicy]) -> Iterator[dict[str, Any]]:
    """Give one entry for each path and policy, with all methods that share the two."""
    shared: dict[tuple[str, str], tuple[dict[str, Any], set[str]]] = {}
    for (method, path), policy in declared.items():
        demands = {
            "kind": policy.kind,
            "auth": "public" if policy.permission == PUBLIC else "user",
            "limit": policy.limit,
            "body_limit_bytes": policy.body_limit_bytes,
            "time_limit_s": policy.time_limit_s,
            "content": policy.content,
        }
        _, methods = shared.setdefault((path, json.dumps(demands)), (demands, set()))
        methods.add(method)
        if method == "GET" and policy.kind != "websocket":
            methods.add("HEAD")
    for (path, _), (demands, methods) in shared.items():
        names = sorted(methods)
        yield {
            "name": f"{service}: {' '.join(names)} {path}",
            "service": service,
            "path": path,
            "methods": names,
            **demands,
        }


def main() -> None:
    """Write, or check with --check."""
    fresh = document()
    if "--check" not in sys.argv:
        TABLE.write_text(fresh)
    elif not TABLE.exists() or TABLE.read_text() != fresh:
        print("stale table of routes; run: python tools/routes.py")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
