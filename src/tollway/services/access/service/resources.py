"""Resources: what customers may use, with which limits and rules."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tollway.contracts import catalog_pb2
from tollway.contracts.errors import UnknownAsset
from tollway.contracts.events import ResourceChanged
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, Unavailable
from tollway.kit.ids import new_id
from tollway.services.access import store
from tollway.services.access.kinds import PROXY, ResourceKind
from tollway.services.access.model import Credential, CustomerSession, Resource, ResourceLimits, ResourceState
from tollway.services.access.model.connection_test import LASTS_US
from tollway.services.access.model.flow_policy import FlowPolicy
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.credentials import NO_SESSION, CredentialRequest, Credentials, Issued
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.service.nodes import Nodes
from tollway.services.access.service.steps import (
    check_active,
    owned_resource,
    provisioned,
    revoke,
    transition,
)
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import POLICY_CHANGED, Change
from tollway.services.access.store.nodes import NodeEndpoint

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a customer asks to connect with. Without an asset it is one that the customer holds."""

    asset: str = ""
    location: str = ""
    protocol: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """An access to make; no kind, no asset: the operator's default."""

    kind: str = ""
    asset: str = ""
    label: str = ""
    limits: ResourceLimits = field(default_factory=ResourceLimits)


class Resources:
    """Accesses. What is another customer's is not found."""

    def __init__(  # noqa: PLR0913, PLR0917  an access touches all of them
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        kinds: dict[str, ResourceKind],
        locations: Sequence[str],
        catalog: "CatalogAsyncStub",
        changes: Changes,
        nodes: Nodes,
        credentials: Credentials,
        holdings: Holdings,
    ) -> None:
        self._db, self._clock, self._settings, self._kinds = db, clock, settings, kinds
        self._locations = locations
        self._catalog, self._changes, self._nodes, self._credentials = catalog, changes, nodes, credentials
        self._holdings = holdings

    # ── connecting ──────────────────────────────────────────────────────────────────────────────────

    async def connect(
        self, user_id: str, request: ConnectRequest, sign_in: CustomerSession = NO_SESSION
    ) -> tuple[Issued, list[NodeEndpoint]]:
        """Make or activate the customer's proxy access and issue a credential; return where to connect to.

        Raises UnknownAsset, Invalid, AccountSuspended, SessionEnded as `Credentials.issue`, Conflict when the operator
        has stopped the access, or Unavailable when no node is up.
        """
        asset = request.asset or await self._held_asset(user_id, request.protocol)
        slot = f"{PROXY.name}:{asset}"
        endpoints = await self._nodes.endpoints()
        async with self._db.snapshot() as tx:
            found = await store.resources.find_in_slot(tx, user_id, slot)
        self._check_location(request.location)
        new = ResourceRequest(PROXY.name, asset, request.label)
        draft = found or await self._draft(user_id, new, request.location)
        if request.protocol and request.protocol not in draft.protocols:
            raise Invalid.of("protocol", f"{asset} offers {', '.join(draft.protocols)}")
        if not endpoints:
            raise Unavailable("no proxy node is up; try again soon")
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            resource = await self._provide(tx, draft, slot)
            wanted = CredentialRequest(label=request.label)
            issued = await self._credentials.add(tx, resource, wanted, sign_in, by_connect=True)
        self._changes.notify()
        return issued, endpoints

    async def disconnect(self, user_id: str) -> list[Resource]:
        """Deactivate every active access of a customer: live flows end within a second."""
        async with self._db.transaction() as tx:
            mine = await store.resources.find_all_of(tx, user_id)
            stopped = [
                await transition(tx, one, ResourceState.INACTIVE, "disconnected by the customer")
                for one in mine
                if one.state is ResourceState.ACTIVE
            ]
        self._changes.notify()
        return stopped

    # ── a customer's accesses ───────────────────────────────────────────────────────────────────────

    async def create(self, user_id: str, request: ResourceRequest) -> Resource:
        """Make an access beside those that the customer has.

        Raises UnknownAsset, Invalid, Conflict when there are too many, AccountSuspended.
        """
        draft = await self._draft(user_id, request)
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            await self._check_count(tx, user_id)
            await store.resources.add(tx, draft, draft.id)
            tx.publish(provisioned(draft))
        return draft

    async def all_of(self, user_id: str) -> list[tuple[Resource, list[Credential]]]:
        """Return a customer's accesses with their live credentials, oldest first, without those of connection tests."""
        async with self._db.snapshot() as tx:
            mine = await store.resources.find_all_of(tx, user_id)
            credentials = await _listed(tx, user_id, [one.id for one in mine])
        return [(one, credentials[one.id]) for one in mine]

    async def get(self, user_id: str, resource_id: str) -> tuple[Resource, list[Credential]]:
        """Return one access with its live credentials, without those of connection tests. Raises NotFound."""
        async with self._db.snapshot() as tx:
            resource = await owned_resource(tx, user_id, resource_id)
            credentials = await _listed(tx, user_id, [resource_id])
        return resource, credentials[resource_id]

    async def change(
        self,
        user_id: str,
        resource_id: str,
        *,
        label: str | None = None,
        max_flows: int | None = None,
        rate_limit_bytes_s: int | None = None,
        policy: FlowPolicy | None = None,
    ) -> Resource:
        """Change what is given; live flows are held to it within a second. Raises NotFound, Invalid."""
        async with self._db.transaction() as tx:
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            limits = ResourceLimits(
                resource.limits.max_flows if max_flows is None else max_flows,
                resource.limits.rate_limit_bytes_s if rate_limit_bytes_s is None else rate_limit_bytes_s,
            )
            changed = replace(
                resource,
                label=resource.label if label is None else label,
                limits=self._checked(limits),
                policy=policy or resource.policy,
            )
            if (changed.limits, changed.policy) != (resource.limits, resource.policy):
                await store.changes.add(tx, Change(POLICY_CHANGED, resource_id=resource_id, user_id=user_id))
            fields = [
                name
                for name in ("label", "limits", "policy")
                if getattr(changed, name) != getattr(resource, name)
            ]
            if fields:
                tx.publish(ResourceChanged(resource_id=resource_id, user_id=user_id, fields=fields))
            changed = await store.resources.save(tx, changed)
        self._changes.notify()
        return changed

    async def activate(self, user_id: str, resource_id: str) -> Resource:
        """Let an access be used again. Raises NotFound, Conflict, AccountSuspended."""
        async with self._db.transaction() as tx:
            await check_active(tx, user_id)
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            resource = await transition(tx, resource, ResourceState.ACTIVE, "activated by the customer")
        self._changes.notify()
        return resource

    async def deactivate(self, user_id: str, resource_id: str) -> Resource:
        """Stop the use of an access: live flows end within a second. Raises NotFound, Conflict."""
        async with self._db.transaction() as tx:
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            resource = await transition(tx, resource, ResourceState.INACTIVE, "deactivated by the customer")
        self._changes.notify()
        return resource

    async def delete(self, user_id: str, resource_id: str) -> None:
        """Delete an access and revoke its credentials; its records stay. Raises NotFound."""
        async with self._db.transaction() as tx:
            resource = await owned_resource(tx, user_id, resource_id, lock=True)
            live = (await store.credentials.live(tx, [resource_id]))[resource_id]
            await revoke(tx, user_id, resource_id, [one.id for one in live])
            await transition(tx, resource, ResourceState.DELETED, "deleted by the customer")
        self._changes.notify()

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _held_asset(self, user_id: str, protocol: str) -> str:
        """Name an asset that a customer holds and a proxy can draw on; the operator's default if there is none.

        The default itself comes first, then that of which most is left. Raises Unavailable.
        """
        default = self._settings.default_asset
        held = await self._holdings.held(user_id)
        for asset in () if default in held else held:
            with suppress(UnknownAsset):  # money, or nothing that the catalogue has
                product = await self._catalog.GetProduct(catalog_pb2.GetProductRequest(asset=asset))
                if _suits(PROXY, product) and protocol in ("", *product.protocols):
                    return asset
        return default

    async def _draft(self, user_id: str, request: ResourceRequest, location: str = "") -> Resource:
        kind = self._kinds.get(request.kind or next(iter(self._kinds)))
        if kind is None:
            raise Invalid.of("kind", f"must be one of {', '.join(self._kinds)}")
        asset = request.asset or self._settings.default_asset
        limits = self._checked(request.limits)
        product = await self._catalog.GetProduct(catalog_pb2.GetProductRequest(asset=asset))
        if not _suits(kind, product):
            raise Invalid.of("asset", f"{asset} is not sold for a {kind.name} access")
        now_us = self._clock.now_us()
        return Resource(
            id=new_id("res"),
            user_id=user_id,
            kind=kind.name,
            asset=asset,
            protocols=tuple(product.protocols),
            location=location or self._locations[0],
            tier=product.tier,
            state=ResourceState.ACTIVE,
            label=request.label,
            limits=limits,
            policy=FlowPolicy(),
            created_at_us=now_us,
            updated_at_us=now_us,
        )

    async def _provide(self, tx: Tx, draft: Resource, slot: str) -> Resource:
        """Return what is in the slot, activated; put the draft there when it is empty."""
        found = await store.resources.find_in_slot(tx, draft.user_id, slot, lock=True)
        if found is None:
            await self._check_count(tx, draft.user_id)
            added = await store.resources.add(tx, draft, slot)
            assert added, "only who has the customer's row fills a slot"
            tx.publish(provisioned(draft))
            return draft
        return await transition(tx, found, ResourceState.ACTIVE, "connected by the customer")

    def _check_location(self, location: str) -> None:
        if location and location not in self._locations:
            raise Invalid.of("location", f"must be one of {', '.join(self._locations)}")

    def _checked(self, limits: ResourceLimits) -> ResourceLimits:
        if not 0 <= limits.max_flows <= self._settings.max_flows:
            raise Invalid.of("max_flows", f"must be between 0 and {self._settings.max_flows}")
        if limits.rate_limit_bytes_s < 0:
            raise Invalid.of("rate_limit_bytes_s", "must not be negative")
        return limits

    async def _check_count(self, tx: Tx, user_id: str) -> None:
        if await store.resources.count_all_of(tx, user_id) >= self._settings.max_resources:
            raise Conflict(f"you have {self._settings.max_resources} accesses, which is the most; delete one")


def _suits(kind: ResourceKind, product: catalog_pb2.Product) -> bool:
    """Return whether accesses of a kind can draw on a product."""
    return product.unit == kind.unit and not set(kind.protocols.values()).isdisjoint(product.protocols)


async def _listed(tx: Tx, user_id: str, resource_ids: Sequence[str]) -> dict[str, list[Credential]]:
    """Return the live credentials that are somebody's: a connection test's is its node's, and ends by itself."""
    live = await store.credentials.live(tx, resource_ids)
    tests = await store.connection_tests.credentials_since(tx, user_id, tx.now_us - LASTS_US)
    return {
        resource_id: [one for one in credentials if one.id not in tests]
        for resource_id, credentials in live.items()
    }
