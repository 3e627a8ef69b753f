"""Answers under an Idempotency-Key: one claim at a time, the first answer is kept, a dead claim lapses."""

import asyncio

import pytest

from tests.kit.clock import FakeClock
from tollway.contracts.errors import IdempotencyKeyReused, RequestInProgress
from tollway.fabric.db import Database
from tollway.fabric.rest import AnswerStore
from tollway.fabric.rest.answers import StoredAnswer
from tollway.fabric.rest.sql import KEPT_US, LEASE_S, SqlAnswers
from tollway.kit.times import SECOND_US

GIVEN = StoredAnswer(201, '{"id": "ord_1"}')


@pytest.fixture
def answers(plain_db: Database) -> AnswerStore:
    return SqlAnswers(plain_db)


async def test_the_first_answer_is_kept_for_every_repeat(answers: AnswerStore) -> None:
    assert await answers.claim("usr_1", "k", "hash") is None
    await answers.store("usr_1", "k", GIVEN)
    assert await answers.claim("usr_1", "k", "hash") == GIVEN
    assert await answers.claim("usr_2", "k", "hash") is None, "a key belongs to its principal"


async def test_a_key_is_good_for_one_request(answers: AnswerStore) -> None:
    await answers.claim("usr_1", "k", "hash")
    with pytest.raises(IdempotencyKeyReused):
        await answers.claim("usr_1", "k", "another")
    await answers.store("usr_1", "k", GIVEN)
    with pytest.raises(IdempotencyKeyReused):
        await answers.claim("usr_1", "k", "another")


async def test_of_many_at_once_one_does_the_work(answers: AnswerStore) -> None:
    claims = await asyncio.gather(
        *(answers.claim("usr_1", "k", "hash") for _ in range(8)), return_exceptions=True
    )
    refused = [claim for claim in claims if isinstance(claim, RequestInProgress)]
    assert (len(refused), claims.count(None)) == (7, 1)


async def test_a_claim_whose_holder_died_lapses_to_one_heir(answers: AnswerStore, clock: FakeClock) -> None:
    await answers.claim("usr_1", "k", "hash")
    clock.advance(LEASE_S + 1)
    assert await answers.claim("usr_1", "k", "hash") is None
    with pytest.raises(RequestInProgress):
        await answers.claim("usr_1", "k", "hash")


async def test_a_claim_that_is_renewed_does_not_lapse(answers: AnswerStore, clock: FakeClock) -> None:
    await answers.claim("usr_1", "k", "hash")
    for _ in range(5):
        clock.advance(LEASE_S - 1)
        await answers.renew("usr_1", "k")
        with pytest.raises(RequestInProgress):
            await answers.claim("usr_1", "k", "hash")
    await answers.store("usr_1", "k", GIVEN)
    await answers.renew("usr_1", "k")
    assert await answers.claim("usr_1", "k", "hash") == GIVEN


async def test_a_released_claim_is_free_at_once(answers: AnswerStore) -> None:
    await answers.claim("usr_1", "k", "hash")
    await answers.release("usr_1", "k")
    assert await answers.claim("usr_1", "k", "another") is None


async def test_answers_are_forgotten_after_a_day(answers: AnswerStore, clock: FakeClock) -> None:
    await answers.claim("usr_1", "k", "hash")
    await answers.store("usr_1", "k", GIVEN)
    clock.advance(KEPT_US // SECOND_US + 1)
    assert await answers.claim("usr_1", "k", "another") is None
