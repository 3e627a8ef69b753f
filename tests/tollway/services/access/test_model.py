"""The pure rules of access."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.metering import report
from tollway.contracts.errors import ResourceInactive
from tollway.contracts.terminate_causes import ended_by
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.access.model import (
    FlowRecord,
    Resource,
    ResourceLimits,
    ResourceState,
    merge,
    merge_all,
)
from tollway.services.access.model.flow_policy import FlowPolicy

RESOURCE = Resource(
    "res_1",
    "usr_1",
    "proxy",
    "bandwidth",
    ("http", "https"),
    "direct",
    "",
    ResourceState.ACTIVE,
    "",
    ResourceLimits(),
    FlowPolicy(),
    1,
    1,
)
CAUSES = ["", "User-Request", "Lost-Carrier", "Quota"]

reports = st.builds(
    lambda sequence, into, out, stopped, cause: report(
        "res_1", "flw_1", out, sequence, input_octets=into, stopped=stopped, terminate_cause=cause
    ),
    sequence=st.integers(1, 5),
    into=st.integers(0, 1000),
    out=st.integers(0, 1000),
    stopped=st.booleans(),
    cause=st.sampled_from(CAUSES),
)


@given(st.lists(reports, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_any_repeats_of_reports_say_the_same(
    given_reports: list[FlowRecord], random: Random
) -> None:
    shuffled = given_reports + given_reports[::2]
    random.shuffle(shuffled)
    assert merge_all(shuffled) == merge_all(given_reports)


@given(reports, reports, reports)
def test_it_does_not_matter_which_reports_meet_first(
    one: FlowRecord, two: FlowRecord, three: FlowRecord
) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(reports, reports)
def test_counters_never_go_down_and_a_stop_stays(one: FlowRecord, two: FlowRecord) -> None:
    both = merge(one, two)
    assert both.octets >= max(one.octets, two.octets)
    assert both.stopped == (one.stopped or two.stopped)


def test_a_late_interim_report_does_not_reopen_a_stopped_flow() -> None:
    stop = report("res_1", "flw_1", 900, 5, stopped=True, terminate_cause="User-Request")
    late = report("res_1", "flw_1", 700, 4)
    assert merge(stop, late) == stop


def test_the_nodes_own_stop_replaces_the_cause_that_was_presumed() -> None:
    presumed = report("res_1", "flw_1", 500, 3, stopped=True, terminate_cause="Lost-Carrier")
    real = report("res_1", "flw_1", 800, 4, stopped=True, terminate_cause="NAS-Reboot")
    both = merge(presumed, real)
    assert (both.terminate_cause, both.octets) == ("NAS-Reboot", 800)


def test_a_flow_belongs_to_one_resource() -> None:
    with pytest.raises(Invalid, match="two resources"):
        merge(report("res_1", "flw_1", 1, 1), report("res_2", "flw_1", 1, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_octets": -1},
        {"output_octets": 2**63},
        {"started_at_us": 0},
        {"sequence": 0},
        {"session_id": ""},
        {"resource_id": ""},
    ],
)
def test_a_record_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        replace(report("res_1", "flw_1", 1, 1), **wrong)


def test_what_a_customer_rests_a_customer_wakes() -> None:
    resting = RESOURCE.transition(ResourceState.INACTIVE)
    assert resting.transition(ResourceState.ACTIVE) == RESOURCE


def test_only_the_operator_lifts_a_suspension() -> None:
    stopped = RESOURCE.transition(ResourceState.SUSPENDED, by_operator=True)
    with pytest.raises(Conflict, match="operator"):
        stopped.transition(ResourceState.ACTIVE)
    with pytest.raises(Conflict, match="operator"):
        stopped.transition(ResourceState.INACTIVE)
    assert stopped.transition(ResourceState.ACTIVE, by_operator=True) == RESOURCE
    assert stopped.transition(ResourceState.DELETED).state is ResourceState.DELETED


def test_what_is_deleted_stays_deleted() -> None:
    with pytest.raises(NotFound):
        RESOURCE.transition(ResourceState.DELETED).transition(ResourceState.ACTIVE, by_operator=True)


def test_a_flow_is_admitted_by_state_customer_and_protocol() -> None:
    RESOURCE.admit("http", "http", user_stopped=False)
    RESOURCE.admit("connect", "https", user_stopped=False)
    with pytest.raises(ResourceInactive, match="socks5"):
        RESOURCE.admit("socks5", "socks5", user_stopped=False)
    with pytest.raises(ResourceInactive, match="suspended"):
        RESOURCE.admit("http", "http", user_stopped=True)
    with pytest.raises(ResourceInactive, match="inactive"):
        RESOURCE.transition(ResourceState.INACTIVE).admit("http", "http", user_stopped=False)


def test_a_cause_that_only_a_newer_node_knows_is_an_error_of_the_node() -> None:
    assert [ended_by(said) for said in ("Quota", "", "Port-Preempted")] == ["Quota", "", "NAS-Error"]
