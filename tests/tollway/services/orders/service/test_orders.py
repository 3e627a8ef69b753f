"""Placing, looking at and cancelling orders, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.killing import Fate, Killed
from tests.kit.market import GB, STANDARD, USD, Market, market, order_of
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
async def shop(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with market(kind, tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


def wallet(shop: Market, user_id: str = ANN) -> Account:
    return shop.ledger.counters("user", user_id, "USD", "available")


def held(shop: Market, user_id: str = ANN) -> Account:
    return shop.ledger.counters("user", user_id, STANDARD, "available")


# ── quotes ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_quote_is_filled_at_its_price_even_when_the_price_has_changed(shop: Market) -> None:
    quote = await shop.orders.quote(ANN, STANDARD, 2 * GB, "USD")
    await shop.catalog.set_price(STANDARD, "USD", 9 * USD, "usr_root")
    shop.clock.advance(29)
    order = await shop.orders.place_quoted(ANN, quote.id, "key")
    assert (order.state, order.terms.price) == (OrderState.FILLED, 6 * USD)
    assert wallet(shop).balance == 14 * USD
    assert held(shop).balance == 2 * GB


async def test_a_quote_that_is_too_old_is_stale(shop: Market) -> None:
    quote = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    shop.clock.advance(30)
    with pytest.raises(QuoteStale):
        await shop.orders.place_quoted(ANN, quote.id, "key")
    assert wallet(shop).balance == 20 * USD


async def test_a_quote_is_used_once(shop: Market) -> None:
    quote = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    placed = await asyncio.gather(
        *(shop.orders.place_quoted(ANN, quote.id, f"key{n}") for n in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in placed) == 1
    assert all(isinstance(one, QuoteStale) for one in placed if isinstance(one, Exception))
    assert wallet(shop).balance == 17 * USD


async def test_anothers_quote_does_not_exist(shop: Market) -> None:
    shop.ledger.give(BEN, "USD", 20 * USD)
    quote = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    with pytest.raises(NotFound):
        await shop.orders.place_quoted(BEN, quote.id, "key")
    assert (await shop.orders.place_quoted(ANN, quote.id, "key")).state == OrderState.FILLED


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
    asset: str, quantity: int, currency: str, problem: type[Problem], shop: Market
) -> None:
    with pytest.raises(problem):
        await shop.orders.quote(ANN, asset, quantity, currency)
    with pytest.raises(problem):
        await shop.orders.place_market(ANN, asset, quantity, currency, None, "key")


async def test_old_quotes_are_forgotten_and_used_ones_kept(shop: Market) -> None:
    used = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    unused = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    await shop.orders.place_quoted(ANN, used.id, "key")
    shop.clock.advance(25 * 3600)
    await shop.orders.drop_old_quotes()
    with pytest.raises(QuoteStale):
        await shop.orders.place_quoted(ANN, used.id, "key2")
    with pytest.raises(NotFound):
        await shop.orders.place_quoted(ANN, unused.id, "key3")


# ── placing ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_market_order_is_filled_at_the_price_of_the_moment(shop: Market) -> None:
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", 3 * USD, "key")
    assert (order.state, order.terms.price) == (OrderState.FILLED, 3 * USD)
    assert order.transaction_id.startswith("txn_")
    assert await shop.events(order.id) == ["ORDER_PLACED", "ORDER_FILLED"]


async def test_a_filled_order_leaves_a_lot_with_its_cost_and_expiry(shop: Market) -> None:
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    (lot,) = shop.ledger.lots(ANN, STANDARD)
    assert (lot.quantity, lot.cost_asset, lot.cost) == (GB, "USD", 3 * USD)
    assert lot.expires_at_us == order.created_at_us + 90 * 86_400_000_000


async def test_a_price_above_the_limit_places_nothing(shop: Market) -> None:
    with pytest.raises(PriceExceeded, match=r"3\.00 USD"):
        await shop.orders.place_market(ANN, STANDARD, GB, "USD", 3 * USD - 1, "key")
    assert (await shop.orders.orders(ANN, 10, "")).items == []


async def test_without_funds_the_order_fails_and_nothing_moves(shop: Market) -> None:
    order = await shop.orders.place_market(BEN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "insufficient_funds")
    assert wallet(shop, BEN).version == 0
    assert await shop.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_sold_out_gives_the_money_back(shop: Market) -> None:
    shop.ledger.sell(STANDARD, 100_000 * GB - GB + 1)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "sold_out")
    assert (wallet(shop).available, wallet(shop).debits_pending) == (20 * USD, 0)
    assert await shop.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_the_last_bytes_are_sold_to_one_of_two(shop: Market) -> None:
    shop.ledger.give(BEN, "USD", 20 * USD)
    shop.ledger.sell(STANDARD, 100_000 * GB - GB)
    orders = await asyncio.gather(
        shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key"),
        shop.orders.place_market(BEN, STANDARD, GB, "USD", None, "key"),
    )
    assert sorted(order.state for order in orders) == [OrderState.FAILED, OrderState.FILLED]
    assert shop.ledger.counters("platform", "catalog", STANDARD, "inventory").balance == 0


async def test_a_fee_is_charged_on_top_and_booked_apart(shop: Market) -> None:
    shop.set_fee(25_000)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert (order.terms.price, order.terms.fee) == (3 * USD, 75_000)
    assert wallet(shop).balance == 20 * USD - 3_075_000
    assert shop.ledger.counters("platform", "orders", "USD", "deferred").balance == 3 * USD
    assert shop.ledger.counters("platform", "orders", "USD", "fee").balance == 75_000
    (lot,) = shop.ledger.lots(ANN, STANDARD)
    assert lot.cost == 3 * USD


async def test_a_price_that_fits_without_the_fee_only_is_not_covered(shop: Market) -> None:
    shop.set_fee(25_000)
    shop.ledger.give(BEN, "USD", 3 * USD)
    order = await shop.orders.place_market(BEN, STANDARD, GB, "USD", None, "key")
    assert (order.state, order.reason) == (OrderState.FAILED, "insufficient_funds")
    assert (wallet(shop, BEN).available, wallet(shop, BEN).debits_pending) == (3 * USD, 0)


async def test_the_same_key_is_the_same_order(shop: Market) -> None:
    first = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    again = await shop.another_orders().place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert again.id == first.id
    assert wallet(shop).balance == 17 * USD
    with pytest.raises(IdempotencyKeyReused):
        await shop.orders.place_market(ANN, STANDARD, 2 * GB, "USD", None, "key")
    quote = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    with pytest.raises(IdempotencyKeyReused):
        await shop.orders.place_quoted(ANN, quote.id, "key")


async def test_one_key_from_many_hands_buys_once(shop: Market) -> None:
    hands = [shop.another_orders() for _ in range(5)]
    placed = await asyncio.gather(
        *(hand.place_market(ANN, STANDARD, GB, "USD", None, "key") for hand in hands), return_exceptions=True
    )
    assert len({one.id for one in placed if not isinstance(one, BaseException)}) == 1
    assert all(isinstance(one, RequestInProgress) for one in placed if isinstance(one, BaseException))
    assert wallet(shop).balance == 17 * USD


async def test_an_order_waits_while_the_ledger_is_down_and_the_job_finishes_it(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger", times=2)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert order.state == OrderState.PLACED
    shop.clock.advance(6)
    await shop.run_jobs()
    assert (await shop.orders.order(ANN, order.id))[0].state == OrderState.PLACED  # the second refusal
    shop.clock.advance(2)
    await shop.run_jobs()
    found, steps = await shop.orders.order(ANN, order.id)
    assert found.state == OrderState.FILLED
    assert [step.state for step in steps] == ["placed", "funds_held", "allocated", "filled"]


async def test_an_unknown_outcome_is_not_a_refusal(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post", lost=True)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert order.state == OrderState.PLACED
    assert wallet(shop).debits_pending == 3 * USD
    assert (await shop.orders.advance(order.id)).state == OrderState.FILLED
    assert (wallet(shop).balance, wallet(shop).debits_pending) == (17 * USD, 0)


async def test_an_order_that_runs_out_of_time_is_undone(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post", lost=True)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    shop.clock.advance(60)
    await shop.orders.resume_stuck()
    order, _ = await shop.orders.order(ANN, order.id)
    assert (order.state, order.reason) == (OrderState.FAILED, "timed_out")
    assert (wallet(shop).balance, wallet(shop).debits_pending) == (20 * USD, 0)


async def test_past_the_pivot_an_order_goes_forward_however_late(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post")  # hold_funds does not happen
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Killed):
        await shop.another_orders(Fate(8)).advance(order.id)
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.ALLOCATED
    shop.clock.advance(3000)
    await shop.orders.resume_stuck()
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.FILLED


async def test_holds_that_lapsed_under_a_late_capture_leave_nothing_moved(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post")
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Killed):
        await shop.another_orders(Fate(8)).advance(order.id)
    shop.clock.advance(4000)
    await shop.orders.resume_stuck()
    order = await order_of(shop.orders.db, order.id)
    assert (order.state, order.reason) == (OrderState.FAILED, "hold_ended")
    assert (wallet(shop).balance, held(shop).balance) == (20 * USD, 0)


# ── the janitor ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_janitor_leaves_fresh_orders_to_their_drivers(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger")
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    shop.clock.advance(9)
    await shop.orders.resume_stuck()
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.PLACED
    shop.clock.advance(1)
    await shop.orders.resume_stuck()
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.FILLED


async def test_the_janitor_gives_up_a_round_when_the_ledger_is_down(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger", times=3)
    for n in range(2):
        await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, f"key{n}")
    shop.clock.advance(11)
    await shop.orders.resume_stuck()
    assert not shop.orders_ask.faults.planned
    assert {order.state for order in (await shop.orders.orders(ANN, 10, "")).items} == {OrderState.PLACED}


async def test_one_order_that_cannot_be_settled_does_not_keep_the_others_waiting(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger", times=2)
    first = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key1")
    second = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key2")
    shop.clock.advance(11)
    shop.orders_ask.faults.add("ledger.Post", Problem("a bug"))
    await shop.orders.resume_stuck()
    assert (await order_of(shop.orders.db, first.id)).state == OrderState.PLACED
    assert (await order_of(shop.orders.db, second.id)).state == OrderState.FILLED


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────


async def test_orders_are_listed_newest_first_a_page_at_a_time(shop: Market) -> None:
    placed = [await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, f"key{n}") for n in range(3)]
    first = await shop.orders.orders(ANN, 2, "")
    second = await shop.orders.orders(ANN, 2, first.next_cursor)
    assert [order.id for order in (*first.items, *second.items)] == sorted(
        (order.id for order in placed), reverse=True
    )
    assert second.next_cursor == ""
    assert (await shop.orders.orders(BEN, 2, "")).items == []


async def test_anothers_order_does_not_exist(shop: Market) -> None:
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    for ask in (shop.orders.order, shop.orders.cancel):
        with pytest.raises(NotFound):
            await ask(BEN, order.id)


@pytest.mark.parametrize("cursor", ["WyJhIl0", "WzFd", "Wy0xXQ", "WyJcdTAwMDAiXQ", "W10", "???"])
async def test_a_cursor_of_another_list_is_refused(cursor: str, shop: Market) -> None:
    with pytest.raises(Invalid):
        await shop.orders.orders(ANN, 2, cursor)


# ── cancelling ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lost", [False, True])
async def test_an_order_that_waits_can_be_cancelled(lost: bool, shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post", lost=lost)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    for _ in range(2):
        order = await shop.orders.cancel(ANN, order.id)
        assert order.state == OrderState.CANCELLED
    assert (wallet(shop).available, wallet(shop).debits_pending) == (20 * USD, 0)
    assert await shop.events(order.id) == ["ORDER_PLACED", "ORDER_FAILED"]


async def test_an_order_that_is_filled_cannot_be_cancelled(shop: Market) -> None:
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    with pytest.raises(Conflict, match="filled"):
        await shop.orders.cancel(ANN, order.id)
    assert held(shop).balance == GB


async def test_a_cancellation_that_the_ledger_does_not_answer_is_finished_later(shop: Market) -> None:
    shop.orders_ask.faults.add("ledger.Post", times=2)
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    assert (await shop.orders.cancel(ANN, order.id)).state == OrderState.RELEASING
    shop.clock.advance(11)
    await shop.orders.resume_stuck()
    assert (await order_of(shop.orders.db, order.id)).state == OrderState.CANCELLED


async def test_a_driver_that_comes_too_late_cannot_hold_money_for_a_cancelled_order(shop: Market) -> None:
    """The driver sent its hold before the cancellation, and it arrives after it."""
    shop.orders_ask.faults.add("ledger.Post")
    order = await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key")
    from tollway.services.orders.service import postings

    late = postings.hold_funds(order)
    await shop.orders.cancel(ANN, order.id)
    await shop.ledger.Post(late, None)
    assert (wallet(shop).available, wallet(shop).debits_pending) == (20 * USD, 0)


async def test_a_stopped_catalogue_stops_new_orders_only(shop: Market) -> None:
    quote = await shop.orders.quote(ANN, STANDARD, GB, "USD")
    shop.orders_ask.faults.add("catalog", times=100)
    with pytest.raises(Unavailable):
        await shop.orders.place_market(ANN, STANDARD, GB, "USD", None, "key1")
    assert (await shop.orders.place_quoted(ANN, quote.id, "key2")).state == OrderState.FILLED
