"""The durable job and the timed work find and finish what was left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.killing import Fate, Killed
from tests.kit.market import GB, STANDARD, USD, Market, market, order_of
from tollway.fabric.db import tables
from tollway.services.orders.jobs import TIMED
from tollway.services.orders.model import OrderState

ANN = "usr_ann"


@pytest.fixture
async def shop(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with market(kind, tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


async def test_the_job_of_an_order_that_was_settled_at_once_does_nothing(shop: Market) -> None:
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    posts = list(shop.ledger.posts)
    shop.clock.advance(6)
    await shop.run_jobs()
    assert shop.ledger.posts == posts
    assert await shop.events(order.id) == ["ORDER_PLACED", "ORDER_FILLED"]
    async with shop.orders_db.snapshot() as tx:
        states = [row.state for row in await tx.all(select(tables.job))]
    assert states == ["done"]


@pytest.mark.parametrize("way", ["job", "janitor"])
async def test_an_order_whose_request_died_is_settled(way: str, shop: Market) -> None:
    with pytest.raises(Killed):  # right after the order was written down
        await shop.another_orders(Fate(6)).place_market(ANN, STANDARD, GB, "USD", None, "key")
    (order,) = (await shop.orders.orders(ANN, 10, "")).items
    assert order.state == OrderState.PLACED
    shop.clock.advance(11)
    if way == "job":
        await shop.run_jobs()
    else:
        await TIMED["janitor"].run(shop.orders)
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.FILLED


async def test_the_sweep_forgets_old_quotes(shop: Market) -> None:
    await shop.orders.quote(ANN, STANDARD, GB, "USD")
    shop.clock.advance(25 * 3600)
    await TIMED["sweep_quotes"].run(shop.orders)
    async with shop.orders_db.snapshot() as tx:
        from tollway.services.orders.store import quote

        assert await tx.all(select(quote)) == []
