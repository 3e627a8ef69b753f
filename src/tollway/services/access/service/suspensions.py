"""Suspensions: what an operator stops, one connection, credential or access, or everything of a customer."""

from dataclasses import replace

from tollway.contracts.events import ConnectionEnded
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, NotFound
from tollway.services.access import store
from tollway.services.access.model import Resource, ResourceState
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.steps import revoke, state_changed, transition
from tollway.services.access.store.changes import FLOW_ENDED, POLICY_CHANGED, USER_SUSPENDED, Change


class Suspensions:
    """Stops and resumes."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db, self._changes = db, changes

    async def stop(self, resource_id: str, reason: str) -> Resource:
        """Suspend anybody's access: live flows end within a second. Raises NotFound."""
        return await self._transition(
            resource_id, ResourceState.SUSPENDED, reason or "stopped by the operator"
        )

    async def resume(self, resource_id: str, reason: str) -> Resource:
        """Lift a suspension. Raises NotFound, Conflict when the access is not suspended."""
        return await self._transition(resource_id, ResourceState.ACTIVE, reason or "resumed by the operator")

    async def end_flow(self, session_id: str, reason: str) -> None:
        """End anybody's flow within a second; one that has stopped is left alone. Raises NotFound."""
        async with self._db.transaction() as tx:
            found = await store.usage.find_record(tx, session_id)
            if found is None:
                raise NotFound(f"there is no connection {session_id}")
            if found.flow.stopped:
                return
            resource_id, user_id = found.flow.resource_id, found.user_id
            ended = Change(FLOW_ENDED, resource_id, user_id=user_id, node=found.node, session_id=session_id)
            await store.changes.add(tx, ended)
            tx.publish(
                ConnectionEnded(
                    session_id=session_id, resource_id=resource_id, user_id=user_id, reason=reason
                )
            )
        self._changes.notify()

    async def revoke_credential(self, credential_id: str, reason: str) -> None:
        """Revoke anybody's credential: its live flows end within a second. Repeating is harmless. Raises NotFound."""
        async with self._db.transaction() as tx:
            resource = await store.credentials.resource_of(tx, credential_id)
            if resource is None:
                raise NotFound(f"there is no credential {credential_id}")
            await store.resources.find(tx, resource.id, lock=True)
            await revoke(tx, resource.user_id, resource.id, [credential_id], reason)
        self._changes.notify()

    async def customer_changed(self, tx: Tx, user_id: str, *, stopped: bool, reason: str) -> None:
        """Stop or free everything of a customer, as part of the transaction of the event that says so."""
        if not await store.resources.set_stopped(tx, user_id, stopped=stopped):
            return
        await store.changes.add(tx, Change(USER_SUSPENDED if stopped else POLICY_CHANGED, user_id=user_id))
        for resource in await store.resources.find_all_of(tx, user_id):
            if resource.state is ResourceState.ACTIVE:
                state = ResourceState.SUSPENDED if stopped else ResourceState.ACTIVE
                tx.publish(state_changed(replace(resource, state=state), reason))
        self._changes.notify()

    async def _transition(self, resource_id: str, state: ResourceState, reason: str) -> Resource:
        async with self._db.transaction() as tx:
            resource = await store.resources.find(tx, resource_id, lock=True)
            if resource is None:
                raise NotFound(f"there is no access {resource_id}")
            if state is ResourceState.ACTIVE and resource.state is not ResourceState.SUSPENDED:
                raise Conflict(f"this access is {resource.state}, not suspended")
            resource = await transition(tx, resource, state, reason, by_operator=True)
        self._changes.notify()
        return resource
