"""The token bucket: a rate over time, a small burst, no trickle of tiny pieces."""

import pytest

from tollway.edge import throttle
from tollway.edge.throttle import TokenBucket


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now[0])
    return now


def test_a_burst_and_then_the_rate(clock: list[float]) -> None:
    bucket = TokenBucket(1_000_000)
    assert bucket.take(10**9) == 250_000
    assert bucket.take(10**9) == 0
    moved = 0
    for _ in range(1_000):
        clock[0] += 0.01
        moved += bucket.take(10**9)
    assert 9_900_000 <= moved <= 10_000_000


def test_what_did_not_move_is_given_back(clock: list[float]) -> None:
    bucket = TokenBucket(1_000_000)
    taken = bucket.take(100_000)
    bucket.return_unused(taken - 1)
    assert bucket.take(10**9) == 249_999


def test_trickles_are_saved_up(clock: list[float]) -> None:
    bucket = TokenBucket(10_000)
    bucket.take(10**9)
    clock[0] += 0.1
    assert bucket.take(65_536) == 0
    clock[0] += bucket.wait_s()
    assert bucket.take(65_536) >= 4_095
    bucket.return_unused(100)
    assert bucket.take(50) == 50  # a small wish needs no saving


def test_another_rate_from_now_on(clock: list[float]) -> None:
    bucket = TokenBucket(1_000)
    bucket.take(10**9)
    bucket.change(1_000_000)
    clock[0] += 0.1
    assert 90_000 < bucket.take(10**9) <= 100_001
