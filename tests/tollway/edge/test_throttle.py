"""The token bucket: a rate over time, a small burst, no trickle of tiny pieces, turns for those who wait."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.clock import FakeMonotonic
from tollway.edge.throttle import Share, TokenBucket


class FakeReactor:
    """A clock that a test moves, and the calls that are due by it."""

    def __init__(self) -> None:
        self.monotonic = FakeMonotonic()
        self._due: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        self._due.append((self.monotonic() + delay_s, call))

    def call_soon(self, call: Callable[[], None]) -> None:
        call()

    def advance(self, seconds: float, step_s: float = 0.001) -> None:
        for _ in range(round(seconds / step_s)):
            self.monotonic.advance(step_s)
            due = [call for at, call in self._due if at <= self.monotonic()]
            self._due = [(at, call) for at, call in self._due if at > self.monotonic()]
            for call in due:
                call()


class Flow:
    """Takes as much as it is given, in pieces of its own size, and never has enough."""

    def __init__(self, bucket: TokenBucket, piece: int) -> None:
        self.bucket, self.piece, self.share, self.moved = bucket, piece, Share(), 0

    def run(self) -> None:
        while taken := self.bucket.take(self.share, self.piece):
            self.moved += taken
        self.bucket.wait(self.share, self.run)


@pytest.fixture
def reactor() -> FakeReactor:
    return FakeReactor()


def bucket_of(rate: int, reactor: Any) -> TokenBucket:
    return TokenBucket(rate, reactor)


def test_a_burst_and_then_the_rate(reactor: FakeReactor) -> None:
    bucket, share = bucket_of(1_000_000, reactor), Share()
    assert bucket.take(share, 10**9) == 20_000
    assert bucket.take(share, 10**9) == 0
    flow = Flow(bucket, 10**9)
    flow.run()
    reactor.advance(10)
    assert 9_900_000 <= flow.moved <= 10_000_000


def test_what_did_not_move_is_given_back(reactor: FakeReactor) -> None:
    bucket, share = bucket_of(1_000_000, reactor), Share()
    taken = bucket.take(share, 10_000)
    bucket.return_unused(share, taken - 1)
    assert bucket.take(share, 10**9) == 19_999


def test_trickles_are_saved_up(reactor: FakeReactor) -> None:
    bucket, share = bucket_of(100_000, reactor), Share()
    bucket.take(share, 10**9)
    reactor.advance(0.02)
    assert bucket.take(share, 65_536) == 0
    assert bucket.take(share, 50) == 50  # a small amount needs no saving


@pytest.mark.parametrize("rate", [1_000, 100_000, 50_000_000])
def test_another_rate_reaches_who_waits(reactor: FakeReactor, rate: int) -> None:
    bucket = bucket_of(1, reactor)
    flow = Flow(bucket, 10**9)
    flow.run()
    first = flow.moved
    bucket.change(rate)
    reactor.advance(1)
    assert 0.8 * rate <= flow.moved - first <= 1.1 * rate + 1_024


def test_no_rate_lets_everybody_go(reactor: FakeReactor) -> None:
    bucket, gone = bucket_of(1, reactor), []
    bucket.take(Share(), 10**9)
    for number in range(3):
        bucket.wait(Share(), lambda number=number: gone.append(number))
    bucket.change(0)
    assert gone == [0, 1, 2]


def test_exactly_so_many_or_none(reactor: FakeReactor) -> None:
    bucket, share = bucket_of(100_000, reactor), Share()
    assert not bucket.take_exactly(share, 2_001)
    assert bucket.take_exactly(share, 1_999)
    assert not bucket.take_exactly(share, 2)
    assert bucket.take_exactly(share, 1)


def test_what_was_borrowed_makes_others_wait(reactor: FakeReactor) -> None:
    bucket, share = bucket_of(10_000, reactor), Share()
    bucket.take(share, 10**9)
    bucket.borrow(5_000)
    reactor.advance(0.5)
    assert bucket.take(share, 1) == 0
    reactor.advance(0.002)
    assert bucket.take(share, 1) == 1


@pytest.mark.parametrize("rate", [20_000, 100_000, 3_000_000, 200_000_000])
@pytest.mark.parametrize("count", [2, 7, 32])
def test_all_get_the_same_whatever_their_pieces(reactor: FakeReactor, rate: int, count: int) -> None:
    bucket = bucket_of(rate, reactor)
    flows = [Flow(bucket, piece) for piece in (100, 1_500, 16_384, 65_536, 1 << 20, 10**9)]
    flows = [Flow(bucket, flows[n % len(flows)].piece) for n in range(count)]
    for flow in flows:
        flow.run()
    reactor.advance(1)
    shares = [flow.moved for flow in flows]
    index = sum(shares) ** 2 / (count * sum(one * one for one in shares))
    assert index >= 0.95, shares
    assert 0.8 * rate <= sum(shares) <= 1.1 * rate + 1_024


def test_two_directions_of_a_flow_take_turns(reactor: FakeReactor) -> None:
    bucket = bucket_of(100_000, reactor)
    up, down, other = Flow(bucket, 10**9), Flow(bucket, 10**9), Flow(bucket, 10**9)
    down.share = up.share
    for flow in (other, up, down):
        flow.run()
    reactor.advance(2)
    assert abs(up.moved - down.moved) < 10_000
    assert abs(up.moved + down.moved - other.moved) < 20_000


def test_the_turn_of_a_flow_that_has_ended_is_passed_over(reactor: FakeReactor) -> None:
    bucket = bucket_of(100_000, reactor)
    stays, ended = Flow(bucket, 10**9), Share()
    stays.run()
    bucket.wait(ended, lambda: None)
    bucket.close(ended)
    reactor.advance(1)
    assert 95_000 <= stays.moved <= 106_000
