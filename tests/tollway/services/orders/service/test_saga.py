"""The saga on its own: every single step killed, drivers side by side, and what counts as a refusal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.killing import Fate, Killed
from tests.kit.market import GB, STANDARD, USD, Market, order_of, running_market
from tollway.contracts.errors import KeyReused, UnknownAsset
from tollway.kit.errors import Forbidden, Internal, Problem, TooManyRequests
from tollway.services.orders.model import OrderState

ANN = "usr_ann"


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


async def waiting_order(market: Market, key: str = "key") -> str:
    """Place an order whose first step did not get an answer."""
    market.orders_ask.faults.add("ledger.Post")
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, key)
    assert order.state == OrderState.PLACED
    return order.id


async def test_the_steps_are_three_calls_each_under_its_own_key(market: Market) -> None:
    order_id = await waiting_order(market)
    market.ledger.posts.clear()
    fate = Fate()
    await market.another_orders(fate).market.process.advance(order_id)
    keys = [f"order:{order_id}:{step}" for step in ("hold_funds", "allocate", "capture")]
    assert market.ledger.posts == keys
    assert len(fate.passed) == 3 * 2 + 3 * 2  # three calls and three commits, before and after each


async def test_killed_before_or_after_any_step_the_next_life_finishes_it_once(market: Market) -> None:
    for survives in range(12):
        order_id = await waiting_order(market, f"key{survives}")
        with pytest.raises(Killed):
            await market.another_orders(Fate(survives)).market.process.advance(order_id)
        assert (await market.orders.market.process.advance(order_id)).state == OrderState.FILLED
        assert await market.events(order_id) == ["ORDER_PLACED", "ORDER_FILLED"]
        wallet = market.ledger.counters("user", ANN, "USD", "available")
        assert (wallet.balance, wallet.debits_pending) == (20 * USD - 3 * USD, 0)
        market.ledger.give(ANN, "USD", 3 * USD)
    assert market.ledger.counters("user", ANN, STANDARD, "available").balance == 12 * GB


async def test_many_drivers_at_once_are_as_good_as_one(market: Market) -> None:
    order_id = await waiting_order(market)
    market.ledger.posts.clear()
    drivers = [market.another_orders(Fate()) for _ in range(6)]
    ended = await asyncio.gather(*(driver.market.process.advance(order_id) for driver in drivers))
    assert {order.state for order in ended} == {OrderState.FILLED}
    assert len(market.ledger.posts) == 3
    assert await market.events(order_id) == ["ORDER_PLACED", "ORDER_FILLED"]


async def test_drivers_and_a_cancellation_agree_on_one_end(market: Market) -> None:
    for n in range(8):
        order_id = await waiting_order(market, f"key{n}")

        async def cancel_after(turns: int, order_id: str = order_id) -> object:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await market.another_orders(Fate()).market.cancel(ANN, order_id)

        await asyncio.gather(
            market.another_orders(Fate()).market.process.advance(order_id),
            market.another_orders(Fate()).market.process.advance(order_id),
            cancel_after(n * 3),
            return_exceptions=True,
        )
        order = await order_of(market.orders.db, order_id)
        assert order.state in {OrderState.FILLED, OrderState.CANCELLED}
        wallet = market.ledger.counters("user", ANN, "USD", "available")
        held = market.ledger.counters("user", ANN, STANDARD, "available")
        paid = 3 * USD if order.state == OrderState.FILLED else 0
        assert (wallet.balance, wallet.debits_pending) == (20 * USD - paid, 0)
        assert (held.balance, held.credits_pending) == (GB if paid else 0, 0)
        if paid:  # the next round begins as this one did
            market.ledger.give(ANN, "USD", paid)
            market.ledger.use(ANN, STANDARD, used=GB, held=0)


@pytest.mark.parametrize("problem", [Problem(), Internal(), TooManyRequests(), Forbidden(), KeyReused()])
async def test_what_is_not_the_ledgers_decision_leaves_the_order_where_it_is(
    problem: Problem, market: Market
) -> None:
    order_id = await waiting_order(market)
    market.orders_ask.faults.add("ledger.Post", problem)
    with pytest.raises(type(problem)):
        await market.orders.market.process.advance(order_id)
    assert (await order_of(market.orders.db, order_id)).state == OrderState.PLACED
    assert (await market.orders.market.process.advance(order_id)).state == OrderState.FILLED


async def test_any_decision_of_the_ledgers_ends_the_order_with_its_code(market: Market) -> None:
    order_id = await waiting_order(market)
    market.orders_ask.faults.add("ledger.Post", UnknownAsset())
    order = await market.orders.market.process.advance(order_id)
    assert (order.state, order.reason) == (OrderState.FAILED, "unknown_asset")
