"""Whether a customer can connect, and the one reason that must be mended first."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tollway.services.access.model import Resource, ResourceLimits, ResourceState
from tollway.services.access.model.flow_policy import FlowPolicy
from tollway.services.access.model.standing import AccessStanding, judge

ONE = Resource(
    id="res_1",
    user_id="usr_1",
    kind="proxy",
    asset="a",
    protocols=("http",),
    location="direct",
    tier="standard",
    state=ResourceState.ACTIVE,
    label="",
    limits=ResourceLimits(),
    policy=FlowPolicy(),
    created_at_us=1,
    updated_at_us=1,
)
STOPPED = replace(ONE, id="res_2", state=ResourceState.INACTIVE)
SUSPENDED = replace(ONE, id="res_3", state=ResourceState.SUSPENDED)
LEFT = {"a": 1}


@pytest.mark.parametrize(
    ("resources", "left", "standing"),
    [
        ([ONE], LEFT, AccessStanding("working")),
        ([ONE, SUSPENDED], LEFT, AccessStanding("working")),
        ([], LEFT, AccessStanding("stopped", "no_access")),
        ([], {}, AccessStanding("stopped", "no_data")),
        ([ONE], {"a": 0}, AccessStanding("stopped", "no_data")),
        ([ONE], {"a": 0, "b": 5}, AccessStanding("stopped", "access_used_up")),
        ([ONE], {"b": 5}, AccessStanding("stopped", "access_used_up")),
        ([STOPPED], LEFT, AccessStanding("stopped", "disconnected")),
        ([STOPPED, SUSPENDED], LEFT, AccessStanding("stopped", "disconnected")),
        ([SUSPENDED], LEFT, AccessStanding("suspended", "access_suspended")),
        ([ONE], None, AccessStanding("unknown", "balance_unknown")),
        ([STOPPED], None, AccessStanding("stopped", "disconnected")),
        ([], None, AccessStanding("stopped", "no_access")),
    ],
)
def test_the_reason_is_what_must_be_mended_first(
    resources: list[Resource], left: Mapping[str, int] | None, standing: AccessStanding
) -> None:
    assert judge(resources, left, suspended=False, node_up=True) == standing


def test_a_suspended_account_comes_before_everything_else() -> None:
    for resources in ([], [ONE], [SUSPENDED]):
        for left in (None, {}, LEFT):
            found = judge(resources, left, suspended=True, node_up=False)
            assert found == ("suspended", "account_suspended")


def test_without_a_node_nobody_can_connect() -> None:
    assert judge([ONE], LEFT, suspended=False, node_up=False) == ("stopped", "no_node")
    assert judge([ONE], None, suspended=False, node_up=False) == ("stopped", "no_node")
    assert judge([ONE], {}, suspended=False, node_up=False) == ("stopped", "no_data")
