"""Resources: what customers may use, their credentials and limits, and stopping it all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tollway.contracts import catalog_pb2
from tollway.contracts.errors import AccountSuspended
from tollway.contracts.events import (
    CredentialIssued,
    CredentialRevoked,
    ResourceProvisioned,
    ResourceStateChanged,
)
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound, Unavailable
from tollway.kit.ids import new_id
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.model import (
    KIND_PROXY,
    Credential,
    Limits,
    Resource,
    State,
    digest,
    new_secret,
    new_username,
)
from tollway.services.access.service.changes import Changes
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import (
    CREDENTIAL_REVOKED,
    POLICY_CHANGED,
    RESOURCE_LEFT,
    RESOURCE_STOPPED,
    USER_SUSPENDED,
    Change,
)
from tollway.services.access.store.charging import Endpoint

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential in the moment of its birth, the only one in which its secret is known."""

    resource: Resource
    credential: Credential
    secret: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks to connect with; empty: the operator's default."""

    asset: str = ""
    location: str = ""
    protocol: str = ""
    label: str = ""


class Resources:
    """Accesses and their credentials. What is another customer's is not found."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        catalog: "CatalogAsyncStub",
        changes: Changes,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._catalog = catalog
        self._changes = changes

    # ── connecting ──────────────────────────────────────────────────────────────────────────────────

    async def connect(self, user_id: str, wish: Wish) -> tuple[Issued, list[Endpoint]]:
        """Make or wake the customer's proxy access and issue a credential; return where to connect to.

        Raises UnknownAsset, Invalid, AccountSuspended, Conflict when the operator has stopped the access, or
        Unavailable when no node is up.
        """
        asset = wish.asset or self._settings.default_asset
        slot = f"{KIND_PROXY}:{asset}"
        endpoints = await self.endpoints()
        async with self._db.snapshot() as tx:
            found = await store.resources.find_in_slot(tx, user_id, slot)
        fresh = found or await self._draft(user_id, asset, wish.location, wish.label, Limits())
        self._check_location(wish.location)
        if wish.protocol and wish.protocol not in fresh.protocols:
            raise Invalid.of("protocol", f"{asset} offers {', '.join(fresh.protocols)}")
        if not endpoints:
            raise Unavailable("no proxy node is up; try again soon")
        async with self._db.transaction() as tx:
            await _check_standing(tx, user_id)
            resource = await self._provide(tx, fresh, slot)
            issued = await self._issue(tx, resource, wish.label, by_connect=True)
        self._changes.ring()
        return issued, endpoints

    async def disconnect(self, user_id: str) -> list[Resource]:
        """Deactivate every active access of a customer: live flows end within a second."""
        async with self._db.transaction() as tx:
            mine = await store.resources.find_all_of(tx, user_id)
            stopped = [
                await self._become(tx, one, State.INACTIVE, "disconnected by the customer")
                for one in mine
                if one.state is State.ACTIVE
            ]
        self._changes.ring()
        return stopped

    async def endpoints(self) -> list[Endpoint]:
        """Return where customers reach the nodes that were heard lately."""
        since_us = self._clock.now_us() - int(self._settings.node_online_s * SECOND_US)
        async with self._db.snapshot() as tx:
            nodes = await store.charging.nodes(tx)
        # Workers of one machine share their ports: each place is listed once.
        up = dict.fromkeys(one for node in nodes if node.seen_us >= since_us for one in node.endpoints)
        return list(up)

    # ── a customer's accesses ───────────────────────────────────────────────────────────────────────

    async def create(self, user_id: str, asset: str, label: str, limits: Limits) -> Resource:
        """Make an access beside those that the customer has. Raises UnknownAsset, Conflict, AccountSuspended."""
        draft = await self._draft(user_id, asset or self._settings.default_asset, "", label, limits)
        async with self._db.transaction() as tx:
            await _check_standing(tx, user_id)
            await self._check_service(tx, user_id)
            await store.resources.add(tx, draft, draft.id)
            tx.publish(_provisioned(draft))
        return draft

    async def all_of(self, user_id: str) -> list[tuple[Resource, list[Credential]]]:
        """Return a customer's accesses with their live credentials, oldest first."""
        async with self._db.snapshot() as tx:
            mine = await store.resources.find_all_of(tx, user_id)
            credentials = await store.resources.credentials_of(tx, [one.id for one in mine])
        return [(one, credentials[one.id]) for one in mine]

    async def get(self, user_id: str, resource_id: str) -> tuple[Resource, list[Credential]]:
        """Return one access with its live credentials. Raises NotFound."""
        async with self._db.snapshot() as tx:
            resource = await _owned(tx, user_id, resource_id)
            credentials = await store.resources.credentials_of(tx, [resource_id])
        return resource, credentials[resource_id]

    async def change(
        self,
        user_id: str,
        resource_id: str,
        *,
        label: str | None = None,
        max_flows: int | None = None,
        rate_limit_bytes_s: int | None = None,
    ) -> Resource:
        """Change what is given; live flows are held to new limits within a second. Raises NotFound."""
        async with self._db.transaction() as tx:
            resource = await _owned(tx, user_id, resource_id, lock=True)
            limits = Limits(
                resource.limits.max_flows if max_flows is None else max_flows,
                resource.limits.rate_limit_bytes_s if rate_limit_bytes_s is None else rate_limit_bytes_s,
            )
            label = resource.label if label is None else label
            changed = replace(resource, label=label, limits=self._checked(limits))
            if changed.limits != resource.limits:
                await store.changes.add(tx, Change(POLICY_CHANGED, resource_id=resource_id, user_id=user_id))
            changed = await store.resources.save(tx, changed)
        self._changes.ring()
        return changed

    async def activate(self, user_id: str, resource_id: str) -> Resource:
        """Let an access be used again. Raises NotFound, Conflict, AccountSuspended."""
        async with self._db.transaction() as tx:
            await _check_standing(tx, user_id)
            resource = await _owned(tx, user_id, resource_id, lock=True)
            resource = await self._become(tx, resource, State.ACTIVE, "activated by the customer")
        self._changes.ring()
        return resource

    async def deactivate(self, user_id: str, resource_id: str) -> Resource:
        """Let an access rest: live flows end within a second. Raises NotFound, Conflict."""
        async with self._db.transaction() as tx:
            resource = await _owned(tx, user_id, resource_id, lock=True)
            resource = await self._become(tx, resource, State.INACTIVE, "deactivated by the customer")
        self._changes.ring()
        return resource

    async def delete(self, user_id: str, resource_id: str) -> None:
        """Delete an access and revoke its credentials; its records stay. Raises NotFound."""
        async with self._db.transaction() as tx:
            resource = await _owned(tx, user_id, resource_id, lock=True)
            live = (await store.resources.credentials_of(tx, [resource_id]))[resource_id]
            await self._revoke(tx, resource, [one.id for one in live])
            await self._become(tx, resource, State.DELETED, "deleted by the customer")
        self._changes.ring()

    # ── credentials ─────────────────────────────────────────────────────────────────────────────────

    async def issue(self, user_id: str, resource_id: str, label: str) -> Issued:
        """Issue a credential. Raises NotFound, Conflict when there are too many."""
        async with self._db.transaction() as tx:
            await _check_standing(tx, user_id)
            resource = await _owned(tx, user_id, resource_id, lock=True)
            return await self._issue(tx, resource, label, by_connect=False)

    async def revoke(self, user_id: str, resource_id: str, credential_id: str) -> None:
        """Revoke a credential: its live flows end within a second. Raises NotFound; repeating is harmless."""
        async with self._db.transaction() as tx:
            resource = await _owned(tx, user_id, resource_id, lock=True)
            if not await store.resources.has_credential(tx, resource_id, credential_id):
                raise NotFound(f"this access has no credential {credential_id}")
            await self._revoke(tx, resource, [credential_id])
        self._changes.ring()

    # ── the operator's hand ─────────────────────────────────────────────────────────────────────────

    async def stop(self, resource_id: str, reason: str) -> Resource:
        """Suspend anybody's access: live flows end within a second. Raises NotFound."""
        return await self._by_operator(resource_id, State.SUSPENDED, reason or "stopped by the operator")

    async def resume(self, resource_id: str, reason: str) -> Resource:
        """Lift a suspension. Raises NotFound, Conflict when the access is not suspended."""
        return await self._by_operator(resource_id, State.ACTIVE, reason or "resumed by the operator")

    async def customer_changed(self, tx: Tx, user_id: str, *, stopped: bool, reason: str) -> None:
        """Stop or free everything of a customer, as part of the transaction that heard of it."""
        if not await store.resources.set_stopped(tx, user_id, stopped=stopped):
            return
        await store.changes.add(tx, Change(USER_SUSPENDED if stopped else POLICY_CHANGED, user_id=user_id))
        for resource in await store.resources.find_all_of(tx, user_id):
            if resource.state is State.ACTIVE:
                state = State.SUSPENDED if stopped else State.ACTIVE
                tx.publish(_state_changed(replace(resource, state=state), reason))
        self._changes.ring()

    async def _by_operator(self, resource_id: str, state: State, reason: str) -> Resource:
        async with self._db.transaction() as tx:
            resource = await store.resources.find(tx, resource_id, lock=True)
            if resource is None:
                raise NotFound(f"there is no access {resource_id}")
            if state is State.ACTIVE and resource.state is not State.SUSPENDED:
                raise Conflict(f"this access is {resource.state}, not suspended")
            resource = await self._become(tx, resource, state, reason, by_operator=True)
        self._changes.ring()
        return resource

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _draft(self, user_id: str, asset: str, location: str, label: str, limits: Limits) -> Resource:
        self._check_location(location)
        product = await self._catalog.GetProduct(catalog_pb2.GetProductRequest(asset=asset))
        now_us = self._clock.now_us()
        return Resource(
            id=new_id("res"),
            user_id=user_id,
            kind=KIND_PROXY,
            asset=asset,
            protocols=tuple(product.protocols),
            location=location or self._settings.locations[0],
            state=State.ACTIVE,
            label=label,
            limits=self._checked(limits),
            created_at_us=now_us,
            updated_at_us=now_us,
        )

    async def _provide(self, tx: Tx, draft: Resource, slot: str) -> Resource:
        """Return what is in the slot, awake; put the draft there when it is empty."""
        found = await store.resources.find_in_slot(tx, draft.user_id, slot, lock=True)
        if found is None:
            await self._check_service(tx, draft.user_id)
            if await store.resources.add(tx, draft, slot):
                tx.publish(_provisioned(draft))
                return draft
            # Another request of the customer was faster.
            found = await store.resources.find_in_slot(tx, draft.user_id, slot, lock=True)
            assert found is not None, "a slot that is taken has something in it"
        return await self._become(tx, found, State.ACTIVE, "connected by the customer")

    async def _become(
        self, tx: Tx, resource: Resource, state: State, reason: str, *, by_operator: bool = False
    ) -> Resource:
        after = resource.become(state, by_operator=by_operator)
        if after == resource:
            return resource
        stopped = RESOURCE_STOPPED if by_operator else RESOURCE_LEFT
        kind = POLICY_CHANGED if state is State.ACTIVE else stopped
        await store.changes.add(tx, Change(kind, resource_id=resource.id, user_id=resource.user_id))
        tx.publish(_state_changed(after, reason))
        return await store.resources.save(tx, after)

    async def _issue(self, tx: Tx, resource: Resource, label: str, *, by_connect: bool) -> Issued:
        live = (await store.resources.credentials_of(tx, [resource.id]))[resource.id]
        if len(live) >= self._settings.max_credentials:
            oldest = next((one for one in live if one.by_connect), None)
            if not by_connect or oldest is None:
                raise Conflict(f"this access has {len(live)} credentials; revoke one first")
            # Connecting must not fail for having connected often.
            await self._revoke(tx, resource, [oldest.id])
        secret = new_secret()
        credential = Credential(
            new_id("crd"), resource.id, new_username(), label, by_connect, created_at_us=tx.now_us
        )
        await store.resources.add_credential(tx, credential, digest(secret))
        tx.publish(
            CredentialIssued(credential_id=credential.id, resource_id=resource.id, user_id=resource.user_id)
        )
        return Issued(resource, credential, secret)

    async def _revoke(self, tx: Tx, resource: Resource, credential_ids: Sequence[str]) -> None:
        ended = await store.resources.revoke(tx, resource.id, credential_ids)
        changes = [
            Change(CREDENTIAL_REVOKED, resource.id, credential_id, resource.user_id)
            for credential_id in ended
        ]
        await store.changes.add(tx, *changes)
        for credential_id in ended:
            tx.publish(
                CredentialRevoked(
                    credential_id=credential_id, resource_id=resource.id, user_id=resource.user_id
                )
            )

    def _check_location(self, location: str) -> None:
        if location and location not in self._settings.locations:
            raise Invalid.of("location", f"must be one of {', '.join(self._settings.locations)}")

    def _checked(self, limits: Limits) -> Limits:
        if not 0 <= limits.max_flows <= self._settings.max_flows:
            raise Invalid.of("max_flows", f"must be between 0 and {self._settings.max_flows}")
        if limits.rate_limit_bytes_s < 0:
            raise Invalid.of("rate_limit_bytes_s", "must not be negative")
        return limits

    async def _check_service(self, tx: Tx, user_id: str) -> None:
        if await store.resources.count_all_of(tx, user_id) >= self._settings.max_resources:
            raise Conflict(f"you have {self._settings.max_resources} accesses, which is the most; delete one")


async def _check_standing(tx: Tx, user_id: str) -> None:
    if await store.resources.is_stopped(tx, user_id):
        raise AccountSuspended


async def _owned(tx: Tx, user_id: str, resource_id: str, *, lock: bool = False) -> Resource:
    resource = await store.resources.find(tx, resource_id, lock=lock)
    if resource is None or resource.user_id != user_id or resource.state is State.DELETED:
        raise NotFound(f"there is no access {resource_id}")
    return resource


def _provisioned(resource: Resource) -> ResourceProvisioned:
    return ResourceProvisioned(resource_id=resource.id, user_id=resource.user_id, asset=resource.asset)


def _state_changed(resource: Resource, reason: str) -> ResourceStateChanged:
    return ResourceStateChanged(
        resource_id=resource.id, user_id=resource.user_id, state=resource.state, reason=reason
    )
