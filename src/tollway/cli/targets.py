"""`tollway targets`: the map of what can run where."""

import json

from tollway.cli.console import say, table
from tollway.topology import CALLS, EDGE, GATEWAY, SERVICES, TARGETS
from tollway.topology.rest_paths import rest_paths


def run(*, as_json: bool) -> None:
    """Print every target with what it calls, subscribes to and serves."""
    paths_of = rest_paths()
    rows = [
        (
            service.name,
            service.purpose,
            " ".join(service.calls),
            " ".join(service.sources),
            " ".join(paths_of.get(service.name, ())),
        )
        for service in SERVICES.values()
    ]
    rows.append((GATEWAY, "the REST edge: routes, checks, limits", " ".join(CALLS[GATEWAY]), "", "/"))
    rows.append((EDGE, "the network: proxies, meter, relay", " ".join(CALLS[EDGE]), "", ""))
    rows += [(name, "= " + " ".join(members), "", "", "") for name, members in TARGETS.items()]
    headings = ("target", "purpose", "calls", "subscribes to", "paths")
    if as_json:
        say(json.dumps([dict(zip(headings, row, strict=True)) for row in rows], indent=2))
    else:
        table("Targets", headings, rows)
