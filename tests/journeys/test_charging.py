"""Charging with the real ledger: what customers hold, what nodes spend of it, and what the books say after all."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.charging import Charging, running_charging
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tests.kit.eventually import A_SECOND_S, eventually
from tests.kit.killing import Fate, Killed
from tests.kit.metering import ENDPOINTS, STANDARD, USER, report
from tests.kit.quotas import quota_setup
from tollway.contracts import events_pb2_grpc
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts.errors import NoAllowance
from tollway.contracts.events import UserStateChanged
from tollway.fabric.events import EventConsumer, bind
from tollway.fabric.events.pull import OutboxServer, PulledEvents
from tollway.fabric.events.sql import SqlInbox, SqlOutbox
from tollway.fabric.rpc import LocalChannel
from tollway.kit.errors import Invalid, Problem
from tollway.kit.ids import new_id
from tollway.services.access import subscribers
from tollway.services.access.credentials import Presented
from tollway.services.access.manifest import MANIFEST
from tollway.services.access.model import FlowRecord
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import Issued
from tollway.services.access.store.tables import lease as lease_table

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)

MB = 1_000_000


@pytest.fixture
async def platform(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Charging]:
    async with running_charging(kind, tmp_path, clock) as one:
        yield one


# ── spending ────────────────────────────────────────────────────────────────────────────────────────


async def spend_all(platform: Charging, resource_id: str, node: str, slice_bytes: int) -> int:
    """Lease and spend to the last byte, as a node does; return what was got."""
    got = 0
    for number in itertools.count(1):
        lease_id = new_id("hld")
        granted = await platform.access.leases.lease(node, resource_id, lease_id, slice_bytes)
        if not granted.units:
            return got
        got += granted.units
        record = report(resource_id, f"flw_{node}", got, number)
        await platform.access.reports.report(node, lease_id, [record], release=True)
    raise AssertionError


async def test_a_holding_is_spent_to_the_last_byte_and_then_the_api_is_closed(platform: Charging) -> None:
    issued = await platform.customer(3 * MB + 7)
    assert await spend_all(platform, issued.resource.id, "edge-1", 500_000) == 3 * MB + 7
    assert await platform.holding() == (0, 0)
    assert (await platform.account("platform", "access", "consumed")).balance == 3 * MB + 7
    assert await platform.used() == 3 * MB + 7
    with pytest.raises(NoAllowance):
        await platform.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )
    await platform.books_hold()


async def test_many_nodes_racing_for_the_last_bytes_never_overspend(platform: Charging) -> None:
    issued = await platform.customer(2 * MB + 1)
    nodes = [f"edge-{n}" for n in range(1, 5)]
    for node in nodes:
        await platform.access.nodes.open(node, f"boot of {node}", ENDPOINTS)
    got = await asyncio.gather(*(spend_all(platform, issued.resource.id, node, 100_000) for node in nodes))
    assert sum(got) == 2 * MB + 1 == await platform.used()
    assert min(got) > 0
    assert await platform.holding() == (0, 0)
    await platform.books_hold()


async def test_use_earns_what_it_had_cost(platform: Charging) -> None:
    issued = await platform.customer(8 * MB)
    lease_id = new_id("hld")
    await platform.access.leases.lease("edge-1", issued.resource.id, lease_id, MB)
    record = report(issued.resource.id, "flw_1", MB, 1, stopped=True)
    await platform.access.reports.report("edge-1", lease_id, [record], release=True)
    lots = await platform.ledger.ListLots(
        pb.ListLotsRequest(owner_kind="user", owner_id=USER, asset=STANDARD)
    )
    (lot,) = lots.lots
    assert (lot.remaining, lot.cost - lot.remaining_cost) == (7 * MB, 3000)


# ── what may go wrong ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["killed", "unheard"])
async def test_access_may_die_or_not_be_heard_at_any_point(
    kind: Kind, tmp_path: Path, clock: FakeClock, harm: str
) -> None:
    """The node repeats its calls in order until they are answered, as the edge does."""
    async with running_charging(kind, tmp_path, clock) as platform:
        points = Fate()
        await persist(
            platform, platform.life(points), await platform.customer(8 * MB, "usr_0"), ("flw_1", "flw_2")
        )
        assert len(points.passed) > 12
        for point in range(len(points.passed)):
            user_id = f"usr_{point + 1}"
            issued = await platform.customer(8 * MB, user_id)
            fate = Fate(survives=point) if harm == "killed" else Fate(unheard=point)
            names = (f"flw_{point}_1", f"flw_{point}_2")
            await persist(platform, platform.life(fate), issued, names)
            assert await platform.holding(user_id) == (8 * MB - 3050, 0), points.passed[point]
            assert await platform.used(user_id) == 3050, points.passed[point]
            assert await published(platform, user_id) == list(names), points.passed[point]
        await platform.books_hold()


async def persist(platform: Charging, service: Access, issued: Issued, names: tuple[str, str]) -> None:
    """Play a node's story: lease, report, stop, give back. When access dies or is not heard, ask a living one."""
    one, two = names
    resource_id, lease_id = issued.resource.id, new_id("hld")
    ends = [report(resource_id, one, 3000, 3, stopped=True), report(resource_id, two, 50, 2, stopped=True)]
    batches: list[tuple[list[FlowRecord], bool, int | None]] = [
        ([report(resource_id, one, 1000, 1), report(resource_id, two, 50, 1)], False, None),
        ([report(resource_id, one, 2500, 2)], False, None),
        ([], False, 500),  # it is recalled, and keeps what is in hand
        (ends, True, None),
    ]
    while True:
        try:
            assert (await service.leases.lease("edge-1", resource_id, lease_id, 500_000)).units == 500_000
            break
        except (Killed, Problem):
            service = platform.access
    for records, release, keep in batches:
        while True:
            try:
                await service.reports.report("edge-1", lease_id, records, release=release, keep=keep)
                break
            except (Killed, Problem):
                service = platform.access


