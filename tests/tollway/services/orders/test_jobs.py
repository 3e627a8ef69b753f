"""The durable job and the timed work find and finish what was left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.killing import Fate, Killed
from tests.kit.market import GB, STANDARD, USD, Market, order_of, running_market
from tollway.fabric.db import tables
from tollway.services.orders.jobs import TIMED
from tollway.services.orders.model import OrderState

ANN = "usr_ann"


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


async def test_the_job_of_an_order_that_was_settled_at_once_does_nothing(market: Market) -> None:
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    posts = list(market.ledger.posts)
    market.clock.advance(6)
    await market.run_jobs()
    assert market.ledger.posts == posts
    assert await market.events(order.id) == ["ORDER_PLACED", "ORDER_FILLED"]
    async with market.orders_db.snapshot() as tx:
        states = [row.state for row in await tx.all(select(tables.job))]
    assert states == ["done"]


@pytest.mark.parametrize("way", ["job", "resume_orders"])
async def test_an_order_whose_request_died_is_settled(way: str, market: Market) -> None:
    with pytest.raises(Killed):  # right after the order was written down
        await market.another_orders(Fate(6)).market.place(ANN, STANDARD, GB, "USD", None, "key")
    (order,) = (await market.orders.market.list(ANN, 10, "")).items
    assert order.state == OrderState.PLACED
    market.clock.advance(11)
    if way == "job":
        await market.run_jobs()
    else:
        await TIMED["resume_orders"].run(market.orders)
    assert (await order_of(market.orders.db, order.id)).state == OrderState.FILLED


async def test_the_sweep_forgets_old_quotes(market: Market) -> None:
    await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    market.clock.advance(25 * 3600)
    await TIMED["sweep_quotes"].run(market.orders)
    async with market.orders_db.snapshot() as tx:
        from tollway.services.orders.store import quote

        assert await tx.all(select(quote)) == []
