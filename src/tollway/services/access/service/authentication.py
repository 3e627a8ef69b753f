"""Authentication: what a credential that a client presents to a node may do."""

from dataclasses import replace

from tollway.contracts.errors import BadCredentials, NoAllowance
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.credentials import CREDENTIAL_KINDS, Presented
from tollway.services.access.kinds import ResourceKind
from tollway.services.access.model import Grant
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.credentials import Candidate


class Authentication:
    """Checks credentials of every kind."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        kinds: dict[str, ResourceKind],
        holdings: Holdings,
    ) -> None:
        self._db, self._clock, self._settings = db, clock, settings
        self._kinds, self._holdings = kinds, holdings

    async def authenticate(self, kind: str, presented: Presented, protocol: str) -> Grant:
        """Return what a credential of a kind may do. Raises BadCredentials, ResourceInactive, NoAllowance."""
        async with self._db.snapshot() as tx:
            candidates = await store.credentials.candidates(tx, kind, presented.identifier, presented.within)
        credential = CREDENTIAL_KINDS[kind].verify(presented, [one.credential for one in candidates])
        if credential is None:
            raise BadCredentials
        owner = next(one for one in candidates if one.credential is credential)
        resource = owner.resource
        sold_as = self._kinds[resource.kind].sold_as(protocol)
        resource.admit(protocol, sold_as, user_stopped=owner.user_stopped)
        # Slices that nodes have reserved count too: this node may have one.
        if (await self._holdings.allowance(resource.user_id, resource.asset)).balance <= 0:
            raise NoAllowance
        return self._grant(owner)

    async def grant(self, credential_id: str) -> Grant:
        """Return what a credential of flows under way may do now. Raises BadCredentials, ResourceInactive."""
        async with self._db.snapshot() as tx:
            owner = await store.credentials.find_live(tx, credential_id)
        if owner is None:
            raise BadCredentials
        owner.resource.check_active(user_stopped=owner.user_stopped)
        return self._grant(owner)

    def _grant(self, owner: Candidate) -> Grant:
        resource = owner.resource
        limits = replace(resource.limits, max_flows=resource.limits.max_flows or self._settings.max_flows)
        until_us = self._clock.now_us() + int(self._settings.grant_cache_s * SECOND_US)
        if ends_us := owner.credential.expires_at_us:
            until_us = min(until_us, ends_us)
        return Grant(
            owner.credential.id, replace(resource, limits=limits), self._kinds[resource.kind].unit, until_us
        )
