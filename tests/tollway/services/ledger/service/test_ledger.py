"""What the ledger promises, told as stories, on both engines."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
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
from tollway.services.ledger.model.values import Asset, account_id

# ── posting ─────────────────────────────────────────────────────────────────────────────────────────


async def test_what_leaves_one_account_arrives_at_the_other(desk: Books) -> None:
    receipt = await desk.deposit("ann", 20)
    assert await desk.balance(user("ann")) == 20
    assert await desk.balance(CLEARING) == -20
    assert [(one.ref, one.balance) for one in receipt.accounts] == [(CLEARING, -20), (user("ann"), 20)]


async def test_all_legs_are_applied_or_none(desk: Books) -> None:
    await desk.deposit("ann", 20)
    await desk.issue(100)
    with pytest.raises(InsufficientFunds):
        await desk.post(post(INVENTORY, user("ann", GB), 10), post(user("ann"), DEFERRED, 21))
    assert await desk.balance(user("ann", GB)) == 0
    assert await desk.balance(INVENTORY) == 100


async def test_nobody_can_spend_more_than_they_have(desk: Books) -> None:
    await desk.deposit("ann", 20)
    with pytest.raises(InsufficientFunds, match="21 USD are needed and 0"):
        await desk.post(post(user("ann"), user("bob"), 21))
    await desk.post(post(user("ann"), user("bob"), 20))
    with pytest.raises(InsufficientFunds):
        await desk.post(post(user("ann"), user("bob"), 1))


async def test_capacity_cannot_be_oversold(desk: Books) -> None:
    await desk.issue(10)
    await desk.post(hold("hld_1", INVENTORY, user("ann", GB), 7))
    with pytest.raises(InsufficientFunds):
        await desk.post(post(INVENTORY, user("bob", GB), 4))
    await desk.post(post(INVENTORY, user("bob", GB), 3))


async def test_a_later_leg_may_spend_what_an_earlier_one_brought(desk: Books) -> None:
    await desk.post(post(CLEARING, user("ann"), 5), post(user("ann"), user("bob"), 5))
    assert await desk.balance(user("bob")) == 5


async def test_a_repeat_gets_the_first_answer_and_moves_nothing(desk: Books) -> None:
    first = await desk.post(post(CLEARING, user("ann"), 5), key="deposit:pi_1")
    again = await desk.post(post(CLEARING, user("ann"), 5), key="deposit:pi_1")
    assert (again.txn_id, again.replayed, again.accounts) == (first.txn_id, True, ())
    assert await desk.balance(user("ann")) == 5


async def test_a_refusal_stays_a_refusal_even_when_it_could_succeed_now(desk: Books) -> None:
    spend = post(user("ann"), user("bob"), 5)
    with pytest.raises(InsufficientFunds):
        await desk.post(spend, key="spend")
    await desk.deposit("ann", 5)
    with pytest.raises(InsufficientFunds, match="05 USD are needed and 0"):
        await desk.post(spend, key="spend")
    await desk.post(spend, key="spend-again")
    assert await desk.balance(user("bob")) == 5


async def test_a_key_means_one_transaction_for_ever(desk: Books) -> None:
    deposit = post(CLEARING, user("ann"), 5)
    await desk.ledger.submit(posting("k", deposit))
    for other in (
        posting("k", post(CLEARING, user("ann"), 6)),
        posting("k", post(CLEARING, user("bob"), 5)),
        posting("k", deposit, code="gift"),
        posting("k", deposit, actor="somebody"),
        posting("k", deposit, deposit),
    ):
        with pytest.raises(KeyReused):
            await desk.ledger.submit(other)
    assert await desk.balance(user("ann")) == 5


async def test_nonsense_is_refused_and_not_remembered(desk: Books) -> None:
    with pytest.raises(Invalid):
        await desk.ledger.submit(posting("k"))
    await desk.ledger.submit(posting("k", post(CLEARING, user("ann"), 1)))


async def test_an_account_cannot_hold_more_than_63_bits(desk: Books) -> None:
    await desk.post(post(CLEARING, user("ann"), MAX_UNITS))
    with pytest.raises(Invalid):
        await desk.post(post(platform("payments", USD, "dispute"), user("ann"), 1))


async def test_an_unknown_asset_is_refused(desk: Books) -> None:
    with pytest.raises(UnknownAsset):
        await desk.post(post(platform("payments", "GBP", "clearing"), user("ann", "GBP"), 1))


async def test_what_may_not_be_given_away_stays_with_its_owner(desk: Books) -> None:
    stock = platform("catalog", SEAT, "inventory")
    await desk.post(post(platform("catalog", SEAT, "issuance"), stock, 9), post(stock, user("ann", SEAT), 9))
    with pytest.raises(Forbidden):
        await desk.post(post(user("ann", SEAT), user("bob", SEAT), 1))
    with pytest.raises(Forbidden):
        await desk.post(hold("hld_1", user("ann", SEAT), user("bob", SEAT), 1))


async def test_many_have_their_own_outcomes_in_order(desk: Books) -> None:
    await desk.deposit("ann", 10)
    outcomes = await desk.post_many(
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


async def test_inside_a_transaction_the_batcher_is_out_of_reach(desk: Books) -> None:
    with pytest.raises(AssertionError, match="inside a transaction"):
        async with desk.db.transaction():
            await desk.deposit("ann", 5)


# ── assets and accounts ─────────────────────────────────────────────────────────────────────────────


async def test_an_asset_is_defined_once_and_keeps_its_scale(desk: Books) -> None:
    seconds = Asset("ssh", "access", 0, "second", transferable=False)
    first = await desk.ledger.define_asset(seconds)
    assert await desk.ledger.define_asset(seconds) == first
    with pytest.raises(Conflict):
        await desk.ledger.define_asset(seconds._replace(scale=3))
    changed = await desk.ledger.define_asset(seconds._replace(transferable=True))
    assert (changed.transferable, changed.revision) == (True, 2)
    assert [one.code for one in await desk.ledger.assets()] == sorted([USD, EUR, GB, SEAT, "ssh"])


async def test_accounts_are_opened_once_with_ids_that_belong_to_their_names(desk: Books) -> None:
    first = await desk.ledger.open_accounts("user", "usr_ann", ())
    assert [(one.ref.asset, one.balance, one.version) for one in first] == [(EUR, 0, 0), (USD, 0, 0)]
    assert [one.id for one in first] == [account_id(user("ann", EUR)), account_id(user("ann", USD))]
    assert await desk.ledger.open_accounts("user", "usr_ann", ()) == first
    await desk.deposit("ann", 5)
    assert (await desk.ledger.account(first[1].id)).opened_at_us == first[1].opened_at_us
    with pytest.raises(NotFound):
        await desk.ledger.account_named(user("bob"))


# ── holds ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hold_is_captured_in_parts_and_the_rest_released(desk: Books) -> None:
    await desk.deposit("ann", 20)
    await desk.post(hold("hld_1", user("ann"), DEFERRED, 15))
    assert (await desk.balance(user("ann")), await desk.available(user("ann"))) == (20, 5)
    await desk.post(capture("hld_1", 4))
    await desk.post(capture("hld_1", 5))
    with pytest.raises(HoldExceeded):
        await desk.post(capture("hld_1", 7))
    await desk.post(release("hld_1"))
    assert (await desk.balance(user("ann")), await desk.available(user("ann"))) == (11, 11)
    with pytest.raises(HoldEnded):
        await desk.post(capture("hld_1", 1))
    with pytest.raises(HoldEnded):
        await desk.post(release("hld_1"))


async def test_a_hold_is_made_once(desk: Books) -> None:
    await desk.deposit("ann", 20)
    await desk.post(hold("hld_1", user("ann"), DEFERRED, 5))
    with pytest.raises(Conflict):
        await desk.post(hold("hld_1", user("ann"), DEFERRED, 5))
    with pytest.raises(UnknownHold):
        await desk.post(capture("hld_2", 5))


async def test_a_hold_that_has_expired_is_not_captured_and_is_given_back(desk: Books) -> None:
    await desk.deposit("ann", 20)
    await desk.post(hold("hld_1", user("ann"), DEFERRED, 15, desk.clock.now_us() + 10_000_000))
    desk.clock.advance(10)
    with pytest.raises(HoldEnded):
        await desk.post(capture("hld_1", 1))
    assert await desk.available(user("ann")) == 5
    await desk.ledger.expire()
    assert await desk.available(user("ann")) == 20
    assert await desk.ledger.expire() == 0
    expiry = (await desk.ledger.statement(account_id(user("ann")), 1, "")).items[0]
    assert (expiry.kind, expiry.code, expiry.debit) == ("release", "hold_expired", 15)


async def test_what_is_made_in_a_transaction_can_be_used_in_it(desk: Books) -> None:
    await desk.deposit("ann", 20)
    await desk.post(hold("hld_1", user("ann"), DEFERRED, 15), capture("hld_1", 5), release("hld_1", 4))
    assert (await desk.balance(user("ann")), await desk.available(user("ann"))) == (15, 9)


# ── lots ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_purchase_opens_a_lot_with_its_cost(desk: Books) -> None:
    await desk.stock("ann", 1000, cost=300, expires_in_s=3600)
    (lot,) = await desk.ledger.lots("user", "usr_ann", GB)
    assert (lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.remaining_cost) == (
        1000,
        1000,
        USD,
        300,
        300,
    )
    assert lot.expires_at_us == desk.clock.now_us() + 3600 * 1_000_000
    assert await desk.balance(DEFERRED) == 300


async def test_what_expires_first_is_used_first_then_what_came_first(desk: Books) -> None:
    await desk.stock("ann", 10, cost=10)
    await desk.stock("ann", 10, cost=20, expires_in_s=200)
    await desk.stock("ann", 10, cost=30, expires_in_s=100)
    await desk.stock("ann", 10, cost=40)
    await desk.post(post(user("ann", GB), INVENTORY, 25))
    lots = await desk.ledger.lots("user", "usr_ann", GB, with_empty=True)
    assert [(lot.cost, lot.remaining) for lot in lots] == [(30, 0), (20, 0), (10, 5), (40, 10)]
    assert [lot.cost for lot in await desk.ledger.lots("user", "usr_ann", "")] == [10, 40]


async def test_a_gift_keeps_its_cost_and_its_end(desk: Books) -> None:
    await desk.stock("ann", 3, cost=10, expires_in_s=100)
    await desk.stock("ann", 3, cost=1)
    await desk.post(post(user("ann", GB), user("bob", GB), 4), code="give")
    mine, given = [
        [
            (lot.quantity, lot.remaining, lot.cost, bool(lot.expires_at_us))
            for lot in await desk.ledger.lots("user", one, GB)
        ]
        for one in ("usr_ann", "usr_bob")
    ]
    assert mine == [(3, 2, 1, False)]
    assert given == [(3, 3, 10, True), (1, 1, 0, False)]
    await desk.post(post(user("ann", GB), user("bob", GB), 2), code="give")
    assert sum(lot.cost for lot in await desk.ledger.lots("user", "usr_bob", GB)) == 11


async def test_lot_terms_are_for_access_that_a_customer_receives(desk: Books) -> None:
    with pytest.raises(Invalid):
        await desk.post(post(CLEARING, user("ann"), 5, terms(USD, 1, 0)))
    await desk.stock("ann", 5)
    for receiver in (user("bob", GB), INVENTORY):
        with pytest.raises(Invalid):
            await desk.post(post(user("ann", GB), receiver, 5, terms(USD, 1, 0)))
    await desk.issue(5)
    with pytest.raises(Invalid):
        await desk.post(post(INVENTORY, user("ann", GB), 5, terms(GB, 1, 0)))


async def test_unused_access_expires_and_its_price_becomes_breakage(desk: Books) -> None:
    await desk.stock("ann", 10, cost=100, expires_in_s=60)
    await desk.stock("ann", 5, cost=20)
    await desk.reserve("hld_1", "ann", 2, lasts_s=1000)
    await desk.use("hld_1", UsageReading("flw_1", 2, 1, final=True))
    desk.clock.advance(60)
    await desk.ledger.expire()
    assert await desk.balance(EXPIRED) == 8
    assert (await desk.balance(DEFERRED), await desk.balance(REVENUE), await desk.balance(BREAKAGE)) == (
        20,
        20,
        80,
    )
    assert [(lot.remaining, lot.cost) for lot in await desk.ledger.lots("user", "usr_ann", GB)] == [(5, 20)]


async def test_what_is_held_when_it_expires_stays_until_the_hold_ends(desk: Books) -> None:
    await desk.stock("ann", 10, cost=100, expires_in_s=60)
    await desk.reserve("hld_1", "ann", 4)
    desk.clock.advance(61)
    await desk.ledger.expire()
    assert (await desk.balance(user("ann", GB)), await desk.balance(EXPIRED)) == (4, 6)
    charged = await desk.use("hld_1", UsageReading("flw_1", 3, 1), release=True)
    assert (charged.costs, charged.released) == ({USD: 30}, 1)
    await desk.ledger.expire()
    assert (await desk.balance(user("ann", GB)), await desk.balance(EXPIRED)) == (0, 7)
    assert (await desk.balance(REVENUE), await desk.balance(BREAKAGE)) == (30, 70)


# ── metering ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_reservation_takes_a_share_down_to_the_last_unit(desk: Books) -> None:
    await desk.stock("ann", 1000)
    assert await desk.reserve("hld_1", "ann", 500, divisor=8, floor=10) == (125, 875)
    assert await desk.reserve("hld_2", "ann", 50, divisor=8, floor=10) == (50, 825)
    await desk.post(post(user("ann", GB), INVENTORY, 810))
    assert await desk.reserve("hld_3", "ann", 500, divisor=8, floor=10) == (10, 5)
    assert await desk.reserve("hld_4", "ann", 500, divisor=8, floor=10) == (5, 0)
    assert await desk.reserve("hld_5", "ann", 500, divisor=8, floor=10) == (0, 0)


async def test_a_reservation_asked_again_is_the_same_and_nothing_is_asked_anew(desk: Books) -> None:
    await desk.stock("ann", 10)
    assert await desk.reserve("hld_1", "ann", 4) == (4, 6)
    assert await desk.reserve("hld_1", "ann", 9) == (4, 6)
    await desk.reserve("hld_2", "ann", 6)
    assert await desk.reserve("hld_3", "ann", 9) == (0, 0)
    await desk.stock("ann", 5)
    assert await desk.reserve("hld_3", "ann", 9) == (5, 0)
    with pytest.raises(KeyReused):
        await desk.reserve("hld_3", "bob", 9)


async def test_use_is_charged_by_difference_and_earns_the_lots_cost(desk: Books) -> None:
    await desk.stock("ann", 1000, cost=300)
    await desk.reserve("hld_1", "ann", 500)
    first = await desk.use("hld_1", UsageReading("flw_1", 100, 1), UsageReading("flw_2", 50, 1))
    assert (first.posted, first.remaining, first.shortfall, first.costs) == (150, 350, 0, {USD: 45})
    second = await desk.use("hld_1", UsageReading("flw_1", 120, 2), UsageReading("flw_2", 50, 2))
    assert (second.posted, second.remaining, second.costs) == (20, 330, {USD: 6})
    assert (await desk.balance(CONSUMED), await desk.balance(REVENUE), await desk.balance(DEFERRED)) == (
        170,
        51,
        249,
    )


async def test_reports_that_are_repeated_lost_or_overtaken_change_nothing(desk: Books) -> None:
    await desk.stock("ann", 1000)
    await desk.reserve("hld_1", "ann", 500)
    for cumulative, sequence in [(10, 1), (30, 3), (20, 2), (30, 3), (25, 2), (40, 4), (40, 4)]:
        await desk.use("hld_1", UsageReading("flw_1", cumulative, sequence))
    assert await desk.balance(CONSUMED) == 40


async def test_a_byte_at_a_time_costs_what_all_at_once_costs(desk: Books) -> None:
    await desk.stock("ann", 100, cost=33)
    await desk.reserve("hld_1", "ann", 100)
    costs = [
        (await desk.use("hld_1", UsageReading("flw_1", used, used))).costs.get(USD, 0)
        for used in range(1, 101)
    ]
    assert (sum(costs), set(costs)) == (33, {0, 1})
    assert sum(costs[:50]) == 16


async def test_use_beyond_the_hold_comes_from_the_rest_and_then_from_the_platform(desk: Books) -> None:
    await desk.stock("ann", 100, cost=100)
    await desk.reserve("hld_1", "ann", 30)
    await desk.reserve("hld_2", "ann", 50)
    charged = await desk.use("hld_1", UsageReading("flw_1", 60, 1))
    assert (charged.posted, charged.remaining, charged.shortfall, charged.costs) == (60, 0, 10, {USD: 50})
    assert await desk.balance(SHORTFALL) == -10
    assert await desk.balance(CONSUMED) == 60
    other = await desk.use("hld_2", UsageReading("flw_2", 50, 1))
    assert (other.posted, other.shortfall) == (50, 0)


async def test_use_after_the_hold_has_ended_is_still_charged(desk: Books) -> None:
    await desk.stock("ann", 100)
    await desk.reserve("hld_1", "ann", 30, lasts_s=10)
    desk.clock.advance(11)
    late = await desk.use("hld_1", UsageReading("flw_1", 5, 1))
    assert (late.posted, late.remaining) == (5, 25)
    await desk.ledger.expire()
    later = await desk.use("hld_1", UsageReading("flw_1", 105, 2))
    assert (later.posted, later.remaining, later.shortfall) == (100, 0, 5)


async def test_a_release_gives_the_rest_back_once(desk: Books) -> None:
    await desk.stock("ann", 100)
    await desk.reserve("hld_1", "ann", 30)
    charged = await desk.use("hld_1", UsageReading("flw_1", 10, 1), release=True)
    assert (charged.posted, charged.remaining, charged.released) == (10, 0, 20)
    assert await desk.ledger.release("hld_1", "access") == 0
    await desk.reserve("hld_2", "ann", 30)
    assert await desk.ledger.release("hld_2", "access") == 30
    assert await desk.available(user("ann", GB)) == 90
    with pytest.raises(UnknownHold):
        await desk.ledger.release("hld_3", "access")


async def test_a_session_stays_with_its_asset(desk: Books) -> None:
    await desk.stock("ann", 100)
    seats = platform("catalog", SEAT, "inventory")
    await desk.post(
        post(platform("catalog", SEAT, "issuance"), seats, 9),
        post(seats, user("ann", SEAT), 9),
        hold("hld_2", user("ann", SEAT), platform("access", SEAT, "consumed"), 9),
    )
    await desk.reserve("hld_1", "ann", 30)
    await desk.use("hld_1", UsageReading("flw_1", 10, 1))
    with pytest.raises(Conflict):
        await desk.use("hld_2", UsageReading("flw_1", 20, 2))


# ── reversal ────────────────────────────────────────────────────────────────────────────────────────


async def undo(desk: Books, txn_id: str, key: str = "undo") -> None:
    await desk.ledger.reverse(txn_id, "tests", key, "operator", "a mistake")


async def test_a_reversal_is_the_mirror_image_at_most_once(desk: Books) -> None:
    made = await desk.deposit("ann", 20)
    await undo(desk, made.txn_id)
    assert (await desk.balance(user("ann")), await desk.balance(CLEARING)) == (0, 0)
    await undo(desk, made.txn_id)
    with pytest.raises(AlreadyReversed):
        await undo(desk, made.txn_id, "undo-again")
    with pytest.raises(NotFound):
        await undo(desk, "txn_nothing", "undo-nothing")


async def test_what_was_spent_meanwhile_cannot_be_taken_back(desk: Books) -> None:
    made = await desk.deposit("ann", 20)
    await desk.post(post(user("ann"), user("bob"), 5))
    with pytest.raises(InsufficientFunds):
        await undo(desk, made.txn_id)


async def test_a_purchase_is_reversed_with_its_own_lot(desk: Books) -> None:
    await desk.stock("ann", 10, cost=7)
    await desk.issue(10)
    await desk.deposit("ann", 5)
    bought = await desk.buy("ann", 10, cost=5, expires_in_s=50)
    await undo(desk, bought.txn_id)
    assert [(lot.remaining, lot.cost) for lot in await desk.ledger.lots("user", "usr_ann", GB)] == [(10, 7)]
    assert (await desk.balance(user("ann")), await desk.balance(INVENTORY)) == (5, 10)


async def test_a_purchase_that_was_used_in_part_is_not_reversed(desk: Books) -> None:
    await desk.stock("ann", 10, cost=7)
    await desk.issue(10)
    bought = await desk.buy("ann", 10, expires_in_s=50)
    await desk.post(post(user("ann", GB), INVENTORY, 1))
    with pytest.raises(Conflict, match="was used"):
        await undo(desk, bought.txn_id)


async def test_reversed_use_comes_back_with_its_cost_and_end(desk: Books) -> None:
    await desk.stock("ann", 3, cost=10, expires_in_s=100)
    await desk.reserve("hld_1", "ann", 3)
    await desk.use("hld_1", UsageReading("flw_1", 1, 1))
    line = (await desk.ledger.statement(account_id(user("ann", GB)), 1, "")).items[0]
    await undo(desk, line.txn_id)
    lots = await desk.ledger.lots("user", "usr_ann", GB)
    assert sorted((lot.remaining, lot.remaining_cost) for lot in lots) == [(1, 3), (2, 7)]
    assert len({lot.expires_at_us for lot in lots}) == 1
    assert (await desk.balance(DEFERRED), await desk.balance(REVENUE)) == (10, 0)


async def test_a_hold_is_reversed_by_its_release_and_a_release_not_at_all(desk: Books) -> None:
    await desk.deposit("ann", 20)
    held = await desk.post(hold("hld_1", user("ann"), DEFERRED, 15))
    await undo(desk, held.txn_id)
    assert await desk.available(user("ann")) == 20
    await desk.post(hold("hld_2", user("ann"), DEFERRED, 15))
    freed = await desk.post(release("hld_2"))
    with pytest.raises(Conflict):
        await undo(desk, freed.txn_id, "undo-release")


async def test_a_gift_is_reversed_to_the_giver(desk: Books) -> None:
    await desk.stock("ann", 10, cost=9)
    given = await desk.post(post(user("ann", GB), user("bob", GB), 4), code="give")
    await undo(desk, given.txn_id)
    lots = await desk.ledger.lots("user", "usr_ann", GB)
    assert sum(lot.remaining for lot in lots) == 10
    assert sum(lot.remaining_cost for lot in lots) == 9
    assert await desk.ledger.lots("user", "usr_bob", GB) == []


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_statement_runs_backwards_with_the_balance_after_each_line(desk: Books) -> None:
    for amount in (5, 10, 20):
        await desk.deposit("ann", amount)
    await desk.post(post(user("ann"), user("bob"), 8), code="give")
    await desk.post(hold("hld_1", user("ann"), DEFERRED, 7))
    id_, lines, cursor = account_id(user("ann")), [], ""
    while True:
        page = await desk.ledger.statement(id_, 2, cursor)
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


async def test_a_page_is_not_disturbed_by_what_happens_meanwhile(desk: Books) -> None:
    for amount in (1, 2, 3, 4):
        await desk.deposit("ann", amount)
    first = await desk.ledger.statement(account_id(user("ann")), 2, "")
    await desk.deposit("ann", 5)
    second = await desk.ledger.statement(account_id(user("ann")), 2, first.next_cursor)
    assert [one.credit for one in (*first.items, *second.items)] == [4, 3, 2, 1]


async def test_all_accounts_of_an_owner_make_one_list(desk: Books) -> None:
    await desk.stock("ann", 10, cost=6)
    await desk.deposit("ann", 3)
    seen, cursor = [], ""
    while True:
        page = await desk.ledger.transactions("user", "usr_ann", 2, cursor)
        seen += [(one.code, one.credit - one.debit) for _, one in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == [("deposit", 3), ("buy", 10), ("buy", -6), ("deposit", 6)]
    with pytest.raises(Invalid):
        await desk.ledger.transactions("user", "usr_ann", 2, "bm9uc2Vuc2U")


async def test_a_transaction_explains_itself(desk: Books) -> None:
    await desk.stock("ann", 10, cost=7)
    await desk.reserve("hld_1", "ann", 5)
    await desk.use("hld_1", UsageReading("flw_1", 4, 1))
    line = (await desk.ledger.statement(account_id(user("ann", GB)), 1, "")).items[0]
    explained = await desk.ledger.explain(line.txn_id)
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
        await desk.ledger.explain("txn_nothing")


# ── many at once ────────────────────────────────────────────────────────────────────────────────────


async def test_240_competing_spends_on_100_are_exactly_100(desk: Books) -> None:
    await desk.deposit("ann", 100)
    spends = [posting(f"s{number}", post(user("ann"), user("bob"), 1)) for number in range(240)]
    outcomes = await desk.post_many(spends)
    assert sum(not isinstance(one, Problem) for one in outcomes) == 100
    assert (await desk.balance(user("ann")), await desk.balance(user("bob"))) == (0, 100)


async def test_one_key_from_many_callers_is_applied_once(desk: Books) -> None:
    same = [posting("same", post(CLEARING, user("ann"), 5)) for _ in range(20)]
    outcomes = await asyncio.gather(*(desk.ledger.submit(one) for one in same))
    assert len({one.txn_id for one in outcomes}) == 1
    assert sorted(one.replayed for one in outcomes) == [False] + [True] * 19
    assert await desk.balance(user("ann")) == 5


# ── against the model ───────────────────────────────────────────────────────────────────────────────


def test_the_service_does_what_the_model_says(kind: Kind) -> None:
    def make(clock: FakeClock) -> ServiceOnDatabase:
        return ServiceOnDatabase(kind, clock)

    few = settings(
        max_examples=6,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(machine_on(make), settings=few)
