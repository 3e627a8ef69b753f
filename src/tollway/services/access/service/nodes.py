"""Nodes: edge processes that come up, and where customers reach them."""

from collections.abc import Sequence

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.kinds import ResourceKind
from tollway.services.access.model.units import Unit
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.nodes import Node, NodeEndpoint
from tollway.services.access.store.usage import Load


class Nodes:
    """Which nodes are up."""

    def __init__(
        self, db: Database, clock: Clock, settings: AccessSettings, kinds: dict[str, ResourceKind]
    ) -> None:
        self._db, self._clock = db, clock
        self._online_us = int(settings.node_online_s * SECOND_US)
        self._byte_kinds = [kind.name for kind in kinds.values() if kind.unit is Unit.BYTE]

    async def open(self, name: str, boot_id: str, endpoints: Sequence[NodeEndpoint]) -> int:
        """Record that a node is up; return the number of the last change, from which it follows.

        What an earlier boot of it held is given back after a grace in which it may report what it finds.
        """
        if not name or not boot_id:
            raise Invalid("a node has a name and a boot id")
        async with self._db.transaction() as tx:
            await store.nodes.open_node(tx, name, boot_id, endpoints)
            return await store.changes.head(tx)

    async def endpoints(self) -> list[NodeEndpoint]:
        """Return where customers reach the nodes that were in touch lately."""
        async with self._db.snapshot() as tx:
            nodes = await store.nodes.all_nodes(tx)
        # Workers of one machine share their ports: each place is listed once.
        return list(dict.fromkeys(one for node in nodes if self._is_online(node) for one in node.endpoints))

    async def serving(self, protocol: str) -> list[str]:
        """Name the nodes that were in touch lately and serve a protocol."""
        async with self._db.snapshot() as tx:
            nodes = await store.nodes.all_nodes(tx)
        return [
            node.name
            for node in nodes
            if self._is_online(node) and any(one.protocol == protocol for one in node.endpoints)
        ]

    async def all(self) -> list[tuple[Node, Load, bool]]:
        """Return every node, what it carries, and whether it was in touch lately."""
        async with self._db.snapshot() as tx:
            nodes = await store.nodes.all_nodes(tx)
            loads = await store.usage.loads(tx, self._byte_kinds)
        return [(node, loads.get(node.name, Load()), self._is_online(node)) for node in nodes]

    def _is_online(self, node: Node) -> bool:
        return node.seen_at_us >= self._clock.now_us() - self._online_us
