"""Resources and the customers they belong to."""

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, func, select, update

from tollway.fabric.db import Tx
from tollway.services.access.model import CustomerSession, Resource, ResourceLimits, ResourceState
from tollway.services.access.model.flow_policy import FlowPolicy, Window
from tollway.services.access.store.tables import customer, resource


async def is_stopped(tx: Tx, user_id: str) -> bool:
    """Return whether the operator has stopped this customer."""
    return bool(await tx.scalar(select(customer.c.stopped).where(customer.c.user_id == user_id)))


async def set_stopped(tx: Tx, user_id: str, *, stopped: bool) -> bool:
    """Record whether a customer is stopped; False when nothing changes."""
    if await is_stopped(tx, user_id) is stopped:
        return False
    await _set_customer(tx, user_id, stopped=stopped)
    return True


async def set_sign_ins_from(tx: Tx, user_id: str, kept: CustomerSession) -> None:
    """Record that only sign-ins since `kept.at_us` count, and the session `kept.session_id`."""
    if kept.at_us > await signed_in_from_us(tx, user_id):
        await _set_customer(tx, user_id, signed_in_from_us=kept.at_us, session_id=kept.session_id)


async def signed_in_from_us(tx: Tx, user_id: str) -> int:
    """Return the time since which a customer's sign-ins count; 0 when all do."""
    return await tx.scalar(select(customer.c.signed_in_from_us).where(customer.c.user_id == user_id)) or 0


async def counts(tx: Tx, user_id: str, sign_in: CustomerSession) -> bool:
    """Return whether a sign-in of a customer counts, and keep it so until the commit."""
    row = await lock_customer(tx, user_id)
    return sign_in.at_us >= row.signed_in_from_us or bool(row.session_id == sign_in.session_id != "")


async def lock_customer(tx: Tx, user_id: str) -> Row[Any]:
    """Return a customer's row and keep others from it until the commit: what a customer has is counted under it.

    It comes before the lock of a resource, or two transactions could wait for each other.
    """
    await tx.run(tx.insert(customer).values(_customer(tx, user_id)).on_conflict_do_nothing())
    row = await tx.first(select(customer).where(customer.c.user_id == user_id).with_for_update())
    assert row is not None, "the row was there a moment ago"
    return row


async def _set_customer(tx: Tx, user_id: str, **values: Any) -> None:
    row = _customer(tx, user_id) | values
    changed = {**values, "updated_at_us": tx.now_us}
    await tx.run(
        tx.insert(customer).values(row).on_conflict_do_update(index_elements=["user_id"], set_=changed)
    )


def _customer(tx: Tx, user_id: str) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "stopped": False,
        "updated_at_us": tx.now_us,
        "signed_in_from_us": 0,
        "session_id": "",
    }


async def add(tx: Tx, one: Resource, slot: str) -> bool:
    """Add a resource; False when the customer's slot is taken."""
    row = {
        "id": one.id,
        "user_id": one.user_id,
        "slot": slot,
        "kind": one.kind,
        "asset": one.asset,
        "protocols": list(one.protocols),
        "location": one.location,
        "tier": one.tier,
        "created_at_us": one.created_at_us,
        **_changeable(one),
    }
    return (await tx.run(tx.insert(resource).values(row).on_conflict_do_nothing())).rowcount == 1


async def save(tx: Tx, one: Resource) -> Resource:
    """Write a resource's state, label, limits and policy; deleting one frees its slot."""
    one = replace(one, updated_at_us=tx.now_us)
    values = _changeable(one) | ({"slot": one.id} if one.state is ResourceState.DELETED else {})
    await tx.run(update(resource).where(resource.c.id == one.id).values(values))
    return one


async def find(tx: Tx, resource_id: str, *, lock: bool = False) -> Resource | None:
    """Return a resource, whosever it is, in any state; `lock` keeps others from changing it meanwhile."""
    wanted = select(resource).where(resource.c.id == resource_id)
    row = await tx.first(wanted.with_for_update(key_share=True) if lock else wanted)
    return None if row is None else as_resource(row)


async def find_in_slot(tx: Tx, user_id: str, slot: str, *, lock: bool = False) -> Resource | None:
    """Return what a customer has in a slot."""
    wanted = select(resource).where(resource.c.user_id == user_id, resource.c.slot == slot)
    row = await tx.first(wanted.with_for_update(key_share=True) if lock else wanted)
    return None if row is None else as_resource(row)


async def lock(tx: Tx, resource_ids: Collection[str]) -> None:
    """Keep others from reporting on these resources until this transaction ends."""
    if tx.dialect == "sqlite":
        return  # whose transactions write one at a time anyway
    # In order of id, or two transactions could wait for each other.
    rows = select(resource.c.id).where(resource.c.id.in_(resource_ids)).order_by(resource.c.id)
    await tx.run(rows.with_for_update(key_share=True))


async def find_all_of(tx: Tx, user_id: str) -> list[Resource]:
    """Return a customer's resources, oldest first, without deleted ones."""
    rows = await tx.all(
        select(resource)
        .where(resource.c.user_id == user_id, resource.c.state != ResourceState.DELETED)
        .order_by(resource.c.created_at_us, resource.c.id)
    )
    return [as_resource(row) for row in rows]


async def count_all_of(tx: Tx, user_id: str) -> int:
    """Return how many resources a customer has, without deleted ones."""
    mine = (resource.c.user_id == user_id) & (resource.c.state != ResourceState.DELETED)
    return int(await tx.scalar(select(func.count()).select_from(resource).where(mine)))


def _changeable(one: Resource) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "label": one.label,
        "max_flows": one.limits.max_flows,
        "rate_limit_bytes_s": one.limits.rate_limit_bytes_s,
        "policy": asdict(one.policy),
        "updated_at_us": one.updated_at_us,
    }


def as_resource(row: Row[Any]) -> Resource:
    """Read a resource from its row."""
    policy = dict(row.policy)
    return Resource(
        id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        asset=row.asset,
        protocols=tuple(row.protocols),
        location=row.location,
        tier=row.tier,
        state=ResourceState(row.state),
        label=row.label,
        limits=ResourceLimits(row.max_flows, row.rate_limit_bytes_s),
        policy=FlowPolicy(
            tuple(policy["blocked_domains"]),
            tuple(policy["blocked_ports"]),
            policy["time_zone"],
            tuple(Window(**one) for one in policy["windows"]),
        ),
        created_at_us=row.created_at_us,
        updated_at_us=row.updated_at_us,
    )
