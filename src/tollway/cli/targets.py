"""`tollway targets`: the map of what can run where."""

import json

from tollway.cli.console import say, table
from tollway.topology import ASKS, EDGE, GATEWAY, ROOMS, TARGETS


def run(*, as_json: bool) -> None:
    """Print every target with what it asks, hears and serves."""
    rows = [
        (room.name, room.purpose, " ".join(room.asks), " ".join(room.hears), " ".join(room.paths))
        for room in ROOMS.values()
    ]
    rows.append((GATEWAY, "the REST edge: routes, checks, limits", " ".join(ASKS[GATEWAY]), "", "/"))
    rows.append((EDGE, "the network: proxies, meter, relay", " ".join(ASKS[EDGE]), "", ""))
    rows += [(name, "= " + " ".join(members), "", "", "") for name, members in TARGETS.items()]
    headings = ("target", "purpose", "asks", "hears", "paths")
    if as_json:
        say(json.dumps([dict(zip(headings, row, strict=True)) for row in rows], indent=2))
    else:
        table("Targets", headings, rows)
