"""Whether a customer can use the network now, and if not, why."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tollway.services.access.model import Resource, ResourceState

StandingState = Literal["working", "stopped", "suspended", "unknown"]
StandingReason = Literal[
    "account_suspended",
    "access_suspended",
    "no_data",
    "no_access",
    "disconnected",
    "access_used_up",
    "no_node",
    "balance_unknown",
]


class AccessStanding(NamedTuple):
    """`stopped` can be mended by the customer or by waiting, `suspended` by the operator alone."""

    state: StandingState
    reason: StandingReason | None = None


def judge(
    resources: Sequence[Resource], left: Mapping[str, int] | None, *, suspended: bool, node_up: bool
) -> AccessStanding:
    """Say how a customer stands with these accesses, and so much left by asset (None: not known now).

    Of several reasons the one is given that must be mended first.
    """
    active = [one for one in resources if one.state is ResourceState.ACTIVE]
    if suspended:
        return AccessStanding("suspended", "account_suspended")
    if left is not None and not any(left.values()):
        return AccessStanding("stopped", "no_data")
    if not active:
        return _without_access(resources)
    if not node_up:
        return AccessStanding("stopped", "no_node")
    if left is None:
        return AccessStanding("unknown", "balance_unknown")
    if not any(left.get(one.asset) for one in active):
        return AccessStanding("stopped", "access_used_up")
    return AccessStanding("working")


def _without_access(resources: Sequence[Resource]) -> AccessStanding:
    if not resources:
        return AccessStanding("stopped", "no_access")
    if all(one.state is ResourceState.SUSPENDED for one in resources):
        return AccessStanding("suspended", "access_suspended")
    return AccessStanding("stopped", "disconnected")
