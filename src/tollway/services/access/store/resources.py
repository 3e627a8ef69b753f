"""Resources, credentials and the customers they belong to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from tollway.fabric.db import Tx
from tollway.services.access.model import Credential, Limits, Resource, State
from tollway.services.access.store.tables import credential, customer, resource


@dataclass(frozen=True, slots=True)
class Login:
    """What is known of a username: everything a verdict needs, read in one query."""

    credential_id: str
    secret_sha256: str
    resource: Resource
    user_stopped: bool


async def find_login(tx: Tx, username: str) -> Login | None:
    """Return a live credential by its username, with its resource and the customer's standing."""
    row = await tx.first(
        select(resource, credential.c.id.label("crd"), credential.c.secret_sha256, customer.c.stopped)
        .join(credential, credential.c.resource_id == resource.c.id)
        .outerjoin(customer, customer.c.user_id == resource.c.user_id)
        .where(credential.c.username == username, credential.c.revoked_us.is_(None))
    )
    return None if row is None else Login(row.crd, row.secret_sha256, _resource(row), bool(row.stopped))


async def is_stopped(tx: Tx, user_id: str) -> bool:
    """Tell whether the operator has stopped this customer."""
    return bool(await tx.scalar(select(customer.c.stopped).where(customer.c.user_id == user_id)))


async def set_stopped(tx: Tx, user_id: str, *, stopped: bool) -> bool:
    """Write down a customer's standing; False when it is what it was."""
    if await is_stopped(tx, user_id) is stopped:
        return False
    row = {"user_id": user_id, "stopped": stopped, "updated_at_us": tx.now_us}
    await tx.run(tx.insert(customer).values(row).on_conflict_do_update(index_elements=["user_id"], set_=row))
    return True


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
        "created_at_us": one.created_at_us,
        **_changeable(one),
    }
    return (await tx.run(tx.insert(resource).values(row).on_conflict_do_nothing())).rowcount == 1


async def save(tx: Tx, one: Resource) -> Resource:
    """Write a resource's state, label and limits; a deleted one gives its slot free."""
    one = replace(one, updated_at_us=tx.now_us)
    values = _changeable(one) | ({"slot": one.id} if one.state is State.DELETED else {})
    await tx.run(update(resource).where(resource.c.id == one.id).values(values))
    return one


async def find(tx: Tx, resource_id: str, *, lock: bool = False) -> Resource | None:
    """Return a resource, whosever it is, in any state; `lock` keeps others from changing it meanwhile."""
    wanted = select(resource).where(resource.c.id == resource_id)
    row = await tx.first(wanted.with_for_update(key_share=True) if lock else wanted)
    return None if row is None else _resource(row)


async def find_in_slot(tx: Tx, user_id: str, slot: str, *, lock: bool = False) -> Resource | None:
    """Return what a customer has in a slot."""
    wanted = select(resource).where(resource.c.user_id == user_id, resource.c.slot == slot)
    row = await tx.first(wanted.with_for_update(key_share=True) if lock else wanted)
    return None if row is None else _resource(row)


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
        .where(resource.c.user_id == user_id, resource.c.state != State.DELETED)
        .order_by(resource.c.created_at_us, resource.c.id)
    )
    return [_resource(row) for row in rows]


async def add_credential(tx: Tx, one: Credential, secret_sha256: str) -> None:
    """Add a credential, with the digest of its secret."""
    await tx.run(
        credential.insert().values(
            id=one.id,
            resource_id=one.resource_id,
            username=one.username,
            secret_sha256=secret_sha256,
            label=one.label,
            by_connect=one.by_connect,
            created_at_us=one.created_at_us,
        )
    )


async def credentials_of(tx: Tx, resource_ids: Sequence[str]) -> dict[str, list[Credential]]:
    """Return the live credentials of resources, oldest first."""
    rows = await tx.all(
        select(credential)
        .where(and_(credential.c.resource_id.in_(resource_ids), credential.c.revoked_us.is_(None)))
        .order_by(credential.c.created_at_us, credential.c.id)
    )
    found: dict[str, list[Credential]] = {resource_id: [] for resource_id in resource_ids}
    for row in rows:
        found[row.resource_id].append(
            Credential(row.id, row.resource_id, row.username, row.label, row.by_connect, row.created_at_us)
        )
    return found


async def has_credential(tx: Tx, resource_id: str, credential_id: str) -> bool:
    """Tell whether a resource has this credential, live or revoked."""
    here = (credential.c.id == credential_id) & (credential.c.resource_id == resource_id)
    return await tx.first(select(credential.c.id).where(here)) is not None


async def revoke(tx: Tx, resource_id: str, credential_ids: Sequence[str]) -> list[str]:
    """Revoke live credentials of a resource; return the ids of those that were live."""
    rows = await tx.all(
        update(credential)
        .where(credential.c.resource_id == resource_id, credential.c.id.in_(credential_ids))
        .where(credential.c.revoked_us.is_(None))
        .values(revoked_us=tx.now_us)
        .returning(credential.c.id)
    )
    return [row.id for row in rows]


async def count_all_of(tx: Tx, user_id: str) -> int:
    """Return how many resources a customer has, without deleted ones."""
    mine = (resource.c.user_id == user_id) & (resource.c.state != State.DELETED)
    return int(await tx.scalar(select(func.count()).select_from(resource).where(mine)))


def _changeable(one: Resource) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "label": one.label,
        "max_flows": one.limits.max_flows,
        "rate_limit_bytes_s": one.limits.rate_limit_bytes_s,
        "updated_at_us": one.updated_at_us,
    }


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        asset=row.asset,
        protocols=tuple(row.protocols),
        location=row.location,
        state=State(row.state),
        label=row.label,
        limits=Limits(row.max_flows, row.rate_limit_bytes_s),
        created_at_us=row.created_at_us,
        updated_at_us=row.updated_at_us,
    )
