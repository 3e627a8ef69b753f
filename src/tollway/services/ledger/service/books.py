"""The books as operators see them: every account, every transaction, and whether all of it holds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tollway.contracts.events import BooksVerified, VerificationRequested
from tollway.fabric.db import Tx
from tollway.fabric.jobs import LongRun, LongWork, Report
from tollway.kit.ids import is_id
from tollway.kit.paging import Page, decode_cursor, encode_cursor, invalid_cursor, make_page
from tollway.services.ledger.model.records import Txn
from tollway.services.ledger.model.values import Account
from tollway.services.ledger.service.ledger import Ledger
from tollway.services.ledger.store import listing
from tollway.services.ledger.store.listing import AccountFilter, TransactionFilter

VERIFICATION = "verify_books"
FINDINGS_SHOWN = 100


class Moved(NamedTuple):
    """A transaction, and how much it moved of each asset."""

    txn: Txn
    amounts: Mapping[str, int]


class Books:
    """See the module's docstring."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._db = ledger.db
        self.verification = LongWork(ledger.db, VERIFICATION, self._verify, _publish_verdict)

    async def accounts(
        self, only: AccountFilter, limit: int, cursor: str, *, by: str = "owner", descending: bool = False
    ) -> Page[Account]:
        """List accounts by their owner or by when they were opened. Raises Invalid for a cursor that is not ours."""
        after = _read_cursor("acc", cursor)
        async with self._db.snapshot() as tx:
            rows = await listing.accounts(tx, only, after, limit + 1, by=by, descending=descending)
        return make_page(rows, limit, lambda account: [account.id])

    async def transactions(
        self, only: TransactionFilter, limit: int, cursor: str, *, descending: bool = True
    ) -> Page[Moved]:
        """List transactions in their order. A page may be short, or empty, with more to come when only some are wanted.

        Raises Invalid for a cursor that is not ours.
        """
        after = _read_cursor("txn", cursor)
        async with self._db.snapshot() as tx:
            rows, last = await listing.transactions(tx, only, after, limit + 1, descending=descending)
            moved = await listing.moved(tx, {one.id for one in rows[:limit]})
        items = [Moved(one, moved.get(one.id, {})) for one in rows[:limit]]
        if len(rows) > limit:
            last = items[-1].txn.id
        return Page(items, encode_cursor([last]) if last else "")

    async def request_verification(self, actor: str) -> LongRun:
        """Have the books verified, unless they are being verified already; return how far that is."""
        async with self._db.transaction() as tx:
            asked = await self.verification.request(tx, actor)
            if asked is not None:
                tx.publish(VerificationRequested(run_id=asked.id))
        return await self.verification.read()

    async def _verify(self, report: Report) -> Mapping[str, Any]:
        proof = await self._ledger.verify(report)
        return {
            "ok": proof.ok,
            "findings": list(proof.findings[:FINDINGS_SHOWN]),
            "transactions": proof.transactions,
            "legs": proof.legs,
            "accounts": proof.accounts,
            "seals": proof.seals,
            "unsealed": proof.unsealed,
            "head": proof.head,
        }


async def _publish_verdict(tx: Tx, run: LongRun) -> None:
    if run.state == "done":
        found = run.result["findings"]
        tx.publish(BooksVerified(run_id=run.id, ok=run.result["ok"], findings=found[:1]))


def _read_cursor(prefix: str, cursor: str) -> str:
    (after,) = decode_cursor(cursor, str) or ("",)
    if after and not is_id(prefix, after):
        raise invalid_cursor()
    return after
