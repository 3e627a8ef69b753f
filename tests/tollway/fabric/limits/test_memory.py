"""Limits of one process: exactly the quota at once, an even refill, bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from tollway.fabric.limits.memory import MemoryLimit


def test_a_hundred_of_two_hundred_at_once() -> None:
    limit = MemoryLimit(100, 60)
    grants = [limit.take("alice", 1_000.0) for _ in range(200)]
    assert [grant.admitted for grant in grants] == [True] * 100 + [False] * 100
    assert [grant.remaining for grant in grants] == [*range(99, -1, -1), *[0] * 100]


def test_tokens_come_back_evenly() -> None:
    limit = MemoryLimit(100, 60)
    for _ in range(100):
        limit.take("alice", 0.0)
    assert abs(limit.take("alice", 0.0).retry_in_s - 0.6) < 1e-3
    assert not limit.take("alice", 0.59).admitted
    assert limit.take("alice", 0.61).admitted
    assert not limit.take("alice", 0.62).admitted
    assert sum(limit.take("alice", 60.0).admitted for _ in range(200)) == 99


def test_full_buckets_are_forgotten() -> None:
    limit = MemoryLimit(10, 60)
    limit.take("early", 0.0)
    limit.take("late", 100.0)
    limit.forget_full(100.0)
    assert len(limit) == 1


def test_memory_stays_bounded_however_many_clients_come() -> None:
    limit = MemoryLimit(10, 60, keep=5_000)
    for number in range(20_000):
        limit.take(f"client {number}", 0.0)
    assert 1_000 < len(limit) <= 5_000


@given(st.integers(1, 20), st.floats(1, 100), st.lists(st.floats(0, 30), min_size=1, max_size=80))
def test_no_stretch_of_time_admits_more_than_the_quota_and_its_refill(
    quota: int, window_s: float, gaps: list[float]
) -> None:
    limit = MemoryLimit(quota, window_s)
    now, admitted = 0.0, list[float]()
    for gap in gaps:
        now += gap
        if limit.take("alice", now).admitted:
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            stretch_s = admitted[last] - start
            assert last - first + 1 <= quota + stretch_s / (window_s / quota) + 1e-3


@given(st.integers(1, 50), st.floats(1, 100))
def test_what_retry_says_is_true(quota: int, window_s: float) -> None:
    limit = MemoryLimit(quota, window_s)
    for _ in range(quota):
        assert limit.take("alice", 5.0).admitted
    refused = limit.take("alice", 5.0)
    assert not refused.admitted
    assert limit.take("alice", 5.0 + refused.retry_in_s + 1e-6).admitted
