"""The quota: nothing moves that was not taken, and more is asked for before it is needed."""

import asyncio
from pathlib import Path

import pytest

from tests.kit.clock import FakeMonotonic
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tests.kit.quotas import quota_setup
from tollway.edge import refusal
from tollway.edge.refusal import Refusal
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.errors import Forbidden, Internal, Invalid, NotFound, Problem

KIB = 1024


@pytest.fixture
def access() -> FakeAccess:
    access = FakeAccess()
    access.add()
    return access


async def test_the_first_byte_waits_for_the_first_lease(tmp_path: Path, access: FakeAccess) -> None:
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        assert quota.take(100) == 0
        called = asyncio.Event()
        quota.wait(called.set)
        await asyncio.wait_for(called.wait(), 20)
        assert quota.take(100) == 100
        assert quota.available == 256 * KIB - 100


async def test_a_lease_is_never_exceeded(tmp_path: Path, access: FakeAccess) -> None:
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.available)
        access.unavailable = True
        assert quota.take(10**9) == 256 * KIB
        assert quota.take(1) == 0
        quota.return_unused(50)
        assert quota.take(100) == 50
        access.unavailable = False


async def test_more_is_asked_for_at_half(tmp_path: Path, access: FakeAccess) -> None:
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.available)
        quota.take(127 * KIB)
        assert not quota.asking
        quota.take(2 * KIB)
        await eventually(lambda: len(access.leases) == 2)
        await eventually(lambda: quota.available > 256 * KIB)


async def test_a_lease_grows_with_the_rate_and_has_a_limit(tmp_path: Path, access: FakeAccess) -> None:
    clock = FakeMonotonic()
    async with quota_setup(tmp_path, access, monotonic=clock, lease_span_s=10) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.available)
        clock.advance(0.2)
        quota.take(200 * KIB)  # in 0.2 s: 10 s of that are 10,000 KiB
        await eventually(lambda: len(access.leases) == 2)
        assert abs(list(access.leases.values())[1].granted - 10_000 * KIB) < 100
        quota.take(10**9)
        await eventually(lambda: len(access.leases) == 3)
        assert list(access.leases.values())[2].granted == 256 * KIB * KIB


async def test_whole_amounts_are_all_or_nothing(tmp_path: Path, access: FakeAccess) -> None:
    access.resources["res_alice"].holding = 1_000
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        answers: list[Refusal | None] = []
        quota.take_or_wait(900, answers.append)
        assert answers == []
        await eventually(lambda: answers)
        assert answers == [None]
        assert not quota.take_exactly(101)
        assert quota.available == 100
        quota.take_or_wait(101, answers.append)
        await eventually(lambda: len(answers) == 2)
        assert answers[1] is refusal.NO_ALLOWANCE
        assert quota.take_exactly(100)


async def test_an_exhausted_allowance_is_asked_for_again_after_a_while(
    tmp_path: Path, access: FakeAccess
) -> None:
    alice = access.resources["res_alice"]
    alice.holding = 0
    async with quota_setup(tmp_path, access, exhausted_retry_s=0.1) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.exhausted)
        asked = len(access.leases)
        for _ in range(100):
            quota.take(1)
        assert len(access.leases) == asked
        alice.holding = 10_000
        await eventually(lambda: not quota.exhausted)
        quota.take(1)
        await eventually(lambda: quota.available == 10_000)


async def test_while_the_access_service_is_away_logins_hear_so_and_flows_wait(
    tmp_path: Path, access: FakeAccess
) -> None:
    access.unavailable = True
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        logins: list[Refusal | None] = []
        quota.take_or_wait(10, logins.append)
        await eventually(lambda: logins)
        assert logins == [refusal.UNAVAILABLE]
        woken = asyncio.Event()

        def flow() -> None:
            if quota.take(5):
                woken.set()
            else:
                quota.wait(flow)

        quota.wait(flow)
        await asyncio.sleep(0.2)
        assert not woken.is_set()
        access.unavailable = False
        await asyncio.wait_for(woken.wait(), 20)


