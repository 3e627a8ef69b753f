"""Quotes are priced as if everything that was promised before were sold, whoever asked and however fast."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.delays import SlowChannel
from tests.kit.market import BUDGET, GB, STANDARD, USD, Market, make_orders, running_market
from tests.kit.typing import settings_of
from tollway.contracts.errors import TooManyQuotes
from tollway.kit.errors import Unavailable
from tollway.services.catalog.model import FIRST_CAPACITY_UNITS
from tollway.services.orders.jobs import TIMED
from tollway.services.orders.model import Order, Side
from tollway.services.orders.settings import OrdersSettings

ANN = "usr_ann"
PART = 8_000 * GB
LIST = 3 * USD


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        yield opened


async def asks(market: Market, number: int, **users: str) -> list[int]:
    quotes = [
        await market.orders.quotes.offer(users.get("user_id", f"usr_{n}"), STANDARD, PART, "USD")
        for n in range(number)
    ]
    return [quote.terms.ask_per_lot for quote in quotes]


@pytest.mark.parametrize("users", [{}, {"user_id": ANN}])
async def test_quotes_for_most_of_the_capacity_grow_dearer(market: Market, users: dict[str, str]) -> None:
    prices = await asks(market, 12, **users)
    assert prices[0] == LIST
    assert all(earlier <= later for earlier, later in pairwise(prices))
    assert prices[-1] > LIST * 11 // 10, "88 of 100 parts are promised"


async def test_quotes_at_the_same_moment_count_each_other(market: Market) -> None:
    users = [f"usr_{n}" for n in range(12)]
    quotes = await asyncio.gather(
        *(market.orders.quotes.offer(user_id, STANDARD, PART, "USD") for user_id in users)
    )
    prices = sorted(quote.terms.ask_per_lot for quote in quotes)
    assert prices == await _expected(market)


async def _expected(market: Market) -> list[int]:
    """What twelve quotes, one after another, are priced at."""
    binding = market.catalog.binding_price_line
    return [(await binding(STANDARD, PART, "USD", n * PART)).ask_per_lot for n in range(12)]


async def test_a_customer_has_so_many_quotes_open_and_no_more(market: Market) -> None:
    """Or one who buys nothing would make it dear for everybody."""
    market.ledger.give(ANN, "USD", 20 * USD)
    orders = market.another_orders(settings=settings_of(OrdersSettings, max_open_quotes=2))
    quotes = []
    for _ in range(2):
        quotes.append(await orders.quotes.offer(ANN, STANDARD, GB, "USD"))
        market.clock.advance(10)
    with pytest.raises(TooManyQuotes) as refused:
        await orders.quotes.offer(ANN, BUDGET, GB, "USD")
    assert refused.value.extra == {"retry_after_s": 10}
    await orders.quotes.offer("usr_bob", STANDARD, GB, "USD")
    await orders.market.place_quoted(ANN, quotes[0].id, "key")
    quotes.append(await orders.quotes.offer(ANN, BUDGET, GB, "USD"))
    with pytest.raises(TooManyQuotes):
        await orders.quotes.offer(ANN, STANDARD, GB, "USD")
    market.clock.advance(21)
    await orders.quotes.offer(ANN, STANDARD, GB, "USD")


async def test_what_expires_or_is_cancelled_is_not_promised_any_more(market: Market) -> None:
    await asks(market, 11)
    dear = (await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")).terms.ask_per_lot
    market.clock.advance(31)
    again = (await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")).terms.ask_per_lot
    assert (dear > LIST, again) == (True, LIST)


async def test_a_quote_that_became_an_order_counts_once(market: Market) -> None:
    market.ledger.give(ANN, "USD", 1_000_000 * USD)
    prices: list[int] = []
    for n in range(12):
        quote = await market.orders.quotes.offer(ANN, STANDARD, PART, "USD")
        prices.append(quote.terms.ask_per_lot)
        await market.orders.market.place_quoted(ANN, quote.id, f"key-{n}")
    expected = [
        (await market.catalog.binding_price_line(STANDARD, PART, "USD", -n * PART)).ask_per_lot
        for n in range(12, 0, -1)
    ]
    assert prices == expected


async def test_market_orders_count_what_is_quoted_and_each_other(market: Market) -> None:
    market.ledger.give(ANN, "USD", 1_000_000 * USD)
    await asks(market, 11)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert order.terms.ask_per_lot > LIST
    market.clock.advance(31)
    orders = await asyncio.gather(
        *(market.orders.market.place(ANN, STANDARD, PART, "USD", None, f"k{n}") for n in range(11))
    )
    prices = sorted(one.terms.ask_per_lot for one in orders)
    assert prices[0] == LIST
    assert prices[-1] > LIST


async def test_orders_that_were_placed_and_filled_while_another_was_priced_count(market: Market) -> None:
    """Nothing is promised before it nor after it: only the inventory, which was read too early, knows of it."""
    market.ledger.give(ANN, "USD", 1_000_000 * USD)
    others: list[Order] = []

    async def somebody_buys(name: str) -> None:
        if name.endswith("/Price") and not others:
            for n in range(10):
                others.append(
                    await market.orders.market.place(ANN, STANDARD, PART, "USD", None, f"other-{n}")
                )

    slow = SlowChannel(market.server, "orders", somebody_buys, before=False)
    orders = make_orders(slow, market.orders_db, market.clock)
    order = await orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert {one.state for one in others} == {"filled"}
    expected = await market.catalog.binding_price_line(STANDARD, GB, "USD", -GB)
    assert order.terms.ask_per_lot == expected.ask_per_lot > LIST


async def test_another_product_is_not_dearer(market: Market) -> None:
    await asks(market, 12)
    other = await market.orders.quotes.offer(ANN, "bandwidth.datacenter.budget", GB, "USD")
    assert other.terms.ask_per_lot == 1_500_000


async def test_a_quote_says_on_which_side_it_is(market: Market) -> None:
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    assert quote.terms.side is Side.BUY


async def test_while_others_are_promised_more_all_the_time_nobody_is_given_a_price_that_is_too_low(
    market: Market,
) -> None:
    async def somebody_else(name: str) -> None:
        if name.endswith("/Price"):
            await market.orders.quotes.offer("usr_fast", STANDARD, GB, "USD")

    slow = SlowChannel(market.server, "orders", somebody_else, before=False)
    orders = make_orders(slow, market.orders_db, market.clock)
    with pytest.raises(Unavailable, match="moves too fast"):
        await orders.quotes.offer(ANN, STANDARD, GB, "USD")


@pytest.mark.parametrize("before", [True, False])
async def test_an_order_is_filled_or_given_back_though_every_call_takes_minutes(
    market: Market, *, before: bool
) -> None:
    """Another process settles, cancels and cleans up meanwhile."""
    market.ledger.give(ANN, "USD", 20 * USD)

    async def meanwhile(_name: str) -> None:
        market.clock.advance(300)
        for name in ("resume_orders", "sweep_quotes"):
            await TIMED[name].run(market.orders)
        await market.run_jobs()

    slow = SlowChannel(market.server, "orders", meanwhile, before=before)
    orders = make_orders(slow, market.orders_db, market.clock, settings_of(OrdersSettings, quote_ttl_s=3600))
    quote = await orders.quotes.offer(ANN, STANDARD, 2 * GB, "USD")
    order = await orders.market.place_quoted(ANN, quote.id, "key")
    wallet, held = market.ledger.wallet(ANN, "USD"), market.ledger.wallet(ANN, STANDARD)
    assert (wallet.debits_pending, held.credits_pending) == (0, 0)
    if order.state == "filled":
        assert (wallet.balance, held.balance) == (14 * USD, 2 * GB)
    else:
        assert order.state == "failed"
        assert (wallet.balance, held.balance) == (20 * USD, 0)
    events = await market.events(order.id)
    assert events == ["ORDER_PLACED", "ORDER_FILLED" if order.state == "filled" else "ORDER_FAILED"]
    inventory = market.ledger.counters("platform", "catalog", STANDARD, "inventory")
    assert inventory.balance == FIRST_CAPACITY_UNITS - held.balance
