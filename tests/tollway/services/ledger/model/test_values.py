"""Accounts and lots: their arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.books import GB, INVENTORY, USD, platform, user
from tollway.kit.errors import Invalid
from tollway.kit.ids import is_id
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Hold,
    Lot,
    account_id,
    check_ref,
    is_limited,
)

ANN = Account(account_id(user("ann")), user("ann"), limited=True)


def a_lot(quantity: int, cost: int, **more: object) -> Lot:
    lot = Lot(
        "lot_1", "acc_1", GB, quantity, quantity, USD, cost, 0, 0, "txn_1", 0, "", "acc_d", "acc_r", "acc_b"
    )
    return lot._replace(**more)


def test_an_accounts_id_belongs_to_its_name() -> None:
    names = [
        user("ann"),
        user("bob"),
        user("ann", GB),
        platform("usr_ann", USD, "fee"),
        AccountRef("us", "erusr_ann", USD, "available"),
    ]
    ids = [account_id(name) for name in names]
    assert len(set(ids)) == len(ids)
    assert all(is_id("acc", one) for one in ids)
    assert ids[0] == "acc_4k8y0dsz5n0esafcsz8jvhqt9m"


def test_customers_and_the_stock_are_limited_and_the_rest_of_the_platform_is_not() -> None:
    assert is_limited(user("ann"))
    assert is_limited(INVENTORY)
    assert not is_limited(platform("orders", USD, "revenue"))


def test_counters_move_by_side_and_kind_and_every_leg_counts() -> None:
    after = ANN.credited(10, 0).debited(0, 4).debited(3, -3)
    assert (after.balance, after.available, after.version) == (7, 6, 3)
    assert ANN.version == 0


def test_counters_stay_within_63_bits() -> None:
    full = ANN.credited(MAX_UNITS, 0)
    for step in (lambda: full.credited(1, 0), lambda: full.debited(MAX_UNITS, 0).debited(1, 0)):
        with pytest.raises(Invalid):
            step()


@pytest.mark.parametrize("purpose", ["", "pocket", "inventory"])
def test_a_customer_has_no_account_for_a_purpose_of_the_platform(purpose: str) -> None:
    with pytest.raises(Invalid, match="purpose"):
        check_ref(AccountRef("user", "usr_ann", USD, purpose))


@given(
    quantity=st.integers(1, 10**12),
    cost=st.integers(0, 10**12),
    cuts=st.lists(st.integers(0, 10**12), max_size=12),
)
def test_however_a_lot_is_cut_its_pieces_cost_what_the_whole_did(
    quantity: int, cost: int, cuts: list[int]
) -> None:
    lot, paid = a_lot(quantity, cost), 0
    for place in [*sorted(cut % (quantity + 1) for cut in cuts), quantity]:
        part = place - (quantity - lot.remaining)
        piece = lot.cost_of(part)
        assert piece >= 0
        paid += piece
        lot = lot._replace(remaining=lot.remaining - part)
        # Never a unit ahead of what was used, never a whole unit behind.
        assert 0 <= cost * place - paid * quantity < quantity
        assert lot.remaining_cost == cost - paid
    assert paid == cost


def test_lots_are_used_in_the_order_in_which_they_end_and_came() -> None:
    lots = [
        a_lot(1, 0, id="never, first", txn_id="txn_1"),
        a_lot(1, 0, id="later", expires_at_us=20, txn_id="txn_1"),
        a_lot(1, 0, id="never, second", txn_id="txn_2"),
        a_lot(1, 0, id="soon", expires_at_us=10, txn_id="txn_3"),
    ]
    assert [lot.id for lot in sorted(lots, key=lambda lot: lot.fifo_key)] == [
        "soon",
        "later",
        "never, first",
        "never, second",
    ]


def test_a_hold_is_open_while_it_holds_and_then_as_it_ended() -> None:
    hold = Hold("hld_1", USD, "acc_1", "acc_2", 10, 10, "open", 50, "txn_1")
    assert [hold.less(amount, "captured").state for amount in (4, 10)] == ["open", "captured"]
    assert [hold.has_expired(now_us) for now_us in (49, 50, 51)] == [False, True, True]
    assert not hold._replace(expires_at_us=0).has_expired(MAX_UNITS)
