"""Settling: whatever flows do and whatever is lost, each byte is posted once, on a lease that covers it."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.clock import FakeMonotonic
from tests.kit.eventually import eventually as until
from tests.kit.fake_access import FakeAccess
from tests.kit.quotas import QuotaSetup, quota_setup
from tollway.edge import meter_file
from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.errors import Conflict, Forbidden, Internal, Invalid, NotFound, Problem

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "up", "down", "down", "unused", "end", "pause", "lose", "recall"]),
        st.integers(0, 7),
        st.integers(0, 5_000),
    ),
    min_size=1,
    max_size=60,
)


async def play(here: QuotaSetup, steps: list[Step]) -> int:
    """Let flows do what the steps say; return how many bytes they moved."""
    flows: list[Flow] = [here.flow()]
    quota = here.quota()
    moved = 0
    for action, which, size in steps:
        flow = flows[which % len(flows)] if flows else None
        if action == "begin" or flow is None:
            flows.append(here.flow())
        elif action == "pause":
            await asyncio.sleep(0.001)
        elif action == "recall":
            here.charging.recall("res_alice")
        elif action == "lose":
            # A few in a row: the pauses between repeats grow to seconds.
            here.access.lose_answers = min(3, here.access.lose_answers + 1)
        elif action == "end":
            flows.remove(flow)
            here.charging.end(flow, TerminateCause.USER_REQUEST)
        else:
            taken = quota.take(size)
            used = taken // 2 if action == "unused" else taken
            quota.return_unused(taken - used)
            (flow.spend.count_in if action == "up" else flow.spend.count_out)(used)
            moved += used
    for flow in flows:
        here.charging.end(flow, TerminateCause.USER_REQUEST)
    return moved


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_every_byte_is_posted_once_on_a_lease_that_covers_it(steps: list[Step]) -> None:
    async def story(folder: Path) -> None:
        access = FakeAccess(floor=700)
        access.add(holding=40_000)
        async with quota_setup(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.quota().take(0)
            moved = await play(here, steps)
            await until(lambda: access.usage and all(use.stops for use in access.usage.values()))
            await until(lambda: not access.held())
            assert access.used() == moved
            assert access.overdrawn == access.shortfall == 0
            assert access.resources["res_alice"].holding == 40_000 - moved
            await until(lambda: list(here.meter.used()) == [])

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
        async with quota_setup(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.quota().take(0)
            moved = await play(here, first)
            here.flow()  # one that is open when the end comes
            for _ in range(reports):
                await asyncio.sleep(0.001)
        access.lose_answers = 0
        async with quota_setup(folder, access, lease_min_bytes=2_000, stop_delay_s=0.0) as here:
            here.charging.recover(0)
            here.quota().take(0)
            moved += await play(here, second)
            access.lose_answers = 0
            await until(lambda: all(use.stops for use in access.usage.values()))
            await until(lambda: not access.held() and access.used() == moved)
            assert access.overdrawn == access.shortfall == 0
            await until(lambda: list(here.meter.used()) == [])

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))


async def test_an_active_flow_is_reported_at_intervals_with_growing_figures(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=0.05) as here:
        flow = here.flow()
        quota = here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        flow.spend.count_in(quota.take(10))
        await until(lambda: access.used() == 10)
        usage = access.usage[flow.session_id]
        assert (usage.stops, usage.sequence) == (0, 1)
        reports = access.reports
        await asyncio.sleep(0.2)
        assert access.reports == reports  # nothing new, nothing said
        flow.spend.count_out(quota.take(5))
        await until(lambda: access.used() == 15)
        assert usage.sequence == 2
        here.charging.end(flow, TerminateCause.IDLE_TIMEOUT)
        await until(lambda: usage.stops)
        assert usage.terminate_cause == "Idle-Timeout"


async def test_an_idle_lease_is_kept_alive(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=0.02, lease_keepalive_s=0.05) as here:
        here.flow()
        here.quota().take(0)
        await until(lambda: access.reports >= 3)
        assert access.used() == 0
        assert access.held() > 0


async def test_a_lease_without_a_flow_is_given_back_after_a_moment(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, lease_idle_s=0.1) as here:
        first = here.quota()
        flow = here.flow()
        first.take(0)
        await until(access.held)
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await asyncio.sleep(0.02)
        assert access.held()
        assert here.quota() is first
        await until(lambda: not access.held())
        assert here.quota() is not first


@pytest.mark.parametrize("state", [meter_file.SlotState.LEASE_ASKED, meter_file.SlotState.LEASE_HELD])
async def test_a_lease_that_was_asked_for_when_the_process_died_is_given_back(
    tmp_path: Path, state: meter_file.SlotState
) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access) as here:
        here.quota().take(0)
        await until(access.held)
        slot = next(iter(here.meter.used()))
        slot[meter_file.STATE] = state
    assert access.held()
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await until(lambda: not access.held())


async def test_flows_whose_lease_is_missing_are_settled_on_another(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=60) as here:
        flow = here.flow()
        quota = here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        flow.spend.count_in(quota.take(70))
        here.meter.free(quota.leases[0].slot)
    async with quota_setup(tmp_path, access) as here:
        assert here.charging.recover(0) == 1
        await until(lambda: access.used() == 70)
        await until(lambda: list(here.meter.used()) == [])
        assert access.overdrawn == access.shortfall == 0


async def test_damaged_slots_are_dropped_and_the_others_settled(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=60) as here:
        good, bad = here.flow(), here.flow()
        quota = here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        good.spend.count_in(quota.take(70))
        bad.spend.count_in(quota.take(7))
        bad.slot[meter_file.CHECKSUM] ^= 1
        nonsense = here.meter.claim()
        nonsense.write_identity("flw_x", "res_alice", "crd_alice", "http", "")
        nonsense[meter_file.STATE] = 77
    async with quota_setup(tmp_path, access) as here:
        assert here.charging.recover(0) == 1
        await until(lambda: access.used() == 70 and not access.held())
        assert list(here.meter.used()) == []
    kept = [json.loads(line) for line in (tmp_path / "edge-1.quarantine.jsonl").read_text().splitlines()]
    assert [(one["refused"], one["octets"]) for one in kept] == [("damaged", 7), ("damaged", 0)]
    assert bytes.fromhex(kept[0]["raw"])[8:16] == (7).to_bytes(8, "little")


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────


async def a_book_of_three_flows(folder: Path, access: FakeAccess) -> list[str]:
    """A node is killed while three flows have moved 1,000, 2,000 and 3,000 bytes; return their names."""
    async with quota_setup(folder, access, report_interval_s=60) as here:
        flows = [here.flow() for _ in range(3)]
        quota = here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        for number, flow in enumerate(flows, 1):
            flow.spend.count_in(quota.take(1_000 * number))
    return [flow.session_id for flow in flows]


def kept_aside(folder: Path) -> list[dict[str, object]]:
    path = folder / "edge-1.quarantine.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("left", [10**12, 0])
async def test_what_a_lease_owed_that_the_service_has_forgotten_is_settled_once(
    tmp_path: Path, left: int
) -> None:
    """The node was away for days; where the customer has nothing left, it is the house's shortfall."""
    access = FakeAccess()
    access.add()
    await a_book_of_three_flows(tmp_path, access)
    access.leases.clear()
    access.resources["res_alice"].holding = left
    async with quota_setup(tmp_path, access) as here:
        assert here.charging.recover(0) == 3
        await until(lambda: list(here.meter.used()) == [])
        assert access.used() == 6_000
        assert access.shortfall == (0 if left else 6_000)
        assert all(use.stops == 1 for use in access.usage.values())
    assert kept_aside(tmp_path) == []


