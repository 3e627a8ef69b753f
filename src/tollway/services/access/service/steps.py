"""Steps that several operations on accesses take within their own transactions."""

from collections.abc import Sequence

from tollway.contracts.errors import AccountSuspended
from tollway.contracts.events import CredentialRevoked, ResourceProvisioned, ResourceStateChanged
from tollway.fabric.db import Tx
from tollway.kit.errors import NotFound
from tollway.services.access import store
from tollway.services.access.model import Resource, ResourceState
from tollway.services.access.store.changes import (
    CREDENTIAL_REVOKED,
    POLICY_CHANGED,
    RESOURCE_LEFT,
    RESOURCE_STOPPED,
    Change,
)


async def check_active(tx: Tx, user_id: str) -> None:
    """Raise AccountSuspended when the operator has stopped this customer; keep it so until the commit.

    What follows has the customer's row to itself, so what is counted of the customer stays true as well.
    """
    if (await store.resources.lock_customer(tx, user_id)).stopped:
        raise AccountSuspended


async def owned_resource(tx: Tx, user_id: str, resource_id: str, *, lock: bool = False) -> Resource:
    """Return a customer's own access. Raises NotFound, also for another's and for a deleted one."""
    resource = await store.resources.find(tx, resource_id, lock=lock)
    if resource is None or resource.user_id != user_id or resource.state is ResourceState.DELETED:
        raise NotFound(f"there is no access {resource_id}")
    return resource


async def transition(
    tx: Tx, resource: Resource, state: ResourceState, reason: str, *, by_operator: bool = False
) -> Resource:
    """Bring an access into a state, with what nodes and other services must know of it. Raises Conflict."""
    after = resource.transition(state, by_operator=by_operator)
    if after == resource:
        return resource
    stopped = RESOURCE_STOPPED if by_operator else RESOURCE_LEFT
    kind = POLICY_CHANGED if state is ResourceState.ACTIVE else stopped
    await store.changes.add(tx, Change(kind, resource_id=resource.id, user_id=resource.user_id))
    tx.publish(state_changed(after, reason))
    return await store.resources.save(tx, after)


async def revoke(
    tx: Tx, user_id: str, resource_id: str, credential_ids: Sequence[str], reason: str = ""
) -> None:
    """Revoke credentials of an access; those that are revoked already are left alone."""
    revoked = await store.credentials.revoke(tx, resource_id, credential_ids)
    changes = [Change(CREDENTIAL_REVOKED, resource_id, credential_id, user_id) for credential_id in revoked]
    await store.changes.add(tx, *changes)
    for credential_id in revoked:
        tx.publish(
            CredentialRevoked(
                credential_id=credential_id, resource_id=resource_id, user_id=user_id, reason=reason
            )
        )


def provisioned(resource: Resource) -> ResourceProvisioned:
    """Say that an access was made."""
    return ResourceProvisioned(resource_id=resource.id, user_id=resource.user_id, asset=resource.asset)


def state_changed(resource: Resource, reason: str) -> ResourceStateChanged:
    """Say in which state an access is now."""
    return ResourceStateChanged(
        resource_id=resource.id, user_id=resource.user_id, state=resource.state, reason=reason
    )
