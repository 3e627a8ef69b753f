"""The arithmetic of orders and portfolios."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tollway.services.orders.model import (
    OPEN,
    STOPPABLE,
    HeldLot,
    OrderState,
    cost_bases,
    market_value,
)

GB = 1_000_000_000


def lot(remaining: int, cost: int, currency: str = "USD") -> HeldLot:
    return HeldLot("lot_1", remaining, remaining, currency, cost, cost, 0, 0, "txn_1")


def test_only_the_states_before_the_pivot_can_be_stopped() -> None:
    assert STOPPABLE < OPEN
    assert OrderState.ALLOCATED in OPEN - STOPPABLE
    assert not OPEN & {OrderState.FILLED, OrderState.FAILED, OrderState.CANCELLED}


def test_costs_add_up_by_currency() -> None:
    lots = [lot(GB, 3_000_000), lot(3 * GB, 6_000_000), lot(GB, 2_800_000, "EUR"), lot(GB, 0, "")]
    euros, dollars = cost_bases(lots, GB)
    assert (euros.currency, euros.cost, euros.average_per_lot) == ("EUR", 2_800_000, 2_800_000)
    assert (dollars.units, dollars.cost, dollars.average_per_lot) == (4 * GB, 9_000_000, 2_250_000)


def test_used_up_lots_cost_nothing_any_more() -> None:
    assert cost_bases([lot(0, 0)], GB) == []


@given(st.integers(0, 10**15), st.integers(0, 10**9))
def test_a_market_value_is_rounded_down(remaining: int, bid: int) -> None:
    exact = Fraction(remaining * bid, GB)
    assert exact - 1 < market_value(remaining, bid, GB) <= exact
