"""Nodes: edge processes that come up, and where customers reach them."""

from collections.abc import Sequence

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.nodes import NodeEndpoint


class Nodes:
    """Which nodes are up."""

    def __init__(self, db: Database, clock: Clock, settings: AccessSettings) -> None:
        self._db, self._clock, self._settings = db, clock, settings

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
        since_us = self._clock.now_us() - int(self._settings.node_online_s * SECOND_US)
        async with self._db.snapshot() as tx:
            nodes = await store.nodes.all_nodes(tx)
        # Workers of one machine share their ports: each place is listed once.
        up = dict.fromkeys(one for node in nodes if node.seen_at_us >= since_us for one in node.endpoints)
        return list(up)