async def published(platform: Charging, user_id: str) -> list[str]:
    log = await SqlOutbox(platform.access_db).read(0, 500, 0)
    parsed = [event for event in log if event.type == "SESSION_ACCOUNTED"]
    return sorted(event.subject for event in parsed if f'"{user_id}"' in event.data_json)


@pytest.fixture
async def charging(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Charging]:
    async with running_charging("sqlite", tmp_path, clock) as one:
        yield one


moves = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4000)), min_size=1, max_size=8)


@given(moves, st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_lost_repeated_and_reordered_reports_give_one_result(
    charging: Charging, moved: list[tuple[int, int]], random: Random
) -> None:
    platform, user_id = charging, new_id("usr")
    issued = await platform.customer(MB, user_id)
    lease_id = new_id("hld")
    await platform.access.leases.lease("edge-1", issued.resource.id, lease_id, 100_000)
    names = [new_id("flw") for _ in range(3)]
    totals, sequences, sent = [0, 0, 0], [0, 0, 0], list[FlowRecord]()
    for flow, octets in moved:
        totals[flow] += octets
        sequences[flow] += 1
        sent.append(report(issued.resource.id, names[flow], totals[flow], sequences[flow]))
    stops = [
        report(issued.resource.id, names[n], totals[n], sequences[n] + 1, stopped=True) for n in range(3)
    ]
    arriving = [one for one in sent if random.random() < 0.7] + stops
    arriving += [one for one in arriving if random.random() < 0.4]
    random.shuffle(arriving)
    await asyncio.gather(
        *(platform.access.reports.report("edge-1", lease_id, [one], release=False) for one in arriving)
    )
    await platform.access.reports.report("edge-1", lease_id, [], release=True)
    assert await platform.holding(user_id) == (MB - sum(totals), 0)
    assert await platform.used(user_id) == sum(totals)
    assert await published(platform, user_id) == sorted(names)


async def test_a_vanished_node_gives_everything_back_and_a_late_return_is_charged(
    platform: Charging, clock: FakeClock
) -> None:
    issued = await platform.customer(8 * MB)
    lease_id = new_id("hld")
    await platform.access.leases.lease("edge-1", issued.resource.id, lease_id, MB)
    await platform.access.reports.report(
        "edge-1", lease_id, [report(issued.resource.id, "flw_1", 5000, 1)], release=False
    )
    clock.advance(1100)
    await platform.access.cleanup.close_abandoned()
    assert await platform.holding() == (8 * MB - 5000, 0)
    await platform.access.nodes.open("edge-1", "boot-2", ENDPOINTS)
    found = report(issued.resource.id, "flw_1", 6000, 2, stopped=True, terminate_cause="NAS-Reboot")
    await platform.access.reports.report("edge-1", lease_id, [found], release=True)
    assert await platform.holding() == (8 * MB - 6000, 0)
    assert await platform.used() == 6000
    await platform.books_hold()


@pytest.mark.parametrize("spent_meanwhile", [False, True])
async def test_a_node_that_was_away_for_days_is_settled_to_the_byte_and_once(
    platform: Charging, clock: FakeClock, tmp_path: Path, spent_meanwhile: bool
) -> None:
    """Its leases are long forgotten. Where the customer has nothing left, the platform bears it and says so."""
    issued = await platform.customer(8 * MB)
    async with quota_setup(tmp_path, platform, report_interval_s=60) as here:
        flow, quota = here.flow(issued.resource.id), here.quota(issued.resource.id)
        quota.take(0)
        await eventually(lambda: quota.available)
        flow.spend.count_out(flow.spend.take(70_000))
    # The edge was killed; its machine comes back after three days.
    clock.advance(3 * 24 * 3600)
    await platform.access.cleanup.close_abandoned()
    await platform.access.cleanup.delete_ended()
    assert await platform.holding() == (8 * MB, 0)
    if spent_meanwhile:
        await platform.access.nodes.open("edge-2", "boot-9", ENDPOINTS)
        assert await spend_all(platform, issued.resource.id, "edge-2", 64 * MB) == 8 * MB
        await platform.access.resources.disconnect(USER)
    for found in (1, 0):
        await platform.access.nodes.open("edge-1", f"boot after {found}", ENDPOINTS)
        async with quota_setup(tmp_path, platform) as here:
            assert here.charging.recover(0) == found
            await eventually(lambda here=here: list(here.meter.used()) == [])
    used = 70_000 + (8 * MB if spent_meanwhile else 0)
    assert await platform.used() == used
    assert await platform.holding() == (max(0, 8 * MB - used), 0)
    assert (await platform.account("platform", "access", "consumed")).balance == used
    if spent_meanwhile:
        assert (await platform.account("platform", "ledger", "shortfall")).balance == -70_000
    assert not list(tmp_path.glob("*.jsonl"))
    await platform.books_hold()


async def test_another_customers_hold_is_not_charged_for_a_lease_that_nobody_knows(
    platform: Charging,
) -> None:
    issued = await platform.customer(MB)
    other = await platform.customer(MB, "usr_2")
    theirs = new_id("hld")
    await platform.access.leases.lease("edge-1", other.resource.id, theirs, 1000)
    async with platform.access_db.transaction() as tx:
        await tx.run(lease_table.delete())
    with pytest.raises(Invalid):
        await platform.access.reports.report(
            "edge-1", theirs, [report(issued.resource.id, "flw_1", 10, 1)], release=True
        )
    assert (await platform.holding(), await platform.holding("usr_2")) == ((MB, 0), (MB, 1000))
    await platform.books_hold()


async def test_a_suspension_by_identity_reaches_the_nodes_within_a_second(
    platform: Charging, kind: Kind, tmp_path: Path
) -> None:
    await platform.customer(MB)
    async with database(kind, tmp_path, platform.clock, None, "identity") as identity_db:
        outboxes = OutboxServer()
        outboxes.add("identity", SqlOutbox(identity_db))
        events_pb2_grpc.add_EventsServicer_to_server(outboxes, platform.server)
        events: Any = events_pb2_grpc.EventsStub(LocalChannel(platform.server, "access"))
        sources = {"identity": PulledEvents("identity", events)}
        listener = EventConsumer(platform.access, SqlInbox(platform.access_db), SUBSCRIBERS, sources)
        await listener.start()
        async with aclosing(platform.access.changes.follow("edge-1", 0)) as following:
            assert (await anext(following)).sequence == 0
            waiting = asyncio.ensure_future(anext(following))
            await asyncio.sleep(0.05)
            began = monotonic()
            async with identity_db.transaction() as tx:
                tx.publish(UserStateChanged(user_id=USER, state="suspended", reason="fraud"))
            async with asyncio.timeout(20):
                change = await waiting
            assert monotonic() - began < A_SECOND_S
        await listener.stop()
    assert (change.kind, change.user_id) == ("user_suspended", USER)
