"""Leases, with whose they are, and which of them were abandoned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, update

from tollway.fabric.db import Tx
from tollway.services.access.model import ResourceLease
from tollway.services.access.store.tables import lease, node, resource


async def request_lease(tx: Tx, requested: ResourceLease) -> ResourceLease:
    """Record that a node asks for a slice; return what is recorded under this id, now or before."""
    row = {
        "id": requested.id,
        "node": requested.node,
        "boot_id": requested.boot_id,
        "resource_id": requested.resource_id,
        "wanted": requested.wanted,
        "answered": requested.answered,
        "ended": requested.ended,
        "granted": requested.granted,
        "left_units": requested.left,
        "remaining": requested.remaining,
        "asked_at_us": tx.now_us,
        "expires_at_us": requested.expires_at_us,
    }
    if (await tx.run(tx.insert(lease).values(row).on_conflict_do_nothing())).rowcount:
        return requested
    found = await find_lease(tx, requested.id)
    assert found is not None, "a lease is not deleted in the moment it is asked for"
    return found


async def answer_lease(tx: Tx, lease_id: str, granted: int, left: int, expires_at_us: int) -> bool:
    """Record the ledger's answer; False when there was one before, or the lease has ended meanwhile.

    A grant of nothing ends the lease at once.
    """
    answer = {
        "answered": True,
        "granted": granted,
        "remaining": granted,
        "left_units": left,
        "ended": granted == 0,
        "expires_at_us": expires_at_us,
    }
    waiting = (lease.c.id == lease_id) & ~lease.c.answered & ~lease.c.ended
    return (await tx.run(update(lease).where(waiting).values(answer))).rowcount == 1


async def find_lease(tx: Tx, lease_id: str) -> ResourceLease | None:
    """Return a lease by id."""
    row = await tx.first(select(lease).where(lease.c.id == lease_id))
    return None if row is None else _lease(row)


async def save_lease(tx: Tx, lease_id: str, remaining: int, *, ended: bool, kept: bool = False) -> None:
    """Write what a lease still holds; once ended it stays ended, and once it has answered a recall `kept`."""
    values: dict[str, Any] = {"remaining": remaining}
    values |= {name: True for name, so in (("ended", ended), ("kept", kept)) if so}
    await tx.run(update(lease).where(lease.c.id == lease_id).values(values))


async def renew_leases(tx: Tx, node_name: str, resource_id: str, expires_at_us: int) -> None:
    """Let all live leases of a (node, resource) live on."""
    live = (lease.c.resource_id == resource_id) & (lease.c.node == node_name) & ~lease.c.ended
    await tx.run(update(lease).where(live).values(expires_at_us=expires_at_us))


@dataclass(frozen=True, slots=True)
class RecallableLease:
    """A lease that may have something to give back, and when it was last recalled; 0: never."""

    id: str
    node: str
    resource_id: str
    answered: bool
    recalled_at_us: int


async def recallable(tx: Tx, user_id: str, asset: str, *, beside: ResourceLease) -> list[RecallableLease]:
    """Return the live leases of a holding that others may give back from, except those of this one's (node, resource).

    One that has answered a recall has nothing to give.
    """
    wanted = (
        select(lease.c.id, lease.c.node, lease.c.resource_id, lease.c.answered, lease.c.recalled_at_us)
        .join(resource, resource.c.id == lease.c.resource_id)
        .where(
            resource.c.user_id == user_id,
            resource.c.asset == asset,
            ~lease.c.ended,
            ~lease.c.kept,
            or_(~lease.c.answered, lease.c.remaining > 0),
            or_(lease.c.node != beside.node, lease.c.resource_id != beside.resource_id),
        )
    )
    return [
        RecallableLease(row.id, row.node, row.resource_id, row.answered, row.recalled_at_us)
        for row in await tx.all(wanted)
    ]


async def mark_recalled(tx: Tx, lease_ids: Sequence[str]) -> None:
    """Note that leases are recalled now."""
    await tx.run(update(lease).where(lease.c.id.in_(lease_ids)).values(recalled_at_us=tx.now_us))


async def delete_leases(tx: Tx, before_us: int) -> int:
    """Delete ended leases that expired before a moment; return how many."""
    gone = delete(lease).where(lease.c.ended, lease.c.expires_at_us < before_us)
    return (await tx.run(gone)).rowcount


@dataclass(frozen=True, slots=True)
class LeaseWithOwner:
    """What a report needs to know first, read in one query: the lease, who pays, and the node's boot."""

    lease: ResourceLease
    user_id: str
    asset: str
    kind: str
    boot_id: str
    seen_at_us: int


async def find_lease_with_owner(tx: Tx, lease_id: str) -> LeaseWithOwner | None:
    """Return a lease with its customer, its asset and the present boot of its node."""
    wanted = (
        select(
            lease,
            resource.c.user_id,
            resource.c.asset,
            resource.c.kind,
            node.c.boot_id.label("current_boot_id"),
            node.c.seen_at_us,
        )
        .join(resource, resource.c.id == lease.c.resource_id)
        .join(node, node.c.name == lease.c.node)
        .where(lease.c.id == lease_id)
    )
    row = await tx.first(wanted)
    if row is None:
        return None
    return LeaseWithOwner(_lease(row), row.user_id, row.asset, row.kind, row.current_boot_id, row.seen_at_us)


def _lease(row: Row[Any]) -> ResourceLease:
    return ResourceLease(
        id=row.id,
        node=row.node,
        boot_id=row.boot_id,
        resource_id=row.resource_id,
        wanted=row.wanted,
        answered=row.answered,
        ended=row.ended,
        granted=row.granted,
        left=row.left_units,
        remaining=row.remaining,
        expires_at_us=row.expires_at_us,
    )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The moments before which somebody counts as gone: a node that was not in touch since `silent_since_us`.

    What another boot of it held, or what had expired, before `grace_since_us` is abandoned.
    """

    silent_since_us: int
    grace_since_us: int


async def abandoned_leases(tx: Tx, timeouts: Timeouts, limit: int) -> list[str]:
    """Name live leases of nodes that are gone or came back, and such as have expired for too long."""
    expired = lease.c.expires_at_us < timeouts.grace_since_us
    rows = await tx.all(
        select(lease.c.id)
        .join(node, node.c.name == lease.c.node)
        .where(~lease.c.ended, or_(expired, abandoned(lease.c.boot_id, timeouts)))
        .limit(limit)
    )
    return [row.id for row in rows]


def abandoned(boot_id: ColumnElement[str], timeouts: Timeouts) -> ColumnElement[bool]:
    """Select, for a row with this boot id, joined with its node, whether nobody will come back for it."""
    rebooted = and_(node.c.boot_id != boot_id, node.c.opened_at_us < timeouts.grace_since_us)
    return or_(node.c.seen_at_us < timeouts.silent_since_us, rebooted)
