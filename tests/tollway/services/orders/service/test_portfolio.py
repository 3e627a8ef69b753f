"""The portfolio shows what the ledger holds and what the catalogue says it is worth."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.market import BUDGET, GB, STANDARD, USD, Market, running_market
from tollway.kit.errors import Unavailable

ANN = "usr_ann"


@pytest.fixture
async def market(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market("sqlite", tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        opened.ledger.give(ANN, "EUR", 10 * USD)
        yield opened


async def test_who_never_bought_holds_nothing(market: Market) -> None:
    portfolio = await market.orders.portfolio.of("usr_new", "")
    assert (portfolio.cash, portfolio.holdings, portfolio.value_currency) == ([], [], "USD")


async def test_purchases_are_shown_by_lot_with_their_cost_and_worth(market: Market) -> None:
    await market.orders.market.place(ANN, STANDARD, 2 * GB, "USD", None, "key1")
    await market.catalog.editor.set_price(STANDARD, "USD", 4 * USD, "usr_root")
    await market.orders.market.place(ANN, STANDARD, 2 * GB, "USD", None, "key2")
    await market.orders.market.place(ANN, STANDARD, GB, "EUR", None, "key3")
    await market.orders.market.place(ANN, BUDGET, GB, "USD", None, "key4")

    portfolio = await market.orders.portfolio.of(ANN, "USD")

    assert [(cash.currency, cash.balance, cash.available) for cash in portfolio.cash] == [
        ("EUR", 7_200_000, 7_200_000),
        ("USD", 4_500_000, 4_500_000),
    ]
    budget, standard = portfolio.holdings
    assert (budget.asset, budget.remaining) == (BUDGET, GB)
    assert (standard.acquired, standard.used, standard.remaining, standard.reserved) == (5 * GB, 0, 5 * GB, 0)
    assert [(lot.remaining, lot.cost_asset, lot.remaining_cost) for lot in standard.lots] == [
        (2 * GB, "USD", 6 * USD),
        (2 * GB, "USD", 8 * USD),
        (GB, "EUR", 2_800_000),
    ]
    assert [(basis.currency, basis.units, basis.average_per_lot) for basis in standard.costs] == [
        ("EUR", GB, 2_800_000),
        ("USD", 4 * GB, 3_500_000),
    ]
    assert standard.market_value == 5 * 3_600_000  # the bid is a tenth below the ask of 4.00


async def test_what_was_used_is_shown_as_consumed(market: Market) -> None:
    await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key1")
    market.ledger.use(ANN, STANDARD, used=GB // 4, held=GB // 4)
    (holding,) = (await market.orders.portfolio.of(ANN, "USD")).holdings
    assert (holding.used, holding.remaining, holding.reserved) == (GB // 4, GB * 3 // 4, GB // 4)


async def test_an_order_in_progress_is_not_a_holding_yet_and_its_price_not_available(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post", lost=True)
    await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key1")
    portfolio = await market.orders.portfolio.of(ANN, "USD")
    assert portfolio.holdings == []
    assert (portfolio.cash[1].balance, portfolio.cash[1].available) == (20 * USD, 17 * USD)


async def test_without_a_price_holdings_are_shown_without_a_value(market: Market) -> None:
    await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key1")
    market.orders_ask.faults.add("catalog")
    (holding,) = (await market.orders.portfolio.of(ANN, "USD")).holdings
    assert (holding.remaining, holding.market_value) == (GB, None)
    (holding,) = (await market.orders.portfolio.of(ANN, "GBP")).holdings
    assert (holding.remaining, holding.market_value) == (GB, None)


async def test_without_the_ledger_there_is_no_portfolio(market: Market) -> None:
    market.orders_ask.faults.add("ledger")
    with pytest.raises(Unavailable):
        await market.orders.portfolio.of(ANN, "USD")
