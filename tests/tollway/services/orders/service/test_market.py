"""Placing, looking at and cancelling orders, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.killing import Fate, Killed
from tests.kit.market import GB, STANDARD, USD, Market, order_of, running_market
from tollway.contracts.errors import (
    IdempotencyKeyReused,
    PriceExceeded,
    QuoteStale,
    RequestInProgress,
    UnknownAsset,
)
from tollway.kit.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from tollway.services.ledger.model.values import Account
from tollway.services.orders.model import OrderState

ANN, BEN = "usr_ann", "usr_ben"


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


def wallet(market: Market, user_id: str = ANN) -> Account:
    return market.ledger.counters("user", user_id, "USD", "available")


def held(market: Market, user_id: str = ANN) -> Account:
    return market.ledger.counters("user", user_id, STANDARD, "available")


# ── quotes ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_quote_is_filled_at_its_price_even_when_the_price_has_changed(market: Market) -> None:
    quote = await market.orders.quotes.offer(ANN, STANDARD, 2 * GB, "USD")
    await market.catalog.editor.set_price(STANDARD, "USD", 9 * USD, "usr_root")
    market.clock.advance(29)
    order = await market.orders.market.place_quoted(ANN, quote.id, "key")
    assert (order.state, order.terms.price) == (OrderState.FILLED, 6 * USD)
    assert wallet(market).balance == 14 * USD
    assert held(market).balance == 2 * GB


async def test_a_quote_that_is_too_old_is_stale(market: Market) -> None:
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    market.clock.advance(30)
    with pytest.raises(QuoteStale):
        await market.orders.market.place_quoted(ANN, quote.id, "key")
    assert wallet(market).balance == 20 * USD


async def test_a_quote_is_used_once(market: Market) -> None:
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    placed = await asyncio.gather(
        *(market.orders.market.place_quoted(ANN, quote.id, f"key{n}") for n in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Exception) for one in placed) == 1
    assert all(isinstance(one, QuoteStale) for one in placed if isinstance(one, Exception))
    assert wallet(market).balance == 17 * USD


async def test_anothers_quote_does_not_exist(market: Market) -> None:
    market.ledger.give(BEN, "USD", 20 * USD)
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    with pytest.raises(NotFound):
        await market.orders.market.place_quoted(BEN, quote.id, "key")
    assert (await market.orders.market.place_quoted(ANN, quote.id, "key")).state == OrderState.FILLED


@pytest.mark.parametrize(
    ("asset", "quantity", "currency", "problem"),
    [
        ("nothing.at.all", GB, "USD", UnknownAsset),
        (STANDARD, 0, "USD", Invalid),
        (STANDARD, -GB, "USD", Invalid),
        (STANDARD, 999_999, "USD", Invalid),
        (STANDARD, 10_001 * 1000 * GB, "USD", Invalid),
        (STANDARD, GB, "GBP", Invalid),
    ],
)
async def test_what_is_not_for_sale_is_not_quoted(
    asset: str, quantity: int, currency: str, problem: type[Problem], market: Market
) -> None:
    with pytest.raises(problem):
        await market.orders.quotes.offer(ANN, asset, quantity, currency)
    with pytest.raises(problem):
        await market.orders.market.place(ANN, asset, quantity, currency, None, "key")


async def test_old_quotes_are_forgotten_and_used_ones_kept(market: Market) -> None:
    used = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    unused = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    await market.orders.market.place_quoted(ANN, used.id, "key")
    market.clock.advance(25 * 3600)
    await market.orders.quotes.delete_old()
    with pytest.raises(QuoteStale):
        await market.orders.market.place_quoted(ANN, used.id, "key2")
    with pytest.raises(NotFound):
        await market.orders.market.place_quoted(ANN, unused.id, "key3")


# ── placing ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_market_order_is_filled_at_the_price_of_the_moment(market: Market) -> None:
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", 3 * USD, "key")
    assert (order.state, order.terms.price) == (OrderState.FILLED, 3 * USD)
    assert order.transaction_id.startswith("txn_")
    assert await market.events(order.id) == ["ORDER_PLACED", "ORDER_FILLED"]


async def test_a_filled_order_leaves_a_lot_with_its_cost_and_expiry(market: Market) -> None:
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    (lot,) = market.ledger.lots(ANN, STANDARD)
    assert (lot.quantity, lot.cost_asset, lot.cost) == (GB, "USD", 3 * USD)
    assert lot.expires_at_us == order.created_at_us + 90 * 86_400_000_000


async def test_a_price_above_the_limit_places_nothing(market: Market) -> None:
    with pytest.raises(PriceExceeded, match=r"3\.00 USD"):
        await market.orders.market.place(ANN, STANDARD, GB, "USD", 3 * USD - 1, "key")
    assert (await market.orders.market.list(ANN, 10, "")).items == []


async def test_without_funds_the_order_fails_and_nothing_moves(market: Market) -> None:
    order = await market.orders.market.place(BEN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "insufficient_funds")
    assert wallet(market, BEN).version == 0
    assert await market.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_sold_out_gives_the_money_back(market: Market) -> None:
    market.ledger.sell(STANDARD, 100_000 * GB - GB + 1)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "sold_out")
    assert (wallet(market).available, wallet(market).debits_pending) == (20 * USD, 0)
    assert await market.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_the_last_bytes_are_sold_to_one_of_two(market: Market) -> None:
    market.ledger.give(BEN, "USD", 20 * USD)
    market.ledger.sell(STANDARD, 100_000 * GB - GB)
    orders = await asyncio.gather(
        market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key"),
        market.orders.market.place(BEN, STANDARD, GB, "USD", None, "key"),
    )
    assert sorted(order.state for order in orders) == [OrderState.FAILED, OrderState.FILLED]
    assert market.ledger.counters("platform", "catalog", STANDARD, "inventory").balance == 0


async def test_a_fee_is_charged_on_top_and_booked_apart(market: Market) -> None:
    market.set_fee(25_000)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert (order.terms.price, order.terms.fee) == (3 * USD, 75_000)
    assert wallet(market).balance == 20 * USD - 3_075_000
    assert market.ledger.counters("platform", "orders", "USD", "deferred").balance == 3 * USD
    assert market.ledger.counters("platform", "orders", "USD", "fee").balance == 75_000
    (lot,) = market.ledger.lots(ANN, STANDARD)
    assert lot.cost == 3 * USD


async def test_a_price_that_fits_without_the_fee_only_is_not_covered(market: Market) -> None:
    market.set_fee(25_000)
    market.ledger.give(BEN, "USD", 3 * USD)
    order = await market.orders.market.place(BEN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "insufficient_funds")
    assert (wallet(market, BEN).available, wallet(market, BEN).debits_pending) == (3 * USD, 0)


async def test_the_same_key_is_the_same_order(market: Market) -> None:
    first = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    again = await market.another_orders().market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert again.id == first.id
    assert wallet(market).balance == 17 * USD
    with pytest.raises(IdempotencyKeyReused):
        await market.orders.market.place(ANN, STANDARD, 2 * GB, "USD", None, "key")
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    with pytest.raises(IdempotencyKeyReused):
        await market.orders.market.place_quoted(ANN, quote.id, "key")


async def test_one_key_from_many_hands_buys_once(market: Market) -> None:
    hands = [market.another_orders() for _ in range(5)]
    placed = await asyncio.gather(
        *(hand.market.place(ANN, STANDARD, GB, "USD", None, "key") for hand in hands), return_exceptions=True
    )
    assert len({one.id for one in placed if not isinstance(one, BaseException)}) == 1
    assert all(isinstance(one, RequestInProgress) for one in placed if isinstance(one, BaseException))
    assert wallet(market).balance == 17 * USD


async def test_an_order_waits_while_the_ledger_is_down_and_the_job_finishes_it(market: Market) -> None:
    market.orders_ask.faults.add("ledger", times=2)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert order.state == OrderState.PLACED
    market.clock.advance(6)
    await market.run_jobs()
    assert (await market.orders.market.get(ANN, order.id))[0].state == OrderState.PLACED  # the second refusal
    market.clock.advance(2)
    await market.run_jobs()
    found, steps = await market.orders.market.get(ANN, order.id)
    assert found.state == OrderState.FILLED
    assert [step.state for step in steps] == ["placed", "funds_held", "allocated", "filled"]


async def test_an_unknown_outcome_is_not_a_refusal(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post", lost=True)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert order.state == OrderState.PLACED
    assert wallet(market).debits_pending == 3 * USD
    assert (await market.orders.market.process.advance(order.id)).state == OrderState.FILLED
    assert (wallet(market).balance, wallet(market).debits_pending) == (17 * USD, 0)


async def test_an_order_that_runs_out_of_time_is_undone(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post", lost=True)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    market.clock.advance(60)
    await market.orders.market.resume_stuck()
    order, _ = await market.orders.market.get(ANN, order.id)
    assert (order.state, order.reason) == (OrderState.FAILED, "timed_out")
    assert (wallet(market).balance, wallet(market).debits_pending) == (20 * USD, 0)


async def test_past_the_pivot_an_order_goes_forward_however_late(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post")  # hold_funds does not happen
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Killed):
        await market.another_orders(Fate(8)).market.process.advance(order.id)
    assert (await order_of(market.orders.db, order.id)).state == OrderState.ALLOCATED
    market.clock.advance(3000)
    await market.orders.market.resume_stuck()
    assert (await order_of(market.orders.db, order.id)).state == OrderState.FILLED


async def test_holds_that_lapsed_under_a_late_capture_leave_nothing_moved(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post")
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Killed):
        await market.another_orders(Fate(8)).market.process.advance(order.id)
    market.clock.advance(4000)
    await market.orders.market.resume_stuck()
    order = await order_of(market.orders.db, order.id)
    assert (order.state, order.reason) == (OrderState.FAILED, "hold_ended")
    assert (wallet(market).balance, held(market).balance) == (20 * USD, 0)


# ── timed work ──────────────────────────────────────────────────────────────────────────────────────


async def test_timed_work_leaves_fresh_orders_to_their_drivers(market: Market) -> None:
    market.orders_ask.faults.add("ledger")
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    market.clock.advance(9)
    await market.orders.market.resume_stuck()
    assert (await order_of(market.orders.db, order.id)).state == OrderState.PLACED
    market.clock.advance(1)
    await market.orders.market.resume_stuck()
    assert (await order_of(market.orders.db, order.id)).state == OrderState.FILLED


async def test_timed_work_gives_up_a_round_when_the_ledger_is_down(market: Market) -> None:
    market.orders_ask.faults.add("ledger", times=3)
    for n in range(2):
        await market.orders.market.place(ANN, STANDARD, GB, "USD", None, f"key{n}")
    market.clock.advance(11)
    await market.orders.market.resume_stuck()
    assert not market.orders_ask.faults.planned
    assert {order.state for order in (await market.orders.market.list(ANN, 10, "")).items} == {
        OrderState.PLACED
    }


async def test_one_order_that_cannot_be_settled_does_not_keep_the_others_waiting(market: Market) -> None:
    market.orders_ask.faults.add("ledger", times=2)
    first = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key1")
    second = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key2")
    market.clock.advance(11)
    market.orders_ask.faults.add("ledger.Post", Problem("a bug"))
    await market.orders.market.resume_stuck()
    assert (await order_of(market.orders.db, first.id)).state == OrderState.PLACED
    assert (await order_of(market.orders.db, second.id)).state == OrderState.FILLED


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────


async def test_orders_are_listed_newest_first_a_page_at_a_time(market: Market) -> None:
    placed = [await market.orders.market.place(ANN, STANDARD, GB, "USD", None, f"key{n}") for n in range(3)]
    first = await market.orders.market.list(ANN, 2, "")
    second = await market.orders.market.list(ANN, 2, first.next_cursor)
    assert [order.id for order in (*first.items, *second.items)] == sorted(
        (order.id for order in placed), reverse=True
    )
    assert second.next_cursor == ""
    assert (await market.orders.market.list(BEN, 2, "")).items == []


async def test_anothers_order_does_not_exist(market: Market) -> None:
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    for ask in (market.orders.market.get, market.orders.market.cancel):
        with pytest.raises(NotFound):
            await ask(BEN, order.id)


@pytest.mark.parametrize("cursor", ["WyJhIl0", "WzFd", "Wy0xXQ", "WyJcdTAwMDAiXQ", "W10", "???"])
async def test_a_cursor_of_another_list_is_refused(cursor: str, market: Market) -> None:
    with pytest.raises(Invalid):
        await market.orders.market.list(ANN, 2, cursor)


# ── cancelling ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lost", [False, True])
async def test_an_order_that_waits_can_be_cancelled(lost: bool, market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post", lost=lost)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    for _ in range(2):
        order = await market.orders.market.cancel(ANN, order.id)
        assert order.state == OrderState.CANCELLED
    assert (wallet(market).available, wallet(market).debits_pending) == (20 * USD, 0)
    assert await market.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_an_order_that_is_filled_cannot_be_cancelled(market: Market) -> None:
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Conflict, match="filled"):
        await market.orders.market.cancel(ANN, order.id)
    assert held(market).balance == GB


async def test_a_cancellation_that_the_ledger_does_not_answer_is_finished_later(market: Market) -> None:
    market.orders_ask.faults.add("ledger.Post", times=2)
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    assert (await market.orders.market.cancel(ANN, order.id)).state == OrderState.RELEASING
    market.clock.advance(11)
    await market.orders.market.resume_stuck()
    assert (await order_of(market.orders.db, order.id)).state == OrderState.CANCELLED


async def test_a_driver_that_comes_too_late_cannot_hold_money_for_a_cancelled_order(market: Market) -> None:
    """The driver sent its hold before the cancellation, and it arrives after it."""
    market.orders_ask.faults.add("ledger.Post")
    order = await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key")
    from tollway.services.orders.service import postings

    late = postings.hold_funds(order)
    await market.orders.market.cancel(ANN, order.id)
    await market.ledger.Post(late, None)
    assert (wallet(market).available, wallet(market).debits_pending) == (20 * USD, 0)


async def test_a_stopped_catalogue_stops_new_orders_only(market: Market) -> None:
    quote = await market.orders.quotes.offer(ANN, STANDARD, GB, "USD")
    market.orders_ask.faults.add("catalog", times=100)
    with pytest.raises(Unavailable):
        await market.orders.market.place(ANN, STANDARD, GB, "USD", None, "key1")
    assert (await market.orders.market.place_quoted(ANN, quote.id, "key2")).state == OrderState.FILLED