async def test_a_stopped_access_is_granted_nothing(tmp_path: Path, access: FakeAccess) -> None:
    access.resources["res_alice"].active = False
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.exhausted)
        assert quota.available == 0


async def test_leases_that_the_access_service_gave_up_for_lost_are_not_spent(tmp_path: Path) -> None:
    access = FakeAccess(valid_us=300_000)
    access.add()
    async with quota_setup(tmp_path, access) as here:
        flow = here.flow()
        quota = flow.quota
        quota.take(1)
        await eventually(lambda: quota.available)
        access.unavailable = True
        flow.spend.count_in(quota.take(1_000))
        await eventually(lambda: quota.closing)
        assert here.quota() is not quota
        here.charging.end(flow, TerminateCause.NAS_ERROR)
        access.unavailable = False
        await eventually(lambda: access.used() == 1_000 and not access.held(), 10)
        assert access.overdrawn == 0


async def test_short_leases_are_kept_alive_while_nothing_moves(tmp_path: Path) -> None:
    """However seldom the operator wants to hear: a lease is heard of before it is void."""
    access = FakeAccess(valid_us=2_000_000)
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=60, lease_keepalive_s=60) as here:
        flow = here.flow()
        quota = flow.quota
        quota.take(1)
        await eventually(lambda: quota.available)
        await asyncio.sleep(3.2)
        access.take_back()
        assert access.held()
        assert not quota.closing
        flow.spend.count_in(quota.take(100))
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await eventually(lambda: access.used() == 100)
        assert access.overdrawn == 0


async def test_a_lease_that_was_taken_back_is_not_spent_any_further(tmp_path: Path) -> None:
    """Whatever the clock says here: the answer to the next report tells."""
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access) as here:
        flow = here.flow()
        quota = flow.quota
        quota.take(1)
        await eventually(lambda: quota.available)
        for lease in access.leases.values():
            lease.released = True
        flow.spend.count_in(quota.take(1_000))
        await eventually(lambda: quota.closing)
        assert quota.take(1) == 0
        answers: list[Refusal | None] = []
        quota.take_or_wait(1, answers.append)
        assert answers == [refusal.UNAVAILABLE]
        here.charging.end(flow, TerminateCause.NAS_ERROR)
        await eventually(lambda: access.used() == 1_000 and list(here.meter.used()) == [])


async def test_who_waits_for_a_lease_of_a_stopped_access_is_answered_so(
    tmp_path: Path, access: FakeAccess
) -> None:
    access.resources["res_alice"].active = False
    async with quota_setup(tmp_path, access) as here:
        answers: list[Refusal | None] = []
        here.flow().quota.take_or_wait(1, answers.append)
        await eventually(lambda: answers)
        assert answers == [refusal.INACTIVE]


@pytest.mark.parametrize("trouble", [Internal(), Forbidden()])
async def test_trouble_of_the_moment_is_not_taken_for_an_empty_holding(
    tmp_path: Path, access: FakeAccess, trouble: Problem
) -> None:
    access.troubles = [trouble] * 2
    async with quota_setup(tmp_path, access) as here:
        quota = here.flow().quota
        quota.take(1)
        await eventually(lambda: quota.available)
        assert not quota.exhausted
        assert access.troubles == []


@pytest.mark.parametrize("trouble", [NotFound("no such access"), Invalid("nonsense")])
async def test_a_lease_that_can_never_be_granted_is_asked_for_once(
    tmp_path: Path, access: FakeAccess, trouble: Problem
) -> None:
    access.troubles = [trouble] * 9
    async with quota_setup(tmp_path, access, exhausted_retry_s=60) as here:
        answers: list[Refusal | None] = []
        here.flow().quota.take_or_wait(1, answers.append)
        await eventually(lambda: answers)
        assert answers == [refusal.INACTIVE]
        await asyncio.sleep(0.3)
        assert len(access.troubles) == 8
