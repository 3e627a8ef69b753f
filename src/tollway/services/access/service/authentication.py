"""Authentication: what a credential that a client presents to a node may do."""

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
            candidates = await store.credentials.candidates(tx, kind, presented.identifier)
        credential = CREDENTIAL_KINDS[kind].verify(presented, [one.credential for one in candidates])
        if credential is None:
            raise BadCredentials
        owner = next(one for one in candidates if one.credential is credential)
        resource = owner.resource
        resource_kind = self._kinds[resource.kind]
        resource.admit(protocol, resource_kind.sold_as(protocol), user_stopped=owner.user_stopped)
        # Slices that nodes have reserved count too: this node may have one.
        if (await self._holdings.allowance(resource.user_id, resource.asset)).balance <= 0:
            raise NoAllowance
        until_us = self._clock.now_us() + int(self._settings.grant_cache_s * SECOND_US)
        return Grant(credential.id, resource, resource_kind.unit, until_us)
