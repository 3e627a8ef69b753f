"""Locations as customers choose among them: what the platform knows of each, and nothing that it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.locations import Location
from tollway.kit.times import DAY_US
from tollway.services.access import store
from tollway.services.access.service.nodes import Nodes
from tollway.services.access.store.nodes import Node
from tollway.services.access.store.presence import Presence
from tollway.services.access.store.usage import Load, day_of

UPTIME_DAYS = 30
DIRECT = "direct"
"""Where traffic leaves from the address of a node itself. A node that does not say where it stands serves this."""


@dataclass(frozen=True, slots=True)
class LocationFigures:
    """What is known of a location.

    `load`: the part of what its nodes can carry that they carry, None when one of them does not say how much that is.
    `presence` is None until somebody has looked.
    """

    location: Location
    nodes_up: int
    load: float | None
    presence: Presence | None


class Locations:
    """Figures of the locations."""

    def __init__(self, db: Database, clock: Clock, locations: Sequence[Location], nodes: Nodes) -> None:
        self._db, self._clock = db, clock
        self._locations, self._nodes = locations, nodes

    async def all(self) -> list[LocationFigures]:
        """Return every location with what is known of it."""
        known = await self._nodes.all()
        from_day = day_of(self._clock.now_us() - (UPTIME_DAYS - 1) * DAY_US)
        async with self._db.snapshot() as tx:
            presence = await store.presence.since(tx, from_day)
        return [
            LocationFigures(one, len(up := _serving(one.id, known)), _load(up), presence.get(one.id))
            for one in self._locations
        ]

    async def look(self) -> None:
        """Note which locations have a node that is up; those that never had one are left out."""
        known = await self._nodes.all()
        served = {place for node, _, _ in known for place in _places(node)}
        up = {one.id: bool(_serving(one.id, known)) for one in self._locations if one.id in served}
        async with self._db.transaction() as tx:
            await store.presence.count(tx, day_of(tx.now_us), up)


def _places(node: Node) -> set[str]:
    return {endpoint.location or DIRECT for endpoint in node.endpoints}


def _serving(location: str, known: Sequence[tuple[Node, Load, bool]]) -> list[tuple[Node, Load]]:
    return [(node, load) for node, load, online in known if online and location in _places(node)]


def _load(up: Sequence[tuple[Node, Load]]) -> float | None:
    capacities = [max((endpoint.capacity for endpoint in node.endpoints), default=0) for node, _ in up]
    if not capacities or not all(capacities):
        return None
    return sum(load.flows for _, load in up) / sum(capacities)
