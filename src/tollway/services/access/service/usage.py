"""Usage: what a customer used and has left, and the records a bill can be recomputed from."""

import asyncio
from dataclasses import dataclass

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.services.access import store
from tollway.services.access.model import Resource
from tollway.services.access.service.holdings import Allowance, Holdings
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.usage import Filter, Record, Total, day_of

MONTHS = 24


@dataclass(frozen=True, slots=True)
class Stats:
    """A customer's sums, and how many flows are open.

    `as_of_us`: when the newest report came that they include; 0 when there was none.
    """

    all_time: Total
    this_month: Total
    today: Total
    by_protocol: list[Total]
    open_flows: int
    as_of_us: int = 0


@dataclass(frozen=True, slots=True)
class AccessStatus:
    """What a customer sees first: their accesses, what is left to use, and what is going on."""

    resources: list[Resource]
    suspended: bool
    allowances: list[Allowance]
    open_flows: int
    all_time: Total
    as_of_us: int


class Usage:
    """Sums, records and what is left."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        holdings: Holdings,
    ) -> None:
        self._db, self._clock, self._settings = db, clock, settings
        self._holdings = holdings

    async def status(self, user_id: str) -> AccessStatus:
        """Return a customer's status. Raises Unavailable when the ledger does not answer."""
        async with self._db.snapshot() as tx:
            resources = await store.resources.find_all_of(tx, user_id)
            suspended = await store.resources.is_stopped(tx, user_id)
            open_flows = await store.usage.open_flows(tx, user_id)
            running = await store.usage.running_totals(tx, user_id)
        assets = sorted({one.asset for one in resources} | {self._settings.default_asset})
        allowances = await asyncio.gather(*(self._holdings.allowance(user_id, asset) for asset in assets))
        return AccessStatus(
            resources, suspended, list(allowances), open_flows, running.everything, running.as_of_us
        )

    async def stats(self, user_id: str) -> Stats:
        """Return a customer's sums: ever, this month, today (UTC), and by protocol."""
        today = day_of(self._clock.now_us())
        async with self._db.snapshot() as tx:
            running = await store.usage.running_totals(tx, user_id)
            return Stats(
                running.everything,
                await store.usage.total_since(tx, user_id, f"{today[:7]}-01"),
                await store.usage.total_since(tx, user_id, today),
                running.by_protocol,
                await store.usage.open_flows(tx, user_id),
                running.as_of_us,
            )

    async def monthly(self, user_id: str, asset: str) -> list[Total]:
        """Return a customer's sums by month, newest first, of one asset or of all."""
        async with self._db.snapshot() as tx:
            return await store.usage.totals_by_month(tx, user_id, asset, MONTHS)

    async def records(
        self, user_id: str, only: Filter, limit: int, cursor: str, *, newest_first: bool = False
    ) -> Page[Record]:
        """Return the flows of a customer, or of all when empty, by when they started. Raises Invalid for the cursor."""
        after = decode_cursor(cursor, int, str)
        async with self._db.snapshot() as tx:
            rows = await store.usage.records(tx, user_id, only, after, limit + 1, newest_first=newest_first)
        return make_page(rows, limit, lambda row: [row.flow.started_at_us, row.flow.session_id])
