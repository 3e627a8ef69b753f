"""Delays grow up to a limit, and chance takes its part of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.fabric.backoff import Backoff


def test_delays_double_up_to_the_limit() -> None:
    backoff = Backoff(first_s=0.5, limit_s=5)
    assert [backoff.delay_s(attempt) for attempt in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]


def test_any_number_of_attempts_has_a_delay() -> None:
    assert Backoff(first_s=0.5, limit_s=300).delay_s(10**6) == 300


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_chance_takes_at_most_its_part(attempt: int, drawn: float, jitter: float) -> None:
    whole = Backoff(first_s=1, limit_s=60).delay_s(attempt)
    delay = Backoff(first_s=1, limit_s=60, jitter=jitter).delay_s(attempt, lambda: drawn)
    assert whole * (1 - jitter) <= delay <= whole


def test_a_limit_below_the_first_delay_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        Backoff(first_s=2, limit_s=1)
