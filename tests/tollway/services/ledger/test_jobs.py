"""Timed work: what is over ends, what was committed is sealed, and repeating either is harmless."""

from unittest.mock import patch

import pytest

from tests.kit.books import GB, Books, user
from tollway.services.ledger.jobs import TIMED, expire, seal


async def test_what_is_over_ends_by_itself(context: Books) -> None:
    await context.stock("ann", 10, cost=5, expires_in_s=60)
    await context.reserve("hld_1", "ann", 4, lasts_s=30)
    context.clock.advance(31)
    await expire(context.ledger)
    assert await context.available(user("ann", GB)) == 10
    context.clock.advance(30)
    await expire(context.ledger)
    await expire(context.ledger)
    assert await context.balance(user("ann", GB)) == 0


async def test_a_lot_and_the_hold_on_it_that_end_together_are_both_ended_at_once(context: Books) -> None:
    await context.stock("ann", 10, expires_in_s=60)
    await context.reserve("hld_1", "ann", 10, lasts_s=60)
    context.clock.advance(60)
    await expire(context.ledger)
    assert await context.balance(user("ann", GB)) == 0


async def test_everything_committed_is_sealed(context: Books) -> None:
    await context.deposit("ann", 5)
    await seal(context.ledger)
    await seal(context.ledger)
    verdict = await context.ledger.verify()
    assert (verdict.seals, verdict.unsealed) == (1, 0)


def test_both_are_done_often_enough_for_a_waiting_customer() -> None:
    assert TIMED["expire"].every_s <= 5
    assert TIMED["seal"].every_s <= 5


async def test_an_idle_ledger_does_not_look_into_its_database(context: Books) -> None:
    if context.db.is_shared:
        pytest.skip("other processes may write to a shared database, so it is looked at")
    await context.stock("ann", 10, cost=5, expires_in_s=60)
    for _ in range(3):  # the seal itself is written, and looked for once more
        await seal(context.ledger)
        await expire(context.ledger)
    with patch.object(context.db.engine, "reading", side_effect=AssertionError("looked")):
        for _ in range(5):
            context.clock.advance(11)
            await seal(context.ledger)
            await expire(context.ledger)
        context.clock.advance(6)
        with pytest.raises(AssertionError, match="looked"):
            await expire(context.ledger)
    context.ledger._wrote()
    await expire(context.ledger)
    assert await context.balance(user("ann", GB)) == 0
