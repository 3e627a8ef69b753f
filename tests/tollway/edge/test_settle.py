"""Settling: whatever flows do and whatever is lost, each byte is posted once, on a lease that covers it."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.allowances import Bench, bench
from tests.kit.edges import until
from tests.kit.fake_access import FakeAccess
from tollway.edge import meter
from tollway.edge.flow import Cause, Flow

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "up", "down", "down", "unused", "end", "pause", "lose"]),
        st.integers(0, 7),
        st.integers(0, 5_000),
    ),
    min_size=1,
    max_size=60,
)


async def play(here: Bench, steps: list[Step]) -> int:
    """Let flows do what the steps say; return how many bytes they moved."""
    flows: list[Flow] = [here.flow()]
    allowance = here.allowance()
    moved = 0
    for action, which, size in steps:
        flow = flows[which % len(flows)] if flows else None
        if action == "begin" or flow is None:
            flows.append(here.flow())
        elif action == "pause":
            await asyncio.sleep(0.001)
        elif action == "lose":
            # A few in a row: the pauses between repeats grow to seconds.
            here.access.lose_answers = min(3, here.access.lose_answers + 1)
        elif action == "end":
            flows.remove(flow)
            here.allowances.end(flow, Cause.USER_REQUEST)
        else:
            taken = allowance.take(size)
            used = taken // 2 if action == "unused" else taken
            allowance.give(taken - used)
            (flow.heard if action == "up" else flow.said)(used)
            moved += used
    for flow in flows:
        here.allowances.end(flow, Cause.USER_REQUEST)
    return moved


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_every_byte_is_posted_once_on_a_lease_that_covers_it(steps: list[Step]) -> None:
    async def story(folder: Path) -> None:
        access = FakeAccess(floor=700)
        access.add(holding=40_000)
        async with bench(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.allowance().take(0)
            moved = await play(here, steps)
            await until(lambda: access.usage and all(use.stops for use in access.usage.values()))
            await until(lambda: not access.held())
            assert access.used() == moved
            assert access.overdrawn == access.shortfall == 0
            assert access.resources["res_alice"].holding == 40_000 - moved
            assert list(here.book.used()) == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(0, 6), STEPS)
def test_a_process_that_is_killed_anywhere_is_settled_by_the_next(
    first: list[Step], reports: int, second: list[Step]
) -> None:
    """The first process is killed after some report was sent and perhaps heard; the second takes over its book."""

    async def story(folder: Path) -> None:
        access = FakeAccess(floor=700)
        access.add(holding=40_000)
        async with bench(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.allowance().take(0)
            moved = await play(here, first)
            here.flow()  # one that is open when the end comes
            for _ in range(reports):
                await asyncio.sleep(0.001)
        access.lose_answers = 0
        async with bench(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.allowances.recover(0)
            here.allowance().take(0)
            moved += await play(here, second)
            access.lose_answers = 0
            await until(lambda: all(use.stops for use in access.usage.values()))
            await until(lambda: not access.held() and access.used() == moved)
            assert access.overdrawn == access.shortfall == 0
            await until(lambda: list(here.book.used()) == [])

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))


async def test_an_active_flow_is_reported_at_intervals_with_growing_figures(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, report_interval_s=0.05) as here:
        flow = here.flow()
        allowance = here.allowance()
        allowance.take(0)
        await until(lambda: allowance.available)
        flow.heard(allowance.take(10))
        await until(lambda: access.used() == 10)
        usage = access.usage[flow.session_id]
        assert (usage.stops, usage.sequence) == (0, 1)
        reports = access.reports
        await asyncio.sleep(0.2)
        assert access.reports == reports  # nothing new, nothing said
        flow.said(allowance.take(5))
        await until(lambda: access.used() == 15)
        assert usage.sequence == 2
        here.allowances.end(flow, Cause.IDLE_TIMEOUT)
        await until(lambda: usage.stops)
        assert usage.terminate_cause == "Idle-Timeout"


async def test_an_idle_lease_is_kept_alive(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, report_interval_s=0.02, lease_touch_s=0.05) as here:
        here.flow()
        here.allowance().take(0)
        await until(lambda: access.reports >= 3)
        assert access.used() == 0
        assert access.held() > 0


async def test_a_lease_without_a_flow_is_given_back_after_a_moment(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, lease_linger_s=0.1) as here:
        first = here.allowance()
        flow = here.flow()
        first.take(0)
        await until(access.held)
        here.allowances.end(flow, Cause.USER_REQUEST)
        await asyncio.sleep(0.02)
        assert access.held()
        assert here.allowance() is first
        await until(lambda: not access.held())
        assert here.allowance() is not first


@pytest.mark.parametrize("state", [meter.State.LEASE_ASKED, meter.State.LEASE_HELD])
async def test_a_lease_that_was_asked_for_when_the_process_died_is_given_back(
    tmp_path: Path, state: meter.State
) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access) as here:
        here.allowance().take(0)
        await until(access.held)
        slot = next(iter(here.book.used()))
        slot[meter.STATE] = state
    assert access.held()
    async with bench(tmp_path, access) as here:
        here.allowances.recover(0)
        await until(lambda: not access.held())


async def test_flows_whose_lease_is_missing_are_settled_on_another(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, report_interval_s=60) as here:
        flow = here.flow()
        allowance = here.allowance()
        allowance.take(0)
        await until(lambda: allowance.available)
        flow.heard(allowance.take(70))
        here.book.free(allowance.leases[0].slot)
    async with bench(tmp_path, access) as here:
        assert here.allowances.recover(0) == 1
        await until(lambda: access.used() == 70)
        await until(lambda: list(here.book.used()) == [])
        assert access.overdrawn == access.shortfall == 0


async def test_damaged_slots_are_dropped_and_the_others_settled(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, report_interval_s=60) as here:
        good, bad = here.flow(), here.flow()
        allowance = here.allowance()
        allowance.take(0)
        await until(lambda: allowance.available)
        good.heard(allowance.take(70))
        bad.heard(allowance.take(7))
        bad.slot[meter.CHECKSUM] ^= 1
        nonsense = here.book.claim()
        nonsense.write_identity("flw_x", "res_alice", "crd_alice", "http", "")
        nonsense[meter.STATE] = 77
    async with bench(tmp_path, access) as here:
        assert here.allowances.recover(0) == 1
        await until(lambda: access.used() == 70 and not access.held())
        assert list(here.book.used()) == []
