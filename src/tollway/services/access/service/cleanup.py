"""Cleanup: what nodes that are gone left behind."""

import logging
from collections.abc import Callable, Sequence

from tollway.contracts.terminate_causes import TerminateCauseName
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.times import DAY_US, SECOND_US
from tollway.services.access import store
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.service.leases import TOUCH_EVERY_US
from tollway.services.access.service.reports import session_accounted
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.flows import Orphan
from tollway.services.access.store.leases import Timeouts
from tollway.services.access.store.usage import day_of

BATCH = 200
JUMP_US = 10 * SECOND_US
_log = logging.getLogger(__name__)
# Long enough that no node asks for the same lease again.
KEEP_ENDED_US = 2 * 24 * 3600 * SECOND_US
KEEP_TESTS_US = DAY_US
KEEP_PRESENCE_US = 40 * DAY_US
# A year, and the year before it to compare the last months with.
KEEP_TRENDS_US = 760 * DAY_US


class Cleanup:
    """Timed work; see `jobs`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        holdings: Holdings,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """`monotonic`: seconds by which jumps of the wall clock are noticed."""
        self._monotonic = monotonic
        self._wall_ahead_us = self._measure_ahead(clock.now_us())
        self._db, self._clock, self._holdings = db, clock, holdings
        self._lease_us = int(settings.lease_s * SECOND_US)
        self._grace_us = int(settings.grace_s * SECOND_US)
        self._trusted_from_us = clock.now_us() + self._grace_us

    async def close_abandoned(self) -> None:
        """Close the flows and give back the leases of nodes that vanished, or came back without them.

        Flows are closed at their last reported counters. Nothing is closed in the first moments after a start, as nodes
        could not be in touch while this service was away, nor for the time of a lease after the wall clock has jumped
        (or the machine slept): what looks silent then was in touch a moment ago, and reports again by then.
        """
        now_us = self._clock.now_us()
        ahead_us = self._measure_ahead(now_us)
        if abs(ahead_us - self._wall_ahead_us) > JUMP_US:
            _log.warning("the wall clock has jumped; nothing counts as abandoned until leases are renewed")
            self._trusted_from_us = now_us + self._lease_us
        self._wall_ahead_us = ahead_us
        if now_us < self._trusted_from_us:
            return
        silent_us = self._lease_us + self._grace_us + TOUCH_EVERY_US
        timeouts = Timeouts(now_us - silent_us, now_us - self._grace_us)
        while orphans := await self._orphans(timeouts):
            await self._close(orphans)
        async with self._db.snapshot() as tx:
            abandoned = await store.leases.abandoned_leases(tx, timeouts, BATCH)
        for lease_id in abandoned:
            await self._holdings.release(lease_id)
            async with self._db.transaction() as tx:
                await store.leases.save_lease(tx, lease_id, 0, ended=True)

    async def delete_ended(self) -> None:
        """Delete leases that ended so long ago that nobody asks for them again, the recalls of old ones, and tests."""
        async with self._db.transaction() as tx:
            await store.changes.delete_passing(tx, tx.now_us - self._lease_us)
            await store.connection_tests.delete_before(tx, tx.now_us - KEEP_TESTS_US)
            await store.presence.delete_before(tx, day_of(tx.now_us - KEEP_PRESENCE_US))
            await store.leases.delete_leases(tx, tx.now_us - KEEP_ENDED_US)
            await store.trends.fold_targets(tx, day_of(tx.now_us))
            before_us = tx.now_us - KEEP_TRENDS_US
            await store.trends.delete_before(tx, before_us, day_of(before_us))

    def _measure_ahead(self, now_us: int) -> int:
        return 0 if self._monotonic is None else now_us - int(self._monotonic() * SECOND_US)

    async def _orphans(self, timeouts: Timeouts) -> Sequence[Orphan]:
        async with self._db.snapshot() as tx:
            return await store.flows.orphans(tx, timeouts, BATCH)

    async def _close(self, orphans: Sequence[Orphan]) -> None:
        async with self._db.transaction() as tx:
            await store.resources.lock(tx, {orphan.resource_id for orphan in orphans})
            causes: tuple[tuple[TerminateCauseName, bool], ...] = (
                ("Lost-Carrier", False),
                ("NAS-Reboot", True),
            )
            for cause, rebooted in causes:
                ids = [orphan.session_id for orphan in orphans if orphan.rebooted is rebooted]
                for user_id, flow in await store.flows.close_flows(tx, ids, cause):
                    tx.publish(session_accounted(user_id, flow))
