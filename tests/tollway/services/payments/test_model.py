"""Amounts and states."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.typing import settings_of
from tollway.kit.currencies import Minor, minor_unit
from tollway.kit.errors import Invalid
from tollway.services.payments.model import FROM, DepositState, check_range, deposit_key, minor
from tollway.services.payments.settings import PaymentsSettings


@given(st.integers(1, 10**15), st.sampled_from(["USD", "JPY", "KWD"]))
def test_whole_minor_units_go_to_the_provider_exactly_and_nothing_finer_does(
    amount: int, currency: str
) -> None:
    if amount % minor_unit(currency):
        with pytest.raises(Invalid, match=f"amount: .* is finer than the smallest amount of {currency}"):
            minor(amount, currency)
    else:
        assert minor(amount, currency) == Minor(currency, amount // minor_unit(currency))


def test_the_range_includes_its_ends() -> None:
    check_range(1_000_000, "1.00", "2.00")
    check_range(2_000_000, "1.00", "2.00")
    for amount in (999_999, 2_000_001):
        with pytest.raises(Invalid, match=r"from 1\.00 to 2\.00"):
            check_range(amount, "1.00", "2.00")


def test_nothing_leaves_credited_and_only_success_leads_there() -> None:
    assert all(DepositState.CREDITED not in origins for origins in FROM.values())
    assert FROM[DepositState.CREDITED] == {DepositState.SUCCEEDED}


def test_a_payment_has_one_key_whoever_posts_it_and_providers_never_share_one() -> None:
    assert deposit_key("stripe", "pi_1") == "deposit:stripe:pi_1" != deposit_key("mock", "pi_1")


def test_each_currency_may_have_limits_of_its_own() -> None:
    limits = {"JPY": {"min": "100", "max": "1000000"}}
    settings = settings_of(PaymentsSettings, deposit_limits=limits)
    assert (settings.limits_of("JPY").min, settings.limits_of("JPY").max) == ("100", "1000000")
    assert (settings.limits_of("USD").min, settings.limits_of("USD").max) == ("1.00", "10000.00")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"deposit_limits": {"DOL": {"min": "1", "max": "2"}}}, "DOL is no currency"),
        ({"deposit_limits": {"JPY": {"min": "3", "max": "2"}}}, "deposit_limits.JPY: the least must be"),
        ({"deposit_limits": {"JPY": {"min": "0", "max": "2"}}}, "deposit_limits.JPY: the least must be"),
        ({"deposit_max": "a lot"}, "deposit_min, deposit_max: is not a plain decimal"),
    ],
)
def test_limits_that_cannot_hold_are_refused_at_start(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        settings_of(PaymentsSettings, **wrong)