@pytest.mark.parametrize(
    "refusal", [NotFound("gone"), Invalid("a counter is wrong"), Conflict("in another asset")]
)
async def test_a_record_that_is_refused_for_ever_is_put_aside_and_the_others_are_settled(
    tmp_path: Path, refusal: Problem
) -> None:
    access = FakeAccess()
    access.add()
    names = await a_book_of_three_flows(tmp_path, access)
    access.refusals[names[1]] = refusal
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await until(lambda: list(here.meter.used()) == [] and not access.held())
    assert {name: use.total for name, use in access.usage.items()} == {names[0]: 1_000, names[2]: 3_000}
    assert access.overdrawn == access.shortfall == 0
    (kept,) = kept_aside(tmp_path)
    assert (kept["session_id"], kept["input_octets"]) == (names[1], 2_000)
    assert (kept["resource_id"], kept["refused"]) == ("res_alice", refusal.code)
    assert (here.metrics.quarantined_flows, here.metrics.quarantined_bytes) == (1, 2_000)
    reports = access.reports
    async with quota_setup(tmp_path, access) as here:
        assert here.charging.recover(0) == 0
        await asyncio.sleep(0.05)
    assert access.reports == reports  # nothing of it is tried again


async def test_usage_of_a_resource_that_nobody_knows_is_put_aside(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    names = await a_book_of_three_flows(tmp_path, access)
    access.leases.clear()
    access.resources.clear()
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await until(lambda: list(here.meter.used()) == [])
    assert sorted(str(one["session_id"]) for one in kept_aside(tmp_path)) == sorted(names)


async def test_what_cannot_be_put_aside_stays_in_the_book(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    names = await a_book_of_three_flows(tmp_path, access)
    access.refusals[names[0]] = Invalid("wrong")
    (tmp_path / "edge-1.quarantine.jsonl").mkdir()  # nothing can be written there
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await until(lambda: not access.held())
        (left,) = here.meter.used()
        assert left[meter_file.INPUT] == 1_000
    assert access.used() == 5_000


class Cuttable(FlowOwner):
    """A connection of numbers: when it is cut its flow ends."""

    def __init__(self, here: QuotaSetup, flow: Flow) -> None:
        self.here, self.flow = here, flow
        flow.owner = self

    def terminate(self, cause: TerminateCause) -> None:
        self.here.charging.end(self.flow, cause)


async def test_a_live_flow_that_is_refused_for_ever_is_ended_and_no_other(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access) as here:
        bad, good = here.flow(), here.flow()
        for flow in (bad, good):
            Cuttable(here, flow)
        quota = here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        access.refusals[bad.session_id] = Invalid("wrong")
        bad.spend.count_in(quota.take(10))
        good.spend.count_in(quota.take(20))
        await until(lambda: access.used() == 20 and bad.ended)
        assert not good.ended
        assert (kept_aside(tmp_path)[0]["terminate_cause"], quota.closing) == ("NAS-Error", False)
        here.charging.end(good, TerminateCause.USER_REQUEST)
        await until(lambda: list(here.meter.used()) == [] and not access.held())
        assert access.overdrawn == 0


@pytest.mark.parametrize("refusal", [Internal(), Forbidden()])
async def test_what_may_pass_is_repeated_until_it_does(tmp_path: Path, refusal: Problem) -> None:
    access = FakeAccess()
    access.add()
    names = await a_book_of_three_flows(tmp_path, access)
    access.refusals[names[0]] = refusal
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await asyncio.sleep(0.3)
        access.refusals.clear()
        await until(lambda: list(here.meter.used()) == [] and not access.held())
    assert access.used() == 6_000
    assert kept_aside(tmp_path) == []


async def test_a_service_that_has_forgotten_the_node_is_told_of_it_again(tmp_path: Path) -> None:
    access = FakeAccess(unknown=True)
    access.add()
    async with quota_setup(tmp_path, access) as here:
        flow, quota = here.flow(), here.quota()
        quota.take(0)
        await until(lambda: quota.available)
        assert access.nodes == ["edge-1"]
        access.unknown = True
        flow.spend.count_in(quota.take(50))
        await until(lambda: access.used() == 50)
        assert access.nodes == ["edge-1"] * 2


# ── recalled leases ─────────────────────────────────────────────────────────────────────────────────


async def test_a_recalled_lease_keeps_what_flows_have_in_hand_and_gives_back_the_rest(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=60) as here:
        flow, idle = here.flow(), here.flow()
        quota = flow.quota
        quota.take(1)
        await until(lambda: quota.available)
        assert quota.take(1_000) == 1_000
        flow.spend.count_in(300)
        here.charging.recall("res_alice")
        await until(lambda: access.held() == 700)
        assert (quota.available, access.used()) == (0, 300)
        flow.spend.count_out(600)
        quota.return_unused(100)  # is given back without being recalled again
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await until(lambda: not access.held())
        assert access.used() == 900
        here.charging.end(idle, TerminateCause.USER_REQUEST)
        await until(lambda: all(one.stops for one in access.usage.values()) and len(access.usage) == 2)
        assert (access.overdrawn, access.shortfall) == (0, 0)


async def test_flows_of_a_recalled_lease_go_on_with_a_new_one(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access) as here:
        flow = here.flow()
        quota = flow.quota
        quota.take(1)
        await until(lambda: quota.available)
        here.charging.recall("res_alice")
        await until(lambda: not access.held())
        access.recalling = 3  # others have it now, and are asked to give it back
        again = asyncio.Event()
        assert quota.take(100) == 0
        quota.wait(again.set)
        await asyncio.wait_for(again.wait(), 20)
        assert not quota.exhausted
        assert quota.take(100) == 100
        flow.spend.count_in(100)
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await until(lambda: not access.held() and access.used() == 100)
        assert access.overdrawn == 0


async def test_a_recalled_quota_without_flows_is_given_back_at_once(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, lease_idle_s=60, stop_delay_s=0) as here:
        flow = here.flow()
        flow.quota.take(1)
        await until(lambda: flow.quota.available)
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await until(lambda: access.used() == 0 and all(one.stops for one in access.usage.values()))
        assert access.held()
        here.charging.recall("res_alice")
        await until(lambda: not access.held())


async def test_a_kill_after_a_recall_settles_on_what_was_kept(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, report_interval_s=60) as here:
        flow = here.flow()
        flow.quota.take(1)
        await until(lambda: flow.quota.available)
        flow.quota.take(1_000)
        flow.spend.count_in(400)
        access.lose_answers = 10**6  # whatever is acknowledged does not arrive
        here.charging.recall("res_alice")
        await until(lambda: access.used() == 400)
        flow.spend.count_out(600)
    access.lose_answers = 0
    async with quota_setup(tmp_path, access) as here:
        here.charging.recover(0)
        await until(lambda: not access.held() and access.used() == 1_000)
        assert (access.overdrawn, access.shortfall) == (0, 0)


async def test_nobody_is_refused_while_an_earlier_quota_gives_back_the_last_bytes(tmp_path: Path) -> None:
    """The last flow has ended and its lease, which holds everything, is on its way back when the next one comes."""
    access = FakeAccess()
    access.add(holding=10_000)
    # The clock moves only here: on a slow machine neither a login's patience nor the second quota's life ends.
    clock = FakeMonotonic()
    times = {"lease_idle_s": 0.05, "stop_delay_s": 0, "exhausted_retry_s": 60}
    async with quota_setup(tmp_path, access, monotonic=clock, **times) as here:
        flow = here.flow()
        first = flow.quota
        first.take(1)
        await until(lambda: first.available == 10_000)
        access.delay_s = 0.2
        here.charging.end(flow, TerminateCause.USER_REQUEST)
        await until(lambda: clock.advance(0.1) or first.closing)
        access.delay_s = 0
        second = here.quota()
        assert second is not first
        answers: list[object] = []
        second.take_or_wait(500, answers.append)
        await until(lambda: answers)
        assert answers == [None]
