"""Answers under an Idempotency-Key in the table `http_idempotency` of a service's database."""

from sqlalchemy import ColumnElement, delete, select, update

from tollway.contracts.errors import IdempotencyKeyReused, RequestInProgress
from tollway.fabric.db import Database, tables
from tollway.fabric.rest.answers import StoredAnswer
from tollway.kit.times import DAY_US, SECOND_US

# A claim is renewed while its holder works, so one that died is soon found out.
LEASE_S = 3
KEPT_US = DAY_US
_table = tables.http_idempotency


class SqlAnswers:
    """The answers of one service."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def claim(self, principal: str, key: str, request_hash: str) -> StoredAnswer | None:
        """Return the answer that was given under this key, or None when the caller is to do the work now."""
        async with self._db.transaction() as tx:
            # All of this principal's, not just this key: nobody else would ever remove them.
            old = (_table.c.principal == principal) & (_table.c.created_at_us < tx.now_us - KEPT_US)
            await tx.run(delete(_table).where(old))
            row = {
                "principal": principal,
                "key": key,
                "request_hash": request_hash,
                "status": 0,
                "body": "",
                "locked_until_us": tx.now_us + LEASE_S * SECOND_US,
                "created_at_us": tx.now_us,
            }
            claimed = await tx.run(tx.insert(_table).on_conflict_do_nothing(), row)
            if claimed.rowcount:
                return None
            known = await tx.first(select(_table).where(_mine(principal, key)))
            assert known is not None
            if known.request_hash != request_hash:
                raise IdempotencyKeyReused
            if known.status != 0:
                return StoredAnswer(known.status, known.body)
            if known.locked_until_us > tx.now_us:
                raise RequestInProgress(retry_after_s=1)
            locked = {"locked_until_us": row["locked_until_us"]}
            await tx.run(update(_table).where(_mine(principal, key)).values(locked))
            return None

    async def renew(self, principal: str, key: str) -> None:
        """Hold a claim for longer, as the work goes on."""
        async with self._db.transaction() as tx:
            working = _mine(principal, key) & (_table.c.status == 0)
            longer = {"locked_until_us": tx.now_us + LEASE_S * SECOND_US}
            await tx.run(update(_table).where(working).values(longer))

    async def store(self, principal: str, key: str, answer: StoredAnswer) -> None:
        """Keep the answer to a claimed request."""
        async with self._db.transaction() as tx:
            given = {"status": answer.status, "body": answer.body}
            await tx.run(update(_table).where(_mine(principal, key)).values(given))

    async def release(self, principal: str, key: str) -> None:
        """Give a claim up, so that a retry does the work."""
        async with self._db.transaction() as tx:
            await tx.run(delete(_table).where(_mine(principal, key)))


def _mine(principal: str, key: str) -> ColumnElement[bool]:
    return (_table.c.principal == principal) & (_table.c.key == key)
