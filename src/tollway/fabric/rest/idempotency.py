"""Idempotency-Key: a repeated request gets the first answer, never a second effect.

The key is claimed before the work and the answer stored after it. The claim is renewed while the work goes on. A crash
leaves it to lapse within seconds; a retry waits for that, and then runs the work again, which is harmless because the
work is idempotent by its own business key. So a retry is given the first request's answer or carries its work on.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Response
from pydantic import BaseModel

from tollway.contracts.errors import RequestInProgress
from tollway.fabric.rest.answers import AnswerStore, StoredAnswer
from tollway.fabric.rest.principal import Principal
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

REFUSED = -1
RENEW_EVERY_S = 1.0
# A retry waits so long for the first request; longer than a claim lasts that nobody renews.
PATIENCE_S = 5.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers: a status and a body."""

    status: int
    body: BaseModel


async def idempotent(
    answers: AnswerStore, who: Principal, key: str, request: BaseModel, work: Callable[[], Awaitable[Answer]]
) -> Response:
    """Run `work` once for this principal, key and request; afterwards repeat its stored answer.

    An expected refusal of the client's making (4xx) is stored and repeated too; a 5xx is not, so a retry may succeed.
    Raises IdempotencyKeyReused for the same key with another request, RequestInProgress when the first one still runs
    after `PATIENCE_S`.
    """
    stored = await _claim(answers, who.user_id, key, _hash(request))
    if stored is not None:
        if stored.status == REFUSED:
            raise Problem.revive(**json.loads(stored.body))
        return _render(stored, replayed=True)
    renewing = spawn(_renew(answers, who.user_id, key), "idempotency-renewal")
    try:
        answer = await work()
    except Problem as problem:
        if problem.status >= 500:
            await answers.release(who.user_id, key)
        else:
            refusal = {"code": problem.code, "detail": problem.detail, "extra": problem.extra}
            await answers.store(who.user_id, key, StoredAnswer(REFUSED, json.dumps(refusal)))
        raise
    except BaseException:
        await answers.release(who.user_id, key)
        raise
    finally:
        await cancel(renewing)
    given = StoredAnswer(answer.status, answer.body.model_dump_json())
    await answers.store(who.user_id, key, given)
    return _render(given, replayed=False)


async def _claim(answers: AnswerStore, principal: str, key: str, request_hash: str) -> StoredAnswer | None:
    ends_at = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await answers.claim(principal, key, request_hash)
        except RequestInProgress:
            if asyncio.get_running_loop().time() >= ends_at:
                raise
        await asyncio.sleep(LOOK_EVERY_S)


async def _renew(answers: AnswerStore, principal: str, key: str) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        await answers.renew(principal, key)


def _hash(request: BaseModel) -> str:
    kind = type(request).__name__
    return hashlib.sha256(f"{kind}:{request.model_dump_json()}".encode()).hexdigest()


def _render(answer: StoredAnswer, *, replayed: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(answer.body, answer.status, headers, "application/json")
