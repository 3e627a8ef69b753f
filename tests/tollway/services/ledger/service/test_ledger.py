"""What the ledger promises, told as stories, on both engines."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kit.books import (
    BREAKAGE,
    CLEARING,
    CONSUMED,
    DEFERRED,
    EUR,
    EXPIRED,
    GB,
    INVENTORY,
    REVENUE,
    SEAT,
    SHORTFALL,
    USD,
    Books,
    capture,
    hold,
    platform,
    post,
    posting,
    release,
    terms,
    user,
)
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.ledger_machine import ServiceOnDatabase, machine_on
from tests.kit.typing import ALL_HEALTH_CHECKS
from tollway.contracts.errors import (
    AlreadyReversed,
    HoldEnded,
    HoldExceeded,
    KeyReused,
    UnknownAsset,
    UnknownHold,
)
from tollway.kit.errors import Conflict, Forbidden, InsufficientFunds, Invalid, NotFound, Problem
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.model.records import StatementFilter
from tollway.services.ledger.model.values import Asset, account_id

# ── posting ─────────────────────────────────────────────────────────────────────────────────────────


async def test_what_leaves_one_account_arrives_at_the_other(context: Books) -> None:
    receipt = await context.deposit("ann", 20)
    assert await context.balance(user("ann")) == 20
    assert await context.balance(CLEARING) == -20
    assert [(one.ref, one.balance) for one in receipt.accounts] == [(CLEARING, -20), (user("ann"), 20)]


async def test_all_legs_are_applied_or_none(context: Books) -> None:
    await context.deposit("ann", 20)
    await context.issue(100)
    with pytest.raises(InsufficientFunds):
        await context.post(post(INVENTORY, user("ann", GB), 10), post(user("ann"), DEFERRED, 21))
    assert await context.balance(user("ann", GB)) == 0
    assert await context.balance(INVENTORY) == 100


async def test_nobody_can_spend_more_than_they_have(context: Books) -> None:
    await context.deposit("ann", 20)
    with pytest.raises(InsufficientFunds, match="21 USD are needed and 0"):
        await context.post(post(user("ann"), user("bob"), 21))
    await context.post(post(user("ann"), user("bob"), 20))
    with pytest.raises(InsufficientFunds):
        await context.post(post(user("ann"), user("bob"), 1))


async def test_capacity_cannot_be_oversold(context: Books) -> None:
    await context.issue(10)
    await context.post(hold("hld_1", INVENTORY, user("ann", GB), 7))
    with pytest.raises(InsufficientFunds):
        await context.post(post(INVENTORY, user("bob", GB), 4))
    await context.post(post(INVENTORY, user("bob", GB), 3))


async def test_a_later_leg_may_spend_what_an_earlier_one_brought(context: Books) -> None:
    await context.post(post(CLEARING, user("ann"), 5), post(user("ann"), user("bob"), 5))
    assert await context.balance(user("bob")) == 5


async def test_a_repeat_gets_the_first_answer_and_moves_nothing(context: Books) -> None:
    first = await context.post(post(CLEARING, user("ann"), 5), key="deposit:pi_1")
    again = await context.post(post(CLEARING, user("ann"), 5), key="deposit:pi_1")
    assert (again.txn_id, again.replayed, again.accounts) == (first.txn_id, True, ())
    assert await context.balance(user("ann")) == 5


async def test_a_refusal_stays_a_refusal_even_when_it_could_succeed_now(context: Books) -> None:
    spend = post(user("ann"), user("bob"), 5)
    with pytest.raises(InsufficientFunds):
        await context.post(spend, key="spend")
    await context.deposit("ann", 5)
    with pytest.raises(InsufficientFunds, match="05 USD are needed and 0"):
        await context.post(spend, key="spend")
    await context.post(spend, key="spend-again")
    assert await context.balance(user("bob")) == 5


async def test_a_key_means_one_transaction_for_ever(context: Books) -> None:
    deposit = post(CLEARING, user("ann"), 5)
    await context.ledger.submit(posting("k", deposit))
    for other in (
        posting("k", post(CLEARING, user("ann"), 6)),
        posting("k", post(CLEARING, user("bob"), 5)),
        posting("k", deposit, code="gift"),
        posting("k", deposit, actor="somebody"),
        posting("k", deposit, deposit),
    ):
        with pytest.raises(KeyReused):
            await context.ledger.submit(other)
    assert await context.balance(user("ann")) == 5


async def test_nonsense_is_refused_and_not_remembered(context: Books) -> None:
    with pytest.raises(Invalid):
        await context.ledger.submit(posting("k"))
    await context.ledger.submit(posting("k", post(CLEARING, user("ann"), 1)))


async def test_an_account_cannot_hold_more_than_63_bits(context: Books) -> None:
    await context.post(post(CLEARING, user("ann"), MAX_UNITS))
    with pytest.raises(Invalid):
        await context.post(post(platform("payments", USD, "dispute"), user("ann"), 1))


async def test_an_unknown_asset_is_refused(context: Books) -> None:
    with pytest.raises(UnknownAsset):
        await context.post(post(platform("payments", "GBP", "clearing"), user("ann", "GBP"), 1))


async def test_what_may_not_be_given_away_stays_with_its_owner(context: Books) -> None:
    stock = platform("catalog", SEAT, "inventory")
    await context.post(
        post(platform("catalog", SEAT, "issuance"), stock, 9), post(stock, user("ann", SEAT), 9)
    )
    with pytest.raises(Forbidden):
        await context.post(post(user("ann", SEAT), user("bob", SEAT), 1))
    with pytest.raises(Forbidden):
        await context.post(hold("hld_1", user("ann", SEAT), user("bob", SEAT), 1))


async def test_many_have_their_own_outcomes_in_order(context: Books) -> None:
    await context.deposit("ann", 10)
    outcomes = await context.post_many(
        [
            posting("a", post(user("ann"), user("bob"), 6)),
            posting("b", post(user("ann"), user("bob"), 6)),
            posting("c", post(user("ann"), user("bob"), 0)),
            posting("d", post(user("ann"), user("bob"), 4)),
        ]
    )
    assert [one.code if isinstance(one, Problem) else "applied" for one in outcomes] == [
        "applied",
        "insufficient_funds",
        "invalid",
        "applied",
    ]


async def test_inside_a_transaction_the_batcher_is_out_of_reach(context: Books) -> None:
    with pytest.raises(AssertionError, match="inside a transaction"):
        async with context.db.transaction():
            await context.deposit("ann", 5)


# ── assets and accounts ─────────────────────────────────────────────────────────────────────────────


async def test_an_asset_is_defined_once_and_keeps_its_scale(context: Books) -> None:
    seconds = Asset("ssh", "access", 0, "second", transferable=False)
    first = await context.ledger.define_asset(seconds)
    assert await context.ledger.define_asset(seconds) == first
    with pytest.raises(Conflict):
        await context.ledger.define_asset(seconds._replace(scale=3))
    changed = await context.ledger.define_asset(seconds._replace(transferable=True))
    assert (changed.transferable, changed.revision) == (True, 2)
    assert [one.code for one in await context.ledger.assets()] == sorted([USD, EUR, GB, SEAT, "ssh"])


async def test_accounts_are_opened_once_with_ids_that_belong_to_their_names(context: Books) -> None:
    first = await context.ledger.open_accounts("user", "usr_ann", ())
    assert [(one.ref.asset, one.balance, one.version) for one in first] == [(EUR, 0, 0), (USD, 0, 0)]
    assert [one.id for one in first] == [account_id(user("ann", EUR)), account_id(user("ann", USD))]
    assert await context.ledger.open_accounts("user", "usr_ann", ()) == first
    await context.deposit("ann", 5)
    assert (await context.ledger.account(first[1].id)).opened_at_us == first[1].opened_at_us
    with pytest.raises(NotFound):
        await context.ledger.account_named(user("bob"))


# ── holds ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hold_is_captured_in_parts_and_the_rest_released(context: Books) -> None:
    await context.deposit("ann", 20)
    await context.post(hold("hld_1", user("ann"), DEFERRED, 15))
    assert (await context.balance(user("ann")), await context.available(user("ann"))) == (20, 5)
    await context.post(capture("hld_1", 4))
    await context.post(capture("hld_1", 5))
    with pytest.raises(HoldExceeded):
        await context.post(capture("hld_1", 7))
    await context.post(release("hld_1"))
    assert (await context.balance(user("ann")), await context.available(user("ann"))) == (11, 11)
    with pytest.raises(HoldEnded):
        await context.post(capture("hld_1", 1))
    with pytest.raises(HoldEnded):
        await context.post(release("hld_1"))


async def test_a_hold_is_made_once(context: Books) -> None:
    await context.deposit("ann", 20)
    await context.post(hold("hld_1", user("ann"), DEFERRED, 5))
    with pytest.raises(Conflict):
        await context.post(hold("hld_1", user("ann"), DEFERRED, 5))
    with pytest.raises(UnknownHold):
        await context.post(capture("hld_2", 5))


async def test_a_hold_that_has_expired_is_not_captured_and_is_given_back(context: Books) -> None:
    await context.deposit("ann", 20)
    await context.post(hold("hld_1", user("ann"), DEFERRED, 15, context.clock.now_us() + 10_000_000))
    context.clock.advance(10)
    with pytest.raises(HoldEnded):
        await context.post(capture("hld_1", 1))
    assert await context.available(user("ann")) == 5
    await context.ledger.expire()
    assert await context.available(user("ann")) == 20
    assert await context.ledger.expire() == 0
    expiry = (await context.ledger.statement(account_id(user("ann")), 1, "")).items[0]
    assert (expiry.kind, expiry.code, expiry.debit) == ("release", "hold_expired", 15)


async def test_what_is_made_in_a_transaction_can_be_used_in_it(context: Books) -> None:
    await context.deposit("ann", 20)
    await context.post(hold("hld_1", user("ann"), DEFERRED, 15), capture("hld_1", 5), release("hld_1", 4))
    assert (await context.balance(user("ann")), await context.available(user("ann"))) == (15, 9)


# ── lots ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_purchase_opens_a_lot_with_its_cost(context: Books) -> None:
    await context.stock("ann", 1000, cost=300, expires_in_s=3600)
    (lot,) = await context.ledger.lots("user", "usr_ann", GB)
    assert (lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.remaining_cost) == (
        1000,
        1000,
        USD,
        300,
        300,
    )
    assert lot.expires_at_us == context.clock.now_us() + 3600 * 1_000_000
    assert await context.balance(DEFERRED) == 300


async def test_what_expires_first_is_used_first_then_what_came_first(context: Books) -> None:
    await context.stock("ann", 10, cost=10)
    await context.stock("ann", 10, cost=20, expires_in_s=200)
    await context.stock("ann", 10, cost=30, expires_in_s=100)
    await context.stock("ann", 10, cost=40)
    await context.post(post(user("ann", GB), INVENTORY, 25))
    lots = await context.ledger.lots("user", "usr_ann", GB, with_empty=True)
    assert [(lot.cost, lot.remaining) for lot in lots] == [(30, 0), (20, 0), (10, 5), (40, 10)]
    assert [lot.cost for lot in await context.ledger.lots("user", "usr_ann", "")] == [10, 40]


async def test_a_gift_keeps_its_cost_and_its_end(context: Books) -> None:
    await context.stock("ann", 3, cost=10, expires_in_s=100)
    await context.stock("ann", 3, cost=1)
    await context.post(post(user("ann", GB), user("bob", GB), 4), code="give")
    mine, given = [
        [
            (lot.quantity, lot.remaining, lot.cost, bool(lot.expires_at_us))
            for lot in await context.ledger.lots("user", one, GB)
        ]
        for one in ("usr_ann", "usr_bob")
    ]
    assert mine == [(3, 2, 1, False)]
    assert given == [(3, 3, 10, True), (1, 1, 0, False)]
    await context.post(post(user("ann", GB), user("bob", GB), 2), code="give")
    assert sum(lot.cost for lot in await context.ledger.lots("user", "usr_bob", GB)) == 11


async def test_lot_terms_are_for_access_that_a_customer_receives(context: Books) -> None:
    with pytest.raises(Invalid):
        await context.post(post(CLEARING, user("ann"), 5, terms(USD, 1, 0)))
    await context.stock("ann", 5)
    for receiver in (user("bob", GB), INVENTORY):
        with pytest.raises(Invalid):
            await context.post(post(user("ann", GB), receiver, 5, terms(USD, 1, 0)))
    await context.issue(5)
    with pytest.raises(Invalid):
        await context.post(post(INVENTORY, user("ann", GB), 5, terms(GB, 1, 0)))


async def test_unused_access_expires_and_its_price_becomes_breakage(context: Books) -> None:
    await context.stock("ann", 10, cost=100, expires_in_s=60)
    await context.stock("ann", 5, cost=20)
    await context.reserve("hld_1", "ann", 2, lasts_s=1000)
    await context.use("hld_1", UsageReading("flw_1", 2, 1, final=True))
    context.clock.advance(60)
    await context.ledger.expire()
    assert await context.balance(EXPIRED) == 8
    assert (
        await context.balance(DEFERRED),
        await context.balance(REVENUE),
        await context.balance(BREAKAGE),
    ) == (
        20,
        20,
        80,
    )
    assert [(lot.remaining, lot.cost) for lot in await context.ledger.lots("user", "usr_ann", GB)] == [
        (5, 20)
    ]


async def test_what_is_held_when_it_expires_stays_until_the_hold_ends(context: Books) -> None:
    await context.stock("ann", 10, cost=100, expires_in_s=60)
    await context.reserve("hld_1", "ann", 4)
    context.clock.advance(61)
    await context.ledger.expire()
    assert (await context.balance(user("ann", GB)), await context.balance(EXPIRED)) == (4, 6)
    charged = await context.use("hld_1", UsageReading("flw_1", 3, 1), release=True)
    assert (charged.costs, charged.released) == ({USD: 30}, 1)
    await context.ledger.expire()
    assert (await context.balance(user("ann", GB)), await context.balance(EXPIRED)) == (0, 7)
    assert (await context.balance(REVENUE), await context.balance(BREAKAGE)) == (30, 70)


# ── metering ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_reservation_takes_a_share_down_to_the_last_unit(context: Books) -> None:
    await context.stock("ann", 1000)
    assert await context.reserve("hld_1", "ann", 500, divisor=8, floor=10) == (125, 875)
    assert await context.reserve("hld_2", "ann", 50, divisor=8, floor=10) == (50, 825)
    await context.post(post(user("ann", GB), INVENTORY, 810))
    assert await context.reserve("hld_3", "ann", 500, divisor=8, floor=10) == (10, 5)
    assert await context.reserve("hld_4", "ann", 500, divisor=8, floor=10) == (5, 0)
    assert await context.reserve("hld_5", "ann", 500, divisor=8, floor=10) == (0, 0)


async def test_a_reservation_asked_again_is_the_same_and_nothing_is_asked_anew(context: Books) -> None:
    await context.stock("ann", 10)
    assert await context.reserve("hld_1", "ann", 4) == (4, 6)
    assert await context.reserve("hld_1", "ann", 9) == (4, 6)
    await context.reserve("hld_2", "ann", 6)
    assert await context.reserve("hld_3", "ann", 9) == (0, 0)
    await context.stock("ann", 5)
    assert await context.reserve("hld_3", "ann", 9) == (5, 0)
    with pytest.raises(KeyReused):
        await context.reserve("hld_3", "bob", 9)


async def test_use_is_charged_by_difference_and_earns_the_lots_cost(context: Books) -> None:
    await context.stock("ann", 1000, cost=300)
    await context.reserve("hld_1", "ann", 500)
    first = await context.use("hld_1", UsageReading("flw_1", 100, 1), UsageReading("flw_2", 50, 1))
    assert (first.posted, first.remaining, first.shortfall, first.costs) == (150, 350, 0, {USD: 45})
    second = await context.use("hld_1", UsageReading("flw_1", 120, 2), UsageReading("flw_2", 50, 2))
    assert (second.posted, second.remaining, second.costs) == (20, 330, {USD: 6})
    assert (
        await context.balance(CONSUMED),
        await context.balance(REVENUE),
        await context.balance(DEFERRED),
    ) == (
        170,
        51,
        249,
    )


async def test_reports_that_are_repeated_lost_or_overtaken_change_nothing(context: Books) -> None:
    await context.stock("ann", 1000)
    await context.reserve("hld_1", "ann", 500)
    for cumulative, sequence in [(10, 1), (30, 3), (20, 2), (30, 3), (25, 2), (40, 4), (40, 4)]:
        await context.use("hld_1", UsageReading("flw_1", cumulative, sequence))
    assert await context.balance(CONSUMED) == 40


async def test_a_byte_at_a_time_costs_what_all_at_once_costs(context: Books) -> None:
    await context.stock("ann", 100, cost=33)
    await context.reserve("hld_1", "ann", 100)
    costs = [
        (await context.use("hld_1", UsageReading("flw_1", used, used))).costs.get(USD, 0)
        for used in range(1, 101)
    ]
    assert (sum(costs), set(costs)) == (33, {0, 1})
    assert sum(costs[:50]) == 16


async def test_use_beyond_the_hold_comes_from_the_rest_and_then_from_the_platform(context: Books) -> None:
    await context.stock("ann", 100, cost=100)
    await context.reserve("hld_1", "ann", 30)
    await context.reserve("hld_2", "ann", 50)
    charged = await context.use("hld_1", UsageReading("flw_1", 60, 1))
    assert (charged.posted, charged.remaining, charged.shortfall, charged.costs) == (60, 0, 10, {USD: 50})
    assert await context.balance(SHORTFALL) == -10
    assert await context.balance(CONSUMED) == 60
    other = await context.use("hld_2", UsageReading("flw_2", 50, 1))
    assert (other.posted, other.shortfall) == (50, 0)


async def test_use_after_the_hold_has_ended_is_still_charged(context: Books) -> None:
    await context.stock("ann", 100)
    await context.reserve("hld_1", "ann", 30, lasts_s=10)
    context.clock.advance(11)
    late = await context.use("hld_1", UsageReading("flw_1", 5, 1))
    assert (late.posted, late.remaining) == (5, 25)
    await context.ledger.expire()
    later = await context.use("hld_1", UsageReading("flw_1", 105, 2))
    assert (later.posted, later.remaining, later.shortfall) == (100, 0, 5)


async def test_a_release_gives_the_rest_back_once(context: Books) -> None:
    await context.stock("ann", 100)
    await context.reserve("hld_1", "ann", 30)
    charged = await context.use("hld_1", UsageReading("flw_1", 10, 1), release=True)
    assert (charged.posted, charged.remaining, charged.released) == (10, 0, 20)
    assert await context.ledger.release("hld_1", "access") == 0
    await context.reserve("hld_2", "ann", 30)
    assert await context.ledger.release("hld_2", "access") == 30
    assert await context.available(user("ann", GB)) == 90
    with pytest.raises(UnknownHold):
        await context.ledger.release("hld_3", "access")


async def test_a_session_stays_with_its_asset(context: Books) -> None:
    await context.stock("ann", 100)
    seats = platform("catalog", SEAT, "inventory")
    await context.post(
        post(platform("catalog", SEAT, "issuance"), seats, 9),
        post(seats, user("ann", SEAT), 9),
        hold("hld_2", user("ann", SEAT), platform("access", SEAT, "consumed"), 9),
    )
    await context.reserve("hld_1", "ann", 30)
    await context.use("hld_1", UsageReading("flw_1", 10, 1))
    with pytest.raises(Conflict):
        await context.use("hld_2", UsageReading("flw_1", 20, 2))


# ── reversal ────────────────────────────────────────────────────────────────────────────────────────


async def undo(context: Books, txn_id: str, key: str = "undo") -> None:
    await context.ledger.reverse(txn_id, "tests", key, "operator", "a mistake")


async def test_a_reversal_is_the_mirror_image_at_most_once(context: Books) -> None:
    made = await context.deposit("ann", 20)
    await undo(context, made.txn_id)
    assert (await context.balance(user("ann")), await context.balance(CLEARING)) == (0, 0)
    await undo(context, made.txn_id)
    with pytest.raises(AlreadyReversed):
        await undo(context, made.txn_id, "undo-again")
    with pytest.raises(NotFound):
        await undo(context, "txn_nothing", "undo-nothing")


async def test_what_was_spent_meanwhile_cannot_be_taken_back(context: Books) -> None:
    made = await context.deposit("ann", 20)
    await context.post(post(user("ann"), user("bob"), 5))
    with pytest.raises(InsufficientFunds):
        await undo(context, made.txn_id)


async def test_a_purchase_is_reversed_with_its_own_lot(context: Books) -> None:
    await context.stock("ann", 10, cost=7)
    await context.issue(10)
    await context.deposit("ann", 5)
    bought = await context.buy("ann", 10, cost=5, expires_in_s=50)
    await undo(context, bought.txn_id)
    assert [(lot.remaining, lot.cost) for lot in await context.ledger.lots("user", "usr_ann", GB)] == [
        (10, 7)
    ]
    assert (await context.balance(user("ann")), await context.balance(INVENTORY)) == (5, 10)


async def test_a_purchase_that_was_used_in_part_is_not_reversed(context: Books) -> None:
    await context.stock("ann", 10, cost=7)
    await context.issue(10)
    bought = await context.buy("ann", 10, expires_in_s=50)
    await context.post(post(user("ann", GB), INVENTORY, 1))
    with pytest.raises(Conflict, match="was used"):
        await undo(context, bought.txn_id)


async def test_reversed_use_comes_back_with_its_cost_and_end(context: Books) -> None:
    await context.stock("ann", 3, cost=10, expires_in_s=100)
    await context.reserve("hld_1", "ann", 3)
    await context.use("hld_1", UsageReading("flw_1", 1, 1))
    line = (await context.ledger.statement(account_id(user("ann", GB)), 1, "")).items[0]
    await undo(context, line.txn_id)
    lots = await context.ledger.lots("user", "usr_ann", GB)
    assert sorted((lot.remaining, lot.remaining_cost) for lot in lots) == [(1, 3), (2, 7)]
    assert len({lot.expires_at_us for lot in lots}) == 1
    assert (await context.balance(DEFERRED), await context.balance(REVENUE)) == (10, 0)


async def test_a_hold_is_reversed_by_its_release_and_a_release_not_at_all(context: Books) -> None:
    await context.deposit("ann", 20)
    held = await context.post(hold("hld_1", user("ann"), DEFERRED, 15))
    await undo(context, held.txn_id)
    assert await context.available(user("ann")) == 20
    await context.post(hold("hld_2", user("ann"), DEFERRED, 15))
    freed = await context.post(release("hld_2"))
    with pytest.raises(Conflict):
        await undo(context, freed.txn_id, "undo-release")


async def test_a_gift_is_reversed_to_the_giver(context: Books) -> None:
    await context.stock("ann", 10, cost=9)
    given = await context.post(post(user("ann", GB), user("bob", GB), 4), code="give")
    await undo(context, given.txn_id)
    lots = await context.ledger.lots("user", "usr_ann", GB)
    assert sum(lot.remaining for lot in lots) == 10
    assert sum(lot.remaining_cost for lot in lots) == 9
    assert await context.ledger.lots("user", "usr_bob", GB) == []


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_statement_runs_backwards_with_the_balance_after_each_line(context: Books) -> None:
    for amount in (5, 10, 20):
        await context.deposit("ann", amount)
    await context.post(post(user("ann"), user("bob"), 8), code="give")
    await context.post(hold("hld_1", user("ann"), DEFERRED, 7))
    id_, lines, cursor = account_id(user("ann")), [], ""
    while True:
        page = await context.ledger.statement(id_, 2, cursor)
        lines += page.items
        cursor = page.next_cursor
        if not cursor:
            break
    assert [(one.kind, one.debit, one.credit, one.balance, one.version) for one in lines] == [
        ("hold", 7, 0, 27, 5),
        ("post", 8, 0, 27, 4),
        ("post", 0, 20, 35, 3),
        ("post", 0, 10, 15, 2),
        ("post", 0, 5, 5, 1),
    ]
    assert [one.other for one in lines[:3]] == [DEFERRED, user("bob"), CLEARING]


async def test_a_statement_is_searched_in_what_was_noted_and_not_in_its_names(context: Books) -> None:
    """In either case, also of letters beyond ASCII, and on either engine the same."""
    await context.deposit("ann", 20)
    noted = ({"note": "Grüße aus Köln"}, {"reason": 'a "ÉCLAIR"', "correction": "cor_1"}, {})
    for number, meta in enumerate(noted):
        legs = (post(user("ann"), user("bob"), number + 1),)
        await context.ledger.submit(replace(posting(f"gift {number}", *legs, code="give"), meta=meta))
    for text, amounts in {
        "GRÜSSE": [],
        "GRÜßE AUS KÖLN": [1],
        '"éclair"': [2],
        "COR_1": [2],
        "cor": [2],
        "note": [],
        "reason": [],
        "{": [],
        ":": [],
    }.items():
        only = StatementFilter(text=text)
        found = await context.ledger.statement(account_id(user("ann")), 9, "", only)
        assert [line.debit for line in found.items] == amounts, text


async def test_a_page_is_not_disturbed_by_what_happens_meanwhile(context: Books) -> None:
    for amount in (1, 2, 3, 4):
        await context.deposit("ann", amount)
    first = await context.ledger.statement(account_id(user("ann")), 2, "")
    await context.deposit("ann", 5)
    second = await context.ledger.statement(account_id(user("ann")), 2, first.next_cursor)
    assert [one.credit for one in (*first.items, *second.items)] == [4, 3, 2, 1]


async def test_all_accounts_of_an_owner_make_one_list(context: Books) -> None:
    await context.stock("ann", 10, cost=6)
    await context.deposit("ann", 3)
    seen, cursor = [], ""
    while True:
        page = await context.ledger.transactions("user", "usr_ann", 2, cursor)
        seen += [(one.code, one.credit - one.debit) for _, one in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == [("deposit", 3), ("buy", 10), ("buy", -6), ("deposit", 6)]
    with pytest.raises(Invalid):
        await context.ledger.transactions("user", "usr_ann", 2, "bm9uc2Vuc2U")


async def test_a_transaction_explains_itself(context: Books) -> None:
    await context.stock("ann", 10, cost=7)
    await context.reserve("hld_1", "ann", 5)
    await context.use("hld_1", UsageReading("flw_1", 4, 1))
    line = (await context.ledger.statement(account_id(user("ann", GB)), 1, "")).items[0]
    explained = await context.ledger.explain(line.txn_id)
    assert [(leg.kind, leg.amount, leg.asset) for leg in explained.entry.legs] == [
        ("capture", 4, GB),
        ("post", 2, USD),
    ]
    assert [(move.quantity, move.cost) for move in explained.entry.moves] == [(4, 2)]
    assert [(use.session_id, use.units) for use in explained.entry.usage] == [("flw_1", 4)]
    assert {ref.purpose for ref in explained.names.values()} == {
        "available",
        "consumed",
        "deferred",
        "revenue",
    }
    with pytest.raises(NotFound):
        await context.ledger.explain("txn_nothing")


# ── many at once ────────────────────────────────────────────────────────────────────────────────────


async def test_240_competing_spends_on_100_are_exactly_100(context: Books) -> None:
    await context.deposit("ann", 100)
    spends = [posting(f"s{number}", post(user("ann"), user("bob"), 1)) for number in range(240)]
    outcomes = await context.post_many(spends)
    assert sum(not isinstance(one, Problem) for one in outcomes) == 100
    assert (await context.balance(user("ann")), await context.balance(user("bob"))) == (0, 100)


async def test_one_key_from_many_callers_is_applied_once(context: Books) -> None:
    same = [posting("same", post(CLEARING, user("ann"), 5)) for _ in range(20)]
    outcomes = await asyncio.gather(*(context.ledger.submit(one) for one in same))
    assert len({one.txn_id for one in outcomes}) == 1
    assert sorted(one.replayed for one in outcomes) == [False] + [True] * 19
    assert await context.balance(user("ann")) == 5


# ── against the model ───────────────────────────────────────────────────────────────────────────────


def test_the_service_does_what_the_model_says(kind: Kind) -> None:
    def make(clock: FakeClock) -> ServiceOnDatabase:
        return ServiceOnDatabase(kind, clock)

    few = settings(
        max_examples=6,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=ALL_HEALTH_CHECKS,
        database=None,
    )
    run_state_machine_as_test(machine_on(make), settings=few)
