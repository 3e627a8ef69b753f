"""The REST paths of each service in short, read from the generated table of routes, for the map."""

import json

from tollway.fabric.rest.policy import TABLE


def rest_paths() -> dict[str, list[str]]:
    """Give the first segments of every path that a service serves, by the service's name."""
    found: dict[str, set[str]] = {}
    for route in json.loads(TABLE.read_text())["routes"]:
        segments = route["path"].split("/")
        short = "/".join(segments[: 4 if "admin" in segments else 3])
        found.setdefault(route["service"], set()).add(short)
    return {service: sorted(paths) for service, paths in found.items()}
