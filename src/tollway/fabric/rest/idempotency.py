"""Idempotency-Key: a repeated request gets the first answer, never a second effect.

The key is claimed before the work and the answer stored after it. A crash in between leaves the claim to lapse after
`LOCK_S`; the retry then runs the work again, which is harmless because the work is idempotent by
its own business key.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import delete, select, update

from tollway.contracts.errors import IdempotencyKeyReused, RequestInProgress
from tollway.fabric.db import Database, tables
from tollway.fabric.rest.principal import Principal
from tollway.kit.errors import Problem
from tollway.kit.times import DAY_US, SECOND_US

LOCK_S = 30
KEPT_US = DAY_US
_table = tables.http_idempotency


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers: a status and a body."""

    status: int
    body: BaseModel


async def idempotent(
    database: Database, who: Principal, key: str, request: BaseModel, work: Callable[[], Awaitable[Answer]]
) -> Response:
    """Run `work` once for this principal, key and request; afterwards repeat its stored answer.

    An expected refusal of the client's making (4xx) is stored and repeated too; a 5xx is not, so a retry may succeed.
    Raises IdempotencyKeyReused for the same key with another request, RequestInProgress while the first one runs.
    """
    request_hash = _hash(request)
    stored = await _claim(database, who.user_id, key, request_hash)
    if stored is not None:
        return stored
    try:
        answer = await work()
    except Problem as problem:
        if problem.status >= 500:
            await _forget(database, who.user_id, key)
        else:
            refusal = {"code": problem.code, "detail": problem.detail, "extra": problem.extra}
            await _store(database, who.user_id, key, -1, json.dumps(refusal))
        raise
    except BaseException:
        await _forget(database, who.user_id, key)
        raise
    body = answer.body.model_dump_json()
    await _store(database, who.user_id, key, answer.status, body)
    return _render(answer.status, body, replayed=False)


async def _claim(database: Database, principal: str, key: str, request_hash: str) -> Response | None:
    async with database.transaction() as tx:
        mine = (_table.c.principal == principal) & (_table.c.key == key)
        # All of this principal's, not just this key: nobody else would ever remove them.
        old = (_table.c.principal == principal) & (_table.c.created_at_us < tx.now_us - KEPT_US)
        await tx.run(delete(_table).where(old))
        row = {
            "principal": principal,
            "key": key,
            "request_hash": request_hash,
            "status": 0,
            "body": "",
            "locked_until_us": tx.now_us + LOCK_S * SECOND_US,
            "created_at_us": tx.now_us,
        }
        claimed = await tx.run(tx.insert(_table).on_conflict_do_nothing(), row)
        if claimed.rowcount:
            return None
        known = await tx.first(select(_table).where(mine))
        assert known is not None
        if known.request_hash != request_hash:
            raise IdempotencyKeyReused
        if known.status == 0:
            if known.locked_until_us > tx.now_us:
                raise RequestInProgress(retry_after_s=1)
            await tx.run(update(_table).where(mine).values(locked_until_us=row["locked_until_us"]))
            return None
    if known.status == -1:
        raise Problem.revive(**json.loads(known.body))
    return _render(known.status, known.body, replayed=True)


async def _store(database: Database, principal: str, key: str, status: int, body: str) -> None:
    mine = (_table.c.principal == principal) & (_table.c.key == key)
    async with database.transaction() as tx:
        await tx.run(update(_table).where(mine).values(status=status, body=body))


async def _forget(database: Database, principal: str, key: str) -> None:
    mine = (_table.c.principal == principal) & (_table.c.key == key)
    async with database.transaction() as tx:
        await tx.run(delete(_table).where(mine))


def _hash(request: BaseModel) -> str:
    kind = type(request).__name__
    return hashlib.sha256(f"{kind}:{request.model_dump_json()}".encode()).hexdigest()


def _render(status: int, body: str, *, replayed: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(body, status, headers, "application/json")
