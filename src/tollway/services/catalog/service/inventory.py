"""What is left of every product, as the ledger says."""

import asyncio
import logging
from typing import TYPE_CHECKING

from tollway.contracts import ledger_pb2
from tollway.contracts.books import PLATFORM
from tollway.contracts.chart.catalog import INVENTORY
from tollway.fabric.clock import Clock
from tollway.kit.errors import DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# A price must not wait for a ledger in trouble: after this the last known inventory will do.
READ_TIMEOUT_S = 1.0


class InventoryCache:
    """What is left to sell, kept for `keep_us`; the last answer outlives an outage of the ledger."""

    def __init__(self, clock: Clock, ledger: "LedgerAsyncStub", keep_us: int) -> None:
        self._clock = clock
        self._ledger = ledger
        self._keep_us = keep_us
        self._left: dict[str, int] = {}
        self._read_at_us: int | None = None
        self._begun = 0
        self._turn = asyncio.Lock()

    async def read(self, *, fresh: bool = False) -> dict[str, int]:
        """Return the units left by asset; `fresh`: as the ledger says now, for a price that binds.

        Callers at the same time share one call: a read that began after somebody asked is fresh enough for them.
        """
        begun_before = self._begun
        async with self._turn:
            now_us = self._clock.now_us()
            kept = self._read_at_us is not None and 0 <= now_us - self._read_at_us < self._keep_us
            if self._begun == begun_before if fresh else not kept:
                self._begun += 1
                self._read_at_us = now_us
                await self._read()
        return self._left

    def clear(self) -> None:
        """Have the ledger read anew next time."""
        self._read_at_us = None

    async def _read(self) -> None:
        try:
            answer = await self._ledger.ListAccounts(
                ledger_pb2.ListAccountsRequest(owner_kind=PLATFORM, owner_id="catalog"),
                timeout=READ_TIMEOUT_S,
            )
        except (Unavailable, DeadlineExceeded) as problem:
            _log.warning(
                "the ledger does not answer (%s); prices rest on the last known inventory", problem.code
            )
            return
        self._left = {
            account.ref.asset: account.available
            for account in answer.accounts
            if account.ref.purpose == INVENTORY
        }
