"""Capacity that is put up for sale: written down, issued by the ledger, then counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tollway.contracts.books import platform, post_request, transfer
from tollway.contracts.chart.catalog import INVENTORY, ISSUANCE
from tollway.contracts.errors import IdempotencyKeyReused, UnknownAsset
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import Invalid
from tollway.kit.ids import new_id
from tollway.kit.money import MAX_UNITS
from tollway.services.catalog import store
from tollway.services.catalog.model import CapacityIssue, Product
from tollway.services.catalog.service.inventory import InventoryCache

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2 import PostRequest
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

ISSUE_JOB = "issue_capacity"


class Capacity:
    """Puts capacity up for sale. `process` drives each issue until the ledger has issued it."""

    def __init__(self, db: Database, ledger: "LedgerAsyncStub", inventory: InventoryCache) -> None:
        self._db = db
        self._ledger = ledger
        self._inventory = inventory
        self.process = DurableProcess[CapacityIssue, bool](
            name="capacity issue",
            db=db,
            job=ISSUE_JOB,
            find=store.find_issue,
            state=lambda issue: issue.state,
            steps={"asked": self._issue},
            move=_finish,
        )

    async def add(self, asset: str, units: int, actor: str, request_key: str) -> CapacityIssue:
        """Put more units up for sale; an actor's `request_key` names one issue for ever.

        Raises UnknownAsset, IdempotencyKeyReused, Invalid when the capacity leaves 64 bits, or Unavailable
        from the ledger, in which case a job finishes what was begun.
        """
        async with self._db.transaction() as tx:
            product = await find_product(tx, asset)
            issue = await self.write(tx, product, units, actor, f"{actor}:{request_key}")
        return await self.process.advance(issue.id)

    async def write(
        self, tx: Tx, product: Product, units: int, actor: str, request_key: str
    ) -> CapacityIssue:
        """Write down capacity to issue, or return what was written under this key. Raises as `add` does."""
        if not 0 < units <= MAX_UNITS - product.capacity_units:
            raise Invalid.of("quantity", "must be more than 0, and the whole capacity must fit 64 bits")
        fresh = CapacityIssue(new_id("iss"), product.asset, units, actor, done=False)
        if await store.add_issue(tx, fresh, request_key):
            self.process.enqueue(tx, fresh.id)
            return fresh
        known = await store.issue_by_request(tx, request_key)
        assert known is not None, "a row was in the way, so it is there"
        if (known.asset, known.units) != (product.asset, units):
            raise IdempotencyKeyReused
        return known

    async def resume(self) -> None:
        """Finish what a lost job or a crash left behind."""
        await self.process.resume(_open_issues)

    async def _issue(self, issue: CapacityIssue) -> bool:
        await self._ledger.Post(_issuance(issue))
        self._inventory.clear()
        return True


async def find_product(tx: Tx, asset: str) -> Product:
    """Return a product. Raises UnknownAsset."""
    product = await store.find_product(tx, asset)
    if product is None:
        raise UnknownAsset(f"there is no asset {asset!r}; GET /api/catalog/assets lists them")
    return product


async def _open_issues(tx: Tx, after_id: str, limit: int) -> Sequence[str]:
    return await store.open_issues(tx, after_id, limit)


async def _finish(tx: Tx, issue: CapacityIssue, _issued: bool) -> bool:
    if not await store.finish_issue(tx, issue.id):
        return False
    await store.grow_capacity(tx, issue.asset, issue.units)
    return True


def _issuance(issue: CapacityIssue) -> "PostRequest":
    issuance, inventory = (platform("catalog", issue.asset, purpose) for purpose in (ISSUANCE, INVENTORY))
    leg = transfer(issuance, inventory, issue.units)
    return post_request("catalog", f"issue:{issue.id}", "issue", [leg], actor=issue.actor)
