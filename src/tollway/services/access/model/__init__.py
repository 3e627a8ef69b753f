"""The pure rules: states of a resource, and what all reports of a flow say together."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from tollway.contracts.errors import ResourceInactive
from tollway.contracts.terminate_causes import EndedBy
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.money import MAX_UNITS
from tollway.services.access.model.flow_policy import FlowPolicy

# ── resources ───────────────────────────────────────────────────────────────────────────────────────


class ResourceState(StrEnum):
    """What a resource may do. `suspended` is the operator's doing, `inactive` the customer's own."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """What all flows of a resource on one node may do together; 0 = no limit of its own, as the operator allows.

    Each node, and so each worker of a machine, counts for itself: over two of them twice as much is possible.
    What a customer holds is the only limit that all nodes share.
    """

    max_flows: int = 0
    rate_limit_bytes_s: int = 0


@dataclass(frozen=True, slots=True)
class Resource:
    """A customer's right to use the network, and the asset that pays for it."""

    id: str
    user_id: str
    kind: str
    asset: str
    protocols: tuple[str, ...]
    location: str
    tier: str
    state: ResourceState
    label: str
    limits: ResourceLimits
    policy: FlowPolicy
    created_at_us: int
    updated_at_us: int

    def transition(self, state: ResourceState, *, by_operator: bool = False) -> "Resource":
        """Return the resource in another state.

        Raises NotFound when it was deleted, Conflict when only the operator may lift a suspension.
        """
        if self.state is ResourceState.DELETED:
            raise NotFound(f"there is no access {self.id}")
        if self.state is ResourceState.SUSPENDED and state is not ResourceState.DELETED and not by_operator:
            raise Conflict("the operator has suspended this access; contact the operator")
        return replace(self, state=state)

    def check_active(self, *, user_stopped: bool) -> None:
        """Let flows go on. Raises ResourceInactive."""
        if user_stopped:
            raise ResourceInactive("the account is suspended; contact the operator")
        if self.state is not ResourceState.ACTIVE:
            raise ResourceInactive(f"this access is {self.state}; activate it or connect again")

    def admit(self, protocol: str, sold_as: str, *, user_stopped: bool) -> None:
        """Let a flow begin; `sold_as` is the catalogue's name of its protocol. Raises ResourceInactive."""
        self.check_active(user_stopped=user_stopped)
        if sold_as not in self.protocols:
            raise ResourceInactive(f"{protocol} is not part of this access")


@dataclass(frozen=True, slots=True)
class CustomerSession:
    """The session that a customer acts in, and when it was signed in to."""

    session_id: str = ""
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential of a resource, as its kind made it. `by_connect`: made by POST /api/proxy/connect.

    `identifier` is what a client's credential is found by; of a secret only the digest is kept.
    `expires_at_us`: when it ends by itself. `last_used_at_us`: when a node last reported use of it, to the minute. 0 in
    either is never.
    """

    id: str
    resource_id: str
    kind: str
    identifier: str
    secret_sha256: str
    public_key: str
    label: str
    by_connect: bool
    created_at_us: int
    expires_at_us: int = 0
    last_used_at_us: int = 0


# ── flows ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """What is known of one flow: an accounting session of RFC 2866, its counters cumulative.

    Octets are of payload and proxy-visible headers. Input is from the customer, output to the customer.
    """

    session_id: str
    resource_id: str
    credential_id: str
    protocol: str
    client_address: str
    target: str
    input_octets: int
    output_octets: int
    session_time_us: int
    started_at_us: int
    requests: int
    sequence: int
    stopped: bool
    terminate_cause: EndedBy

    def __post_init__(self) -> None:
        counters = (self.input_octets, self.output_octets, self.session_time_us, self.requests)
        if min(counters) < 0 or self.octets > MAX_UNITS or min(self.sequence, self.started_at_us) < 1:
            raise Invalid(f"a counter of {self.session_id} is out of range")
        if not self.session_id or not self.resource_id:
            raise Invalid("a record must name its session and its resource")

    @property
    def octets(self) -> int:
        """What is charged: both directions."""
        return self.input_octets + self.output_octets

    @property
    def host(self) -> str:
        """The target without its port; empty before there is one."""
        host, _, port = self.target.rpartition(":")
        return (host if port.isdecimal() else self.target).strip("[]").lower()


def merge(one: FlowRecord, other: FlowRecord) -> FlowRecord:
    """Return what two reports of a flow say together.

    Counters are the larger ones; the words are those of the later report, where a stop is later than
    anything else. So any number of reports in any order, with any repeats, gives one result.
    """
    if (one.session_id, one.resource_id) != (other.session_id, other.resource_id):
        raise Invalid(f"{one.session_id} was reported for two resources")
    later = max(one, other, key=_order)
    return replace(
        later,
        input_octets=max(one.input_octets, other.input_octets),
        output_octets=max(one.output_octets, other.output_octets),
        session_time_us=max(one.session_time_us, other.session_time_us),
        started_at_us=min(one.started_at_us, other.started_at_us),
        requests=max(one.requests, other.requests),
    )


def merge_all(reports: Iterable[FlowRecord]) -> dict[str, FlowRecord]:
    """Return one flow for each session id."""
    merged: dict[str, FlowRecord] = {}
    for report in reports:
        known = merged.get(report.session_id)
        merged[report.session_id] = report if known is None else merge(known, report)
    return merged


def _order(flow: FlowRecord) -> tuple[bool, int, str, str, str, str, str]:
    # The words after the sequence only break ties between reports that an honest node never sends.
    return (
        flow.stopped,
        flow.sequence,
        flow.terminate_cause,
        flow.target,
        flow.protocol,
        flow.client_address,
        flow.credential_id,
    )


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ResourceLease:
    """A slice of a customer's holding for one (node, resource): a hold in the ledger under the same id.

    Until the ledger has `answered`, nothing is granted. `boot_id` is the boot of the node that asked for it;
    `left` is what was available beside it when it was granted, `remaining` what it still holds.
    """

    id: str
    node: str
    boot_id: str
    resource_id: str
    wanted: int
    answered: bool
    ended: bool
    granted: int
    left: int
    remaining: int
    expires_at_us: int


# ── what nodes are answered ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential may do: the resource, its unit, and until when a node may remember this."""

    credential_id: str
    resource: Resource
    unit: str
    cache_until_us: int


@dataclass(frozen=True, slots=True)
class Granted:
    """A lease's answer: how much, what is left beside it, and how long it is good for without a report.

    `stopped` is why nothing is granted although something may be left: the kind of change that says so.
    `recalling`: nothing is granted yet, for what is left is in leases that were recalled just now.
    """

    units: int
    left: int
    valid_us: int
    stopped: str = ""
    recalling: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A report's answer: what the lease still holds, and use that nothing could pay for."""

    remaining: int
    shortfall: int
