"""Edge nodes: how they are reached, which boot is up, when they were last in touch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, select, update

from tollway.fabric.db import Tx
from tollway.services.access.store.tables import node


@dataclass(frozen=True, slots=True)
class NodeEndpoint:
    """Where customers reach a protocol on a node; what the node did not say of it is empty or 0."""

    protocol: str
    host: str
    port: int
    location: str = ""
    capacity: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """An edge process; `boot_id` changes with each start."""

    name: str
    boot_id: str
    endpoints: tuple[NodeEndpoint, ...]
    opened_at_us: int
    seen_at_us: int


async def open_node(tx: Tx, name: str, boot_id: str, endpoints: Sequence[NodeEndpoint]) -> None:
    """Record a node that came up; the same boot again keeps the moment it opened."""
    found = await find_node(tx, name)
    known = found is not None and found.boot_id == boot_id
    row = {
        "name": name,
        "boot_id": boot_id,
        "endpoints": [asdict(one) for one in endpoints],
        "opened_at_us": found.opened_at_us if found is not None and known else tx.now_us,
        "seen_at_us": tx.now_us,
    }
    await tx.run(tx.insert(node).values(row).on_conflict_do_update(index_elements=["name"], set_=row))


async def find_node(tx: Tx, name: str) -> Node | None:
    """Return a node by name."""
    row = await tx.first(select(node).where(node.c.name == name))
    return None if row is None else _node(row)


async def all_nodes(tx: Tx) -> list[Node]:
    """Return every node there ever was, by name."""
    return [_node(row) for row in await tx.all(select(node).order_by(node.c.name))]


async def touch(tx: Tx, name: str) -> bool:
    """Note that a node was in touch just now; False when there is no such node."""
    return (await tx.run(update(node).where(node.c.name == name).values(seen_at_us=tx.now_us))).rowcount == 1


def _node(row: Row[Any]) -> Node:
    endpoints = tuple(NodeEndpoint(**one | {"tags": tuple(one["tags"])}) for one in row.endpoints)
    return Node(row.name, row.boot_id, endpoints, row.opened_at_us, row.seen_at_us)
