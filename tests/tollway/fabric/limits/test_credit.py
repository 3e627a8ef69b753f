"""Limits on credit, under every order in which admitting, telling and hearing can happen."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollway.fabric.limits import Outage
from tollway.fabric.limits.credit import CreditLimit

KEY = "alice"


class SharedQuota:
    """Processes, one client and a store, all by one clock. A token comes back every second."""

    def __init__(self, processes: int, quota: int, credit: int, outage: Outage = "local") -> None:
        self.now = 0.0
        self.admitted: list[float] = []
        self.full_at = 0.0
        self.unsent = [0] * processes
        self.limits = [
            CreditLimit("default", quota, float(quota), credit, outage, lambda: None, lambda: None)
            for _ in range(processes)
        ]
        self.asked: dict[int, dict[str | bytes, int]] = {}
        self.answers: dict[int, list[int]] = {}
        for limit in self.limits:
            limit.join()

    def take(self, process: int, times: int = 1) -> int:
        before = len(self.admitted)
        for _ in range(times):
            if self.limits[process].take(KEY, self.now).admitted:
                self.admitted.append(self.now)
        return len(self.admitted) - before

    def send(self, process: int) -> None:
        if process not in self.asked:
            self.asked[process] = self.limits[process].collect_unsent()

    def execute(self, process: int) -> None:
        if process in self.asked and process not in self.answers:
            self.answers[process] = []
            for cost in self.asked[process].values():
                self.full_at = max(self.full_at, self.now) + cost
                self.answers[process].append(round((self.full_at - self.now) * 1_000_000))

    def deliver(self, process: int) -> None:
        if process in self.answers:
            del self.asked[process]
            self.limits[process].synchronize(self.answers.pop(process), self.now)

    def synchronize(self, process: int) -> None:
        for step in (self.send, self.execute, self.deliver):
            step(process)

    def most(self, extra: int, quota: int) -> float:
        """By how much the busiest stretch of time went beyond the quota, its refill and `extra`."""
        return max(
            (
                last - first + 1 - quota - extra - (self.admitted[last] - start)
                for first, start in enumerate(self.admitted)
                for last in range(first, len(self.admitted))
            ),
            default=-1.0,
        )


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "send", "execute", "deliver", "synchronize", "pass"]),
        st.integers(0, 2),
        st.integers(1, 4),
    ),
    max_size=80,
)


def play(shared: SharedQuota, story: list[tuple[str, int, int]]) -> None:
    for what, which, amount in story:
        process = which % len(shared.limits)
        if what == "take":
            shared.take(process, amount)
        elif what == "pass":
            shared.now += amount / 4
        else:
            getattr(shared, what)(process)


@settings(max_examples=500)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 2), steps)
def test_no_stretch_of_time_admits_more_than_is_promised(
    processes: int, quota: int, credit: int, story: list[tuple[str, int, int]]
) -> None:
    shared = SharedQuota(processes, quota, credit)
    play(shared, story)
    assert shared.most((processes - 1) * credit, quota) <= 1e-6


def test_what_is_promised_is_not_less_than_what_can_happen() -> None:
    shared = SharedQuota(processes=3, quota=20, credit=4)
    assert shared.take(1, 20) == shared.take(2, 20) == 4
    for _ in range(5):
        shared.take(0, 4)
        shared.synchronize(0)
    assert len(shared.admitted) == 20 + (3 - 1) * 4


def test_what_is_on_its_way_to_the_store_is_still_on_credit() -> None:
    shared = SharedQuota(processes=1, quota=10, credit=3)
    shared.take(0, 3)
    shared.send(0)
    assert shared.take(0, 3) == 0
    shared.execute(0)
    shared.deliver(0)
    assert shared.take(0, 4) == 3


def test_an_answer_does_not_know_what_was_admitted_while_it_was_on_its_way() -> None:
    shared = SharedQuota(processes=2, quota=10, credit=3)
    for _ in range(2):
        shared.take(1, 3)
        shared.synchronize(1)
    shared.take(0, 2)
    shared.send(0)
    shared.take(0, 1)
    shared.execute(0)
    shared.deliver(0)
    # The store knows of eight, this process of one more.
    assert shared.limits[0].take(KEY, shared.now).remaining == 0


def test_what_was_taken_too_much_is_waited_for() -> None:
    shared = SharedQuota(processes=2, quota=10, credit=5)
    for _ in range(2):
        shared.take(0, 5)
        shared.synchronize(0)
    shared.take(1, 5)
    shared.synchronize(1)
    shared.now = 5.0
    assert shared.take(1) == 0
    shared.now = 6.0
    assert shared.take(1) == 1


def test_one_process_alone_has_exactly_the_quota() -> None:
    shared = SharedQuota(processes=1, quota=10, credit=3)
    for _ in range(10):
        shared.take(0, 10)
        shared.synchronize(0)
    assert len(shared.admitted) == 10


def test_a_burst_beyond_the_credit_is_told_that_there_is_capacity() -> None:
    shared = SharedQuota(processes=2, quota=10, credit=3)
    assert shared.take(0, 3) == 3
    grant = shared.limits[0].take(KEY, shared.now)
    assert (grant.admitted, grant.remaining, grant.full_in_s, grant.retry_in_s) == (False, 7, 3.0, 0.0)
    shared.synchronize(0)
    assert shared.limits[0].take(KEY, shared.now).admitted


def test_when_there_is_no_service_nobody_is_asked_to_wait() -> None:
    shared = SharedQuota(processes=1, quota=3, credit=3)
    shared.take(0, 3)
    grant = shared.limits[0].take(KEY, shared.now)
    assert (grant.admitted, grant.remaining) == (False, 0)
    assert grant.retry_in_s == pytest.approx(1.0, abs=1e-3)


def test_clients_do_not_share_a_credit() -> None:
    shared = SharedQuota(processes=1, quota=10, credit=1)
    assert shared.limits[0].take("alice", 0.0).admitted
    assert shared.limits[0].take("bob", 0.0).admitted
    assert not shared.limits[0].take("bob", 0.0).admitted


async def test_who_waits_goes_on_when_the_store_has_answered_or_was_given_up() -> None:
    shared = SharedQuota(processes=1, quota=10, credit=1)
    for end in (lambda: shared.synchronize(0), shared.limits[0].disconnect):
        waiter = asyncio.ensure_future(shared.limits[0].synced())
        await asyncio.sleep(0)
        assert not waiter.done()
        end()
        await asyncio.wait_for(waiter, 20)
    await asyncio.wait_for(shared.limits[0].synced(), 20)  # alone: nobody to wait for


@given(steps, st.lists(st.sampled_from(["join", "disconnect"]), max_size=6), st.integers(1, 8))
def test_alone_or_back_again_a_process_keeps_to_its_own_quota(
    story: list[tuple[str, int, int]], changes: list[str], every: int
) -> None:
    shared = SharedQuota(processes=1, quota=6, credit=2)
    for number, change in enumerate(changes):
        play(shared, story[number * every : (number + 1) * every])
        if change == "disconnect":
            shared.asked.clear()
            shared.answers.clear()
        getattr(shared.limits[0], change)()
    play(shared, story[len(changes) * every :])
    assert shared.most(0, 6) <= 1e-6


def test_back_again_a_process_remembers_what_it_admitted_alone() -> None:
    shared = SharedQuota(processes=1, quota=6, credit=2)
    shared.limits[0].disconnect()
    assert shared.take(0, 9) == 6
    shared.limits[0].join()
    shared.now = 1.0
    assert shared.take(0) == 1
    shared.synchronize(0)
    assert shared.take(0) == 0


def test_alone_and_told_to_refuse_it_refuses() -> None:
    shared = SharedQuota(processes=1, quota=6, credit=2, outage="refuse")
    assert shared.take(0) == 1
    shared.limits[0].disconnect()
    grant = shared.limits[0].take(KEY, shared.now)
    assert (grant.admitted, grant.remaining) == (False, 0)
    assert grant.retry_in_s > 0
    shared.limits[0].join()
    assert shared.take(0) == 1
