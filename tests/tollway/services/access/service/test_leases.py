"""Charging, as nodes live through it: verdicts, leases, reports, deaths and returns."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from tests.kit.clock import FakeMonotonic
from tests.kit.metering import HTTP_ONLY, STANDARD, USER, AccessSetup, Hesitation, report
from tollway.contracts.errors import BadCredentials, NoAllowance, ResourceInactive, UnknownNode
from tollway.kit.errors import Invalid, NotFound, Unavailable
from tollway.kit.ids import new_id
from tollway.services.access import store
from tollway.services.access.credentials import Presented
from tollway.services.access.jobs import TIMED
from tollway.services.access.model import FlowRecord, Granted
from tollway.services.access.service import reports
from tollway.services.access.service.cleanup import Cleanup
from tollway.services.access.service.resources import ConnectRequest, ResourceRequest
from tollway.services.access.store.tables import flow as flow_table
from tollway.services.access.store.tables import lease as lease_table

MB = 1_000_000


async def flows(here: AccessSetup) -> dict[str, tuple[int, bool, str]]:
    async with here.db.snapshot() as tx:
        rows = await tx.all(select(flow_table))
    return {
        row.session_id: (row.input_octets + row.output_octets, row.stopped, row.terminate_cause)
        for row in rows
    }


async def send(
    here: AccessSetup, lease_id: str, *records: FlowRecord, release: bool = False, node: str = "edge-1"
):
    return await here.access.reports.report(node, lease_id, records, release=release)


@contextmanager
def statements(here: AccessSetup) -> Iterator[list[str]]:
    """Note every statement that reaches the database inside the block."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] not in {"BEGIN", "PRAGMA"}:
            seen.append(statement)

    engine: Any = here.db.engine
    both = [engine._readers.sync_engine, engine._writer.sync_engine]
    for one in both:
        event.listen(one, "before_cursor_execute", note)
    yield seen
    for one in both:
        event.remove(one, "before_cursor_execute", note)


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_good_credential_is_told_what_it_may_do(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    grant = await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "connect"
    )
    assert (grant.resource.id, grant.unit) == (issued.resource.id, "byte")
    assert grant.resource.limits.max_flows == here.settings.max_flows  # the customer set no limit
    assert (grant.resource.user_id, grant.resource.asset) == (USER, STANDARD)
    assert grant.cache_until_us == here.clock.now_us() + 10_000_000


async def test_a_wrong_secret_and_an_unknown_name_are_refused_alike(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    for username, secret in ((issued.credential.identifier, "wrong"), ("nobody", issued.secret), ("", "")):
        with pytest.raises(BadCredentials):
            await here.access.authentication.authenticate("password", Presented(username, secret), "http")


async def test_a_revoked_credential_is_a_bad_one(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    await here.access.credentials.revoke(USER, issued.resource.id, issued.credential.id)
    with pytest.raises(BadCredentials):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )


async def test_a_resting_access_refuses(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    await here.access.resources.deactivate(USER, issued.resource.id)
    with pytest.raises(ResourceInactive):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )


async def test_a_protocol_that_was_not_sold_is_refused(here: AccessSetup) -> None:
    issued = await here.customer(MB, asset=HTTP_ONLY)
    await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "http"
    )
    with pytest.raises(ResourceInactive, match="socks5"):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "socks5"
        )


