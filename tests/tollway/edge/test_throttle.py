"""The token bucket: a rate over time, a small burst, no trickle of tiny pieces."""

import pytest

from tests.kit.clock import FakeMonotonic
from tollway.edge.throttle import TokenBucket


@pytest.fixture
def clock() -> FakeMonotonic:
    return FakeMonotonic()


def test_a_burst_and_then_the_rate(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(1_000_000, clock)
    assert bucket.take(10**9) == 250_000
    assert bucket.take(10**9) == 0
    moved = 0
    for _ in range(1_000):
        clock.advance(0.01)
        moved += bucket.take(10**9)
    assert 9_900_000 <= moved <= 10_000_000


def test_what_did_not_move_is_given_back(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(1_000_000, clock)
    taken = bucket.take(100_000)
    bucket.return_unused(taken - 1)
    assert bucket.take(10**9) == 249_999


def test_trickles_are_saved_up(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(10_000, clock)
    bucket.take(10**9)
    clock.advance(0.1)
    assert bucket.take(65_536) == 0
    clock.advance(bucket.wait_s())
    assert bucket.take(65_536) >= 4_095
    bucket.return_unused(100)
    assert bucket.take(50) == 50  # a small wish needs no saving


def test_another_rate_from_now_on(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(1_000, clock)
    bucket.take(10**9)
    bucket.change(1_000_000)
    clock.advance(0.1)
    assert 90_000 < bucket.take(10**9) <= 100_001


def test_exactly_so_many_or_none(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(40_000, clock)
    assert not bucket.take_exactly(10_001)
    assert bucket.take_exactly(9_999)
    assert not bucket.take_exactly(2)
    assert bucket.take_exactly(1)


def test_what_was_borrowed_makes_others_wait(clock: FakeMonotonic) -> None:
    bucket = TokenBucket(10_000, clock)
    bucket.take(10**9)
    bucket.borrow(5_000)
    clock.advance(0.5)
    assert bucket.take(1) == 0
    clock.advance(0.001)
    assert bucket.take(1) == 1
