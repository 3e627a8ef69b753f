"""Amounts and states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.errors import Invalid
from tollway.services.payments.model import CENT, FROM, State, check_range, ledger_key, to_cents


@given(st.integers(1, 10**15))
def test_whole_cents_go_to_the_provider_exactly_and_nothing_finer_does(amount: int) -> None:
    if amount % CENT:
        with pytest.raises(Invalid, match="finer than a cent"):
            to_cents(amount)
    else:
        assert to_cents(amount) * CENT == amount


def test_the_range_includes_its_ends() -> None:
    check_range(1_000_000, "1.00", "2.00")
    check_range(2_000_000, "1.00", "2.00")
    for amount in (999_999, 2_000_001):
        with pytest.raises(Invalid, match=r"from 1\.00 to 2\.00"):
            check_range(amount, "1.00", "2.00")


def test_nothing_leaves_credited_and_only_success_leads_there() -> None:
    assert all(State.CREDITED not in origins for origins in FROM.values())
    assert FROM[State.CREDITED] == {State.SUCCEEDED}


def test_a_payment_has_one_key_whoever_posts_it() -> None:
    assert ledger_key("pi_1") == "deposit:pi_1"