async def test_who_never_bought_and_who_used_all_has_no_allowance(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    here.ledger.balances.clear()
    for balance in (None, 0):
        if balance is not None:
            here.ledger.give(USER, STANDARD, balance)
        with pytest.raises(NoAllowance):
            await here.access.authentication.authenticate(
                "password", Presented(issued.credential.identifier, issued.secret), "http"
            )


async def test_what_a_node_has_reserved_still_counts_as_held(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    assert (await here.lease(issued.resource.id, MB))[1] == 1000
    await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "http"
    )


async def test_a_verdict_costs_one_query_and_one_question(simple: AccessSetup) -> None:
    issued = await simple.customer(MB)
    simple.ledger.calls.clear()
    with statements(simple) as seen:
        await simple.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )
    assert [one.split()[0] for one in seen] == ["SELECT"]
    assert simple.ledger.calls == ["GetAccount"]


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lease_is_an_eighth_of_what_is_left_and_the_end_is_given_whole(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    assert (await here.lease(issued.resource.id, 64 * MB))[1] == MB
    assert (await here.lease(issued.resource.id, 300_000))[1] == 300_000
    while (await here.lease(issued.resource.id, 64 * MB))[1]:
        pass
    assert here.ledger.reserved((USER, STANDARD)) == 8 * MB


async def test_a_lease_is_never_larger_than_the_operator_allows(here: AccessSetup) -> None:
    issued = await here.customer(10**12)
    assert (await here.lease(issued.resource.id, 10**11))[1] == 256 * 1024**2


async def test_asking_again_gets_the_same_answer_and_reserves_once(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id = new_id("hld")
    answers = [
        await here.access.leases.lease("edge-1", issued.resource.id, lease_id, want)
        for want in (500_000, 500_000, 900_000)
    ]
    assert [one.units for one in answers] == [500_000] * 3
    assert {one.left for one in answers} == {8 * MB - 500_000}
    assert here.ledger.reserved((USER, STANDARD)) == 500_000


async def test_asking_many_times_at_once_reserves_once(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id = new_id("hld")
    asked = (here.access.leases.lease("edge-1", issued.resource.id, lease_id, 700_000) for _ in range(8))
    assert {one.units for one in await asyncio.gather(*asked)} == {700_000}
    assert here.ledger.reserved((USER, STANDARD)) == 700_000


@pytest.mark.parametrize("lost", [False, True])
async def test_a_lease_whose_answer_was_lost_is_asked_for_again(here: AccessSetup, lost: bool) -> None:
    issued = await here.customer(8 * MB)
    lease_id = new_id("hld")
    here.faults.add("ledger.Reserve", lost=lost)
    with pytest.raises(Unavailable):
        await here.access.leases.lease("edge-1", issued.resource.id, lease_id, 500_000)
    granted = await here.another().leases.lease("edge-1", issued.resource.id, lease_id, 500_000)
    assert granted.units == 500_000
    assert here.ledger.reserved((USER, STANDARD)) == 500_000


async def test_a_lease_that_is_given_back_while_it_is_asked_for_leaves_no_hold(here: AccessSetup) -> None:
    """The node died while asking, and its next process gives back what it finds in its book."""
    issued = await here.customer(8 * MB)
    lease_id, hesitation = new_id("hld"), Hesitation()
    here.ledger.hesitation = hesitation
    asking = asyncio.ensure_future(here.access.leases.lease("edge-1", issued.resource.id, lease_id, MB))
    await hesitation.reached.wait()
    await here.node(boot="boot-2")
    await send(here, lease_id, release=True)
    hesitation.over.set()
    assert (await asking).units == 0
    assert here.ledger.reserved((USER, STANDARD)) == 0


async def test_a_stopped_access_is_granted_nothing(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    await here.access.suspensions.stop(issued.resource.id, "abuse")
    assert (await here.lease(issued.resource.id, MB))[1] == 0
    assert "Reserve" not in here.ledger.calls


async def test_nonsense_is_refused(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    lease_id, _ = await here.lease(issued.resource.id, 1000)
    with pytest.raises(Invalid):
        await here.access.leases.lease("edge-1", issued.resource.id, new_id("hld"), 0)
    with pytest.raises(Invalid):
        await here.access.leases.lease("edge-1", issued.resource.id, "mine", 1)
    with pytest.raises(NotFound):
        await here.access.leases.lease("edge-1", "res_none", new_id("hld"), 1)
    with pytest.raises(UnknownNode):
        await here.access.leases.lease("edge-9", issued.resource.id, new_id("hld"), 1)
    await here.node("edge-2")
    with pytest.raises(Invalid, match="another node"):
        await here.access.leases.lease("edge-2", issued.resource.id, lease_id, 1000)
    with pytest.raises(Invalid):
        await here.access.nodes.open("", "boot", [])


async def test_two_nodes_racing_for_the_last_bytes_get_what_there_is_and_no_more(here: AccessSetup) -> None:
    issued = await here.customer(1_000_003)
    await here.node("edge-2")
    got = {"edge-1": 0, "edge-2": 0}

    async def spend(node: str) -> None:
        for number in itertools.count(1):
            lease_id, units = await here.lease(issued.resource.id, 256 * 1024, node)
            if not units:
                return
            got[node] += units
            last = report(issued.resource.id, f"flw_{node}", got[node], number)
            await send(here, lease_id, last, release=True, node=node)

    await asyncio.gather(spend("edge-1"), spend("edge-2"))
    assert sum(got.values()) == 1_000_003 == here.ledger.consumed
    assert here.ledger.balances[USER, STANDARD] == 0
    assert here.ledger.shortfall == 0
    assert min(got.values()) > 0


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flow_is_charged_for_what_it_moved_and_announced_when_it_ends(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, granted = await here.lease(issued.resource.id, MB)
    first = await send(here, lease_id, report(issued.resource.id, "flw_1", 400_000, 1))
    assert (first.remaining, first.shortfall) == (granted - 400_000, 0)
    stop = report(
        issued.resource.id,
        "flw_1",
        600_000,
        2,
        input_octets=50,
        stopped=True,
        terminate_cause="User-Request",
    )
    for _ in range(3):
        await send(here, lease_id, stop, release=True)
    assert here.ledger.consumed == 600_050
    assert here.ledger.reserved((USER, STANDARD)) == 0
    (published,) = await here.events("SESSION_ACCOUNTED")
    assert (published.user_id, published.input_octets, published.output_octets) == (USER, 50, 600_000)
    assert published.terminate_cause == "User-Request"


async def test_a_hundred_flows_are_one_question_and_a_handful_of_statements(simple: AccessSetup) -> None:
    issued = await simple.customer(8 * MB)
    lease_id, _ = await simple.lease(issued.resource.id, MB)
    records = [report(issued.resource.id, f"flw_{n}", 1000, 1) for n in range(100)]
    simple.ledger.calls.clear()
    with statements(simple) as seen:
        await send(simple, lease_id, *records)
    assert simple.ledger.calls == ["RecordUse"]
    # The lease, the known flows; the flows, the credentials; the totals of the day, of ever, of the quarter of an hour
    # and of the targets; the lease.
    words = ["SELECT"] * 2 + ["INSERT", "UPDATE"] + ["INSERT"] * 4 + ["UPDATE"]
    assert [one.split()[0] for one in seen] == words
    assert simple.ledger.consumed == 100_000


@pytest.mark.parametrize("lost", [False, True])
async def test_a_report_that_failed_is_sent_again_and_counts_once(here: AccessSetup, lost: bool) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    record = report(issued.resource.id, "flw_1", 700, 1, stopped=True, terminate_cause="User-Request")
    here.faults.add("ledger.RecordUse", lost=lost)
    with pytest.raises(Unavailable):
        await send(here, lease_id, record, release=True)
    assert await here.events("SESSION_ACCOUNTED") == []
    await here.another().reports.report("edge-1", lease_id, [record], release=True)
    assert here.ledger.consumed == 700
    assert await flows(here) == {"flw_1": (700, True, "User-Request")}
    assert len(await here.events("SESSION_ACCOUNTED")) == 1


async def test_a_crash_between_ledger_and_store_heals_by_the_next_report(
    here: AccessSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)

    async def dies(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as cut:
        cut.setattr(reports, "_keep", dies)
        with pytest.raises(RuntimeError):
            await send(here, lease_id, report(issued.resource.id, "flw_1", 700, 1))
    assert here.ledger.consumed == 700
    assert await flows(here) == {}
    await send(here, lease_id, report(issued.resource.id, "flw_1", 900, 2))
    assert here.ledger.consumed == 900
    assert await flows(here) == {"flw_1": (900, False, "")}
    assert (await here.access.usage.stats(USER)).all_time.output_octets == 900


async def test_two_replicas_handling_the_same_reports_at_once_count_them_once(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    services = [here.access, here.another()]
    sent = [
        service.reports.report(
            "edge-1",
            lease_id,
            [report(issued.resource.id, f"flw_{n}", 100 * step, step, stopped=step == 5) for n in range(4)],
            release=False,
        )
        for step in range(1, 6)
        for service in services
    ]
    await asyncio.gather(*sent)
    assert here.ledger.consumed == 4 * 500
    assert {octets for octets, _, _ in (await flows(here)).values()} == {500}
    assert (await here.access.usage.stats(USER)).all_time.output_octets == 4 * 500
    assert len(await here.events("SESSION_ACCOUNTED")) == 4


steps = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400)), min_size=1, max_size=6)


@given(steps, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_lost_repeated_and_reordered_reports_give_one_result(
    simple: AccessSetup, moved: list[tuple[int, int]], random: Random
) -> None:
    """Three flows move bytes; some reports are lost, all others come in any order and some twice, at last a stop."""
    user_id = new_id("usr")
    before = simple.ledger.consumed
    issued = await simple.customer(MB, user_id)
    lease_id, _ = await simple.lease(issued.resource.id, MB)
    totals, sequences, sent = [0, 0, 0], [0, 0, 0], list[FlowRecord]()
    names = [new_id("flw") for _ in range(3)]
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
    while arriving:
        batch, arriving = arriving[:2], arriving[2:]
        await send(simple, lease_id, *batch)
    await send(simple, lease_id, release=True)
    stored = await flows(simple)
    assert [stored[name][:2] for name in names] == [(total, True) for total in totals]
    assert simple.ledger.consumed - before == sum(totals)
    assert simple.ledger.balances[user_id, STANDARD] == MB - sum(totals)
    assert simple.ledger.reserved((user_id, STANDARD)) == 0
    assert (await simple.access.usage.stats(user_id)).all_time.output_octets == sum(totals)
    published = [one for one in await simple.events("SESSION_ACCOUNTED") if one.user_id == user_id]
    assert sorted(one.session_id for one in published) == sorted(names)


async def test_a_report_is_refused_for_anothers_lease_or_resource(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    lease_id, _ = await here.lease(issued.resource.id, 1000)
    await here.node("edge-2")
    with pytest.raises(NotFound):
        await send(here, lease_id, node="edge-2")
    with pytest.raises(NotFound):
        await send(here, "hld_none")
    with pytest.raises(UnknownNode):
        await send(here, "hld_none", node="edge-9")
    with pytest.raises(Invalid, match="access only"):
        await send(here, lease_id, report("res_other", "flw_1", 1, 1))


# ── nodes that vanish and come back ─────────────────────────────────────────────────────────────────


async def test_a_vanished_nodes_flows_are_closed_and_its_lease_returns(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    here.clock.advance(900)
    await here.access.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, False, "")
    here.clock.advance(131)
    for _ in range(2):
        await here.access.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, True, "Lost-Carrier")
    assert here.ledger.reserved((USER, STANDARD)) == 0
    assert here.ledger.balances[USER, STANDARD] == 8 * MB - 5000
    assert [one.terminate_cause for one in await here.events("SESSION_ACCOUNTED")] == ["Lost-Carrier"]
    assert here.ledger.calls.count("Release") == 1


async def test_a_node_that_was_given_up_and_returns_is_still_charged_in_full(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    here.clock.advance(2000)
    await here.access.cleanup.close_abandoned()
    await here.node(boot="boot-2")
    found = report(issued.resource.id, "flw_1", 7000, 2, stopped=True, terminate_cause="NAS-Reboot")
    await send(here, lease_id, found, release=True)
    assert (await flows(here))["flw_1"] == (7000, True, "NAS-Reboot")
    assert here.ledger.balances[USER, STANDARD] == 8 * MB - 7000
    assert len(await here.events("SESSION_ACCOUNTED")) == 1
    assert (await here.lease(issued.resource.id, 1000))[1] == 1000
    asked_again = await here.access.leases.lease("edge-1", issued.resource.id, lease_id, MB)
    assert asked_again.units == 0


async def test_a_restarted_node_reports_its_book_on_the_old_lease(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    await here.node(boot="boot-2")
    found = report(issued.resource.id, "flw_1", 6000, 2, stopped=True, terminate_cause="NAS-Reboot")
    await send(here, lease_id, found, release=True)
    here.clock.advance(121)
    await here.access.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (6000, True, "NAS-Reboot")
    assert here.ledger.balances[USER, STANDARD] == 8 * MB - 6000


async def test_a_restarted_node_that_lost_its_book_leaves_nothing_hanging(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    old, _ = await here.lease(issued.resource.id, MB)
    await send(here, old, report(issued.resource.id, "flw_1", 5000, 1))
    await here.node(boot="boot-2")
    new, _ = await here.lease(issued.resource.id, 1000)
    await send(here, new, report(issued.resource.id, "flw_2", 10, 1))
    here.clock.advance(121)
    await here.access.cleanup.close_abandoned()
    assert await flows(here) == {"flw_1": (5000, True, "NAS-Reboot"), "flw_2": (10, False, "")}
    assert here.ledger.reserved((USER, STANDARD)) == 990


async def test_opening_again_under_the_same_boot_changes_nothing(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    here.clock.advance(121)
    await here.node()
    await here.access.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, False, "")


async def test_a_node_that_announces_itself_again_and_again_does_not_prolong_the_grace(
    here: AccessSetup,
) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    for _ in range(2):
        await here.node(boot="boot-2")
        here.clock.advance(61)
    await here.access.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, True, "NAS-Reboot")


async def test_reports_keep_leases_alive_also_empty_ones(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    quiet, _ = await here.lease(issued.resource.id, MB)
    busy, granted = await here.lease(issued.resource.id, 1000)
    for _ in range(10):
        here.clock.advance(600)
        assert (await send(here, busy)).remaining == granted
        await here.access.cleanup.close_abandoned()
    async with here.db.snapshot() as tx:
        live = {row.id for row in await tx.all(select(lease_table).where(~lease_table.c.ended))}
    assert live == {quiet, busy}


async def test_a_lease_that_nobody_remembers_returns_although_its_node_lives(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    await here.lease(issued.resource.id, MB)
    here.clock.advance(1000)
    await here.node()
    here.clock.advance(250)
    await here.access.cleanup.close_abandoned()
    assert here.ledger.reserved((USER, STANDARD)) == 0


async def test_a_lease_that_was_never_answered_is_swept_without_a_hold(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    here.faults.add("ledger.Reserve")
    with pytest.raises(Unavailable):
        await here.lease(issued.resource.id, MB)
    here.clock.advance(2000)
    await here.access.cleanup.close_abandoned()
    async with here.db.snapshot() as tx:
        assert await tx.scalar(select(lease_table.c.ended)) is True


async def test_nobody_is_given_up_right_after_a_start_of_the_service(here: AccessSetup) -> None:
    """While the service was away it could not receive anybody."""
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    here.clock.advance(3600)
    restarted = here.another()
    await restarted.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, False, "")
    here.clock.advance(121)
    await restarted.cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (5000, True, "Lost-Carrier")


@pytest.mark.parametrize("left", [8 * MB, 0])
async def test_a_node_that_returns_after_its_lease_was_forgotten_is_still_charged_once(
    here: AccessSetup, left: int
) -> None:
    """What the customer has left pays; beyond that it is the platform's loss, and not silently."""
    issued = await here.customer(MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1))
    here.clock.advance(3 * 24 * 3600)
    await here.access.cleanup.close_abandoned()
    await here.access.cleanup.delete_ended()
    async with here.db.snapshot() as tx:
        assert await tx.all(select(lease_table)) == []
    here.ledger.balances[USER, STANDARD] = left
    await here.node(boot="boot-2")
    found = report(issued.resource.id, "flw_1", 7000, 2, stopped=True, terminate_cause="NAS-Reboot")
    settled = await send(here, lease_id, found)
    assert (settled.remaining, settled.shortfall) == (0, 0 if left else 2000)
    assert (await send(here, lease_id, found, release=True)).shortfall == 0
    assert here.ledger.balances[USER, STANDARD] == max(0, left - 2000)
    assert here.ledger.reserved((USER, STANDARD)) == 0
    assert (await flows(here))["flw_1"] == (7000, True, "NAS-Reboot")


async def test_use_without_any_lease_is_settled_and_leaves_no_hold(here: AccessSetup) -> None:
    """A damaged meter book may have lost the lease; an access that was stopped meanwhile is no excuse."""
    issued = await here.customer(MB)
    await here.access.resources.deactivate(USER, issued.resource.id)
    lost = report(issued.resource.id, "flw_1", 7000, 1, stopped=True)
    for _ in range(2):
        await send(here, "hld_never_asked_for", lost)
    assert here.ledger.balances[USER, STANDARD] == MB - 7000
    assert here.ledger.reserved((USER, STANDARD)) == 0
    here.ledger.balances[USER, STANDARD] = 0
    with pytest.raises(NotFound):  # nothing to book it on: the node keeps it for the operator
        await send(here, "hld_2", report(issued.resource.id, "flw_2", 1, 1))
    with pytest.raises(NotFound):
        await send(here, "hld_3", report("res_none", "flw_3", 1, 1))


async def test_use_on_a_lease_that_was_never_answered_is_settled(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    here.faults.add("ledger.Reserve")
    with pytest.raises(Unavailable):
        await here.access.leases.lease("edge-1", issued.resource.id, "hld_1", 1000)
    here.faults.add("ledger.RecordUse")
    with pytest.raises(Unavailable):
        await send(here, "hld_1", report(issued.resource.id, "flw_1", 10, 1))
    await send(here, "hld_1", report(issued.resource.id, "flw_1", 10, 1))
    assert here.ledger.balances[USER, STANDARD] == MB - 10
    assert here.ledger.reserved((USER, STANDARD)) == 0


@pytest.mark.parametrize("heard", ["lease", "repeat", "report"])
async def test_a_lease_lives_for_as_long_as_its_node_was_told(here: AccessSetup, heard: str) -> None:
    """Nodes count from the last answer to a lease or report of the access; the service must not count less."""
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    here.clock.advance(220)  # not long enough ago that the service would write a new term down
    if heard == "report":
        await send(here, lease_id, report(issued.resource.id, "flw_1", 1, 1))
    elif heard == "lease":
        await here.lease(issued.resource.id, 1000)
    else:
        await here.access.leases.lease("edge-1", issued.resource.id, lease_id, MB)
    here.clock.advance(899)
    await here.node()
    here.clock.advance(120)
    await here.access.cleanup.close_abandoned()
    async with here.db.snapshot() as tx:
        live = {row.id for row in await tx.all(select(lease_table).where(~lease_table.c.ended))}
    assert lease_id in live


async def test_a_lease_says_who_stopped_the_access(here: AccessSetup) -> None:
    issued = await here.customer(MB)

    async def stopped() -> str:
        granted = await here.access.leases.lease("edge-1", issued.resource.id, new_id("hld"), 1000)
        assert granted.units == 0
        return granted.stopped

    await here.access.resources.disconnect(USER)
    assert await stopped() == "resource_left"
    await here.access.suspensions.stop(issued.resource.id, "abuse")
    assert await stopped() == "resource_stopped"
    await here.access.suspensions.resume(issued.resource.id, "")
    async with here.db.transaction() as tx:
        await here.access.suspensions.customer_changed(tx, USER, stopped=True, reason="fraud")
    assert await stopped() == "user_suspended"
    async with here.db.transaction() as tx:
        await here.access.suspensions.customer_changed(tx, USER, stopped=False, reason="")
    here.ledger.balances[USER, STANDARD] = 0
    assert await stopped() == ""


async def test_ended_leases_are_forgotten_after_days(here: AccessSetup) -> None:
    issued = await here.customer(8 * MB)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await send(here, lease_id, release=True)
    kept, _ = await here.lease(issued.resource.id, MB)
    here.clock.advance(3 * 24 * 3600)
    await here.access.cleanup.delete_ended()
    async with here.db.snapshot() as tx:
        assert [row.id for row in await tx.all(select(lease_table))] == [kept]


async def test_connecting_is_charged_to_the_asset_that_was_chosen(here: AccessSetup) -> None:
    await here.node()
    issued, _ = await here.access.resources.connect(USER, ConnectRequest(asset=HTTP_ONLY))
    here.ledger.give(USER, HTTP_ONLY, 5000)
    lease_id, _ = await here.lease(issued.resource.id, 5000)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 5000, 1), release=True)
    assert here.ledger.balances == {(USER, HTTP_ONLY): 0}


# ── recalling leases ────────────────────────────────────────────────────────────────────────────────


async def second_node(here: AccessSetup) -> None:
    await here.access.nodes.open("edge-2", "boot-2", [])


async def recalls(here: AccessSetup) -> list[tuple[str, str]]:
    async with here.db.snapshot() as tx:
        rows = await store.changes.after(tx, 0, 100)
    return [(one.node, one.resource_id) for one in rows if one.kind == "lease_recalled"]


async def ask(here: AccessSetup, resource_id: str, node: str = "edge-2") -> Granted:
    return await here.access.leases.lease(node, resource_id, new_id("hld"), MB)


async def test_what_another_node_holds_is_recalled_before_anybody_is_refused(here: AccessSetup) -> None:
    issued = await here.customer(60_000)  # less than the floor: the first who asks gets all of it
    await second_node(here)
    resource_id = issued.resource.id
    lease_id, granted = await here.lease(resource_id, MB)
    assert granted == 60_000
    answer = await ask(here, resource_id)
    assert (answer.units, answer.recalling, answer.stopped) == (0, True, "")
    assert await recalls(here) == [("edge-1", resource_id)]
    # The node gives back all but 500 bytes that a flow has in its hands.
    record = report(resource_id, "flw_1", 1_500, 1)
    settled = await here.access.reports.report("edge-1", lease_id, [record], release=False, keep=500)
    assert settled.remaining == 500
    assert (await ask(here, resource_id)).units == 58_000
    # Nothing can be had of that one any more: now it is used up, and nobody is recalled again.
    answer = await here.access.leases.lease("edge-1", resource_id, new_id("hld"), MB)
    assert answer.recalling  # by edge-2's lease
    assert await recalls(here) == [("edge-1", resource_id), ("edge-2", resource_id)]


async def test_a_lease_that_was_recalled_has_nothing_more_to_give(here: AccessSetup) -> None:
    issued = await here.customer(60_000)
    await second_node(here)
    lease_id, _ = await here.lease(issued.resource.id, MB)
    await here.access.reports.report("edge-1", lease_id, [], release=False, keep=60_000)
    answer = await ask(here, issued.resource.id)
    assert (answer.units, answer.recalling) == (0, False)
    assert await recalls(here) == []
    # Its flows are still settled on it, and it is released in the end.
    record = report(issued.resource.id, "flw_1", 60_000, 1, stopped=True)
    await send(here, lease_id, record, release=True)
    assert here.ledger.reserved((USER, STANDARD)) == 0


async def test_another_access_of_the_same_holding_is_recalled_also_on_the_same_node(
    here: AccessSetup,
) -> None:
    issued = await here.customer(60_000)
    other = await here.access.resources.create(USER, ResourceRequest())
    await here.lease(issued.resource.id, MB)
    answer = await ask(here, other.id, "edge-1")
    assert answer.recalling
    assert await recalls(here) == [("edge-1", issued.resource.id)]


async def test_recalls_are_not_repeated_before_they_can_be_answered(here: AccessSetup) -> None:
    issued = await here.customer(60_000)
    await second_node(here)
    await here.lease(issued.resource.id, MB)
    for _ in range(5):
        assert (await ask(here, issued.resource.id)).recalling
    assert len(await recalls(here)) == 1
    here.clock.advance(0.6)
    assert (await ask(here, issued.resource.id)).recalling
    assert len(await recalls(here)) == 2


async def test_what_a_node_holds_that_is_lost_is_not_called_used_up_and_comes_back_when_its_leases_lapse(
    here: AccessSetup,
) -> None:
    issued = await here.customer(60_000)
    await here.lease(issued.resource.id, MB)
    here.clock.advance(46)
    await second_node(here)
    answer = await ask(here, issued.resource.id)
    assert (answer.units, answer.recalling) == (0, True)
    here.clock.advance(3600)
    await TIMED["close_abandoned"].run(here.access)
    assert (await ask(here, issued.resource.id)).units > 0


async def test_others_of_another_customer_or_asset_are_left_alone(here: AccessSetup) -> None:
    issued = await here.customer(0)
    await second_node(here)
    theirs = await here.customer(60_000, user_id="usr_2")
    await here.lease(theirs.resource.id, MB)
    mine = await here.customer(60_000, asset=HTTP_ONLY)
    await here.lease(mine.resource.id, MB)
    assert not (await ask(here, issued.resource.id)).recalling
    assert await recalls(here) == []


async def test_a_recall_reaches_the_node_that_it_names_and_no_other(here: AccessSetup) -> None:
    issued = await here.customer(60_000)
    await second_node(here)
    await here.lease(issued.resource.id, MB)
    head = await here.access.changes.head()
    async with (
        aclosing(here.access.changes.follow("edge-1", head)) as one,
        aclosing(here.access.changes.follow("edge-2", head)) as two,
    ):
        for heartbeats in (one, two):
            await anext(heartbeats)
        await ask(here, issued.resource.id)
        await here.access.resources.deactivate(USER, issued.resource.id)
        assert [(await anext(one)).kind for _ in range(2)] == ["lease_recalled", "resource_left"]
        assert (await anext(two)).kind == "resource_left"


async def test_the_last_bytes_are_granted_in_small_pieces_when_several_draw_on_them(
    here: AccessSetup,
) -> None:
    issued = await here.customer(130_000)
    await second_node(here)
    await here.lease(issued.resource.id, 65_536)
    # 64,464 bytes are left: alone they would be granted whole.
    assert (await ask(here, issued.resource.id)).units == 64_464 // 8


async def test_old_recalls_are_deleted_and_other_changes_stay(here: AccessSetup) -> None:
    issued = await here.customer(60_000)
    await second_node(here)
    await here.lease(issued.resource.id, MB)
    await ask(here, issued.resource.id)
    await here.access.resources.deactivate(USER, issued.resource.id)
    await here.access.cleanup.delete_ended()
    assert len(await recalls(here)) == 1
    here.clock.advance(901)
    await here.access.cleanup.delete_ended()
    async with here.db.snapshot() as tx:
        kinds = {one.kind for one in await store.changes.after(tx, 0, 100)}
    assert "lease_recalled" not in kinds
    assert "resource_left" in kinds


# ── the wall clock jumps ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_jump_of_the_wall_clock_closes_nothing(here: AccessSetup, hours: float) -> None:
    issued = await here.customer(MB)
    monotonic = FakeMonotonic()
    cleanup = Cleanup(here.db, here.clock, here.settings, here.access.cleanup._holdings, monotonic)

    def pass_s(seconds: float) -> None:
        here.clock.advance(seconds)
        monotonic.advance(seconds)

    lease_id, _ = await here.lease(issued.resource.id, 1000)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 100, 1))
    pass_s(200)
    here.clock.advance(hours * 3600)
    for _ in range(10):  # the node goes on reporting, as seldom as it may
        await cleanup.close_abandoned()
        pass_s(225)
        await send(here, lease_id)
    assert (await flows(here))["flw_1"] == (100, False, "")
    async with here.db.snapshot() as tx:
        (row,) = await tx.all(select(lease_table))
    assert not row.ended


async def test_who_is_silent_after_a_jump_is_closed_later(here: AccessSetup) -> None:
    issued = await here.customer(MB)
    monotonic = FakeMonotonic()
    holdings: Any = here.access.cleanup._holdings
    cleanup = Cleanup(here.db, here.clock, here.settings, holdings, monotonic)
    lease_id, _ = await here.lease(issued.resource.id, 1000)
    await send(here, lease_id, report(issued.resource.id, "flw_1", 100, 1))
    here.clock.advance(7200)
    await cleanup.close_abandoned()
    assert not (await flows(here))["flw_1"][1]
    for _ in range(2):
        here.clock.advance(901)
        monotonic.advance(901)
        await cleanup.close_abandoned()
    assert (await flows(here))["flw_1"] == (100, True, "Lost-Carrier")
    assert here.ledger.reserved((USER, STANDARD)) == 0
