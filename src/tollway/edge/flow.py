"""Flow: one customer's connection as the business sees it. All protocols share this noun.

A flow begins when a login is accepted and ends when its client is gone; an HTTP connection that carries
requests to many origins is one flow, as is a tunnel. Its bytes live in the meter file from the first one.
"""

import socket
from collections.abc import Callable

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter_file
from tollway.edge.exits import Exit
from tollway.edge.policy.customer_rules import CustomerRules, customer_rules
from tollway.edge.quota import Quota
from tollway.edge.reactor import Reactor
from tollway.edge.spend import Spend
from tollway.edge.tcp_send_queue import is_broken, unsent_bytes
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.ids import new_id


class FlowOwner:
    """What holds a live flow's sockets. `terminate` ends it now; it must call `gate.close` for its flow."""

    __slots__ = ()

    def terminate(self, cause: TerminateCause) -> None:
        """End the connection at once, for a reason from outside."""
        raise NotImplementedError


class Flow:
    """A live or ended flow: its identity, its slot in the meter file, and what it spends."""

    __slots__ = (
        "_began",
        "_monotonic",
        "client",
        "client_address",
        "customer",
        "ended",
        "exit",
        "grant",
        "grant_changed",
        "label",
        "owner",
        "protocol",
        "session_id",
        "slot",
        "spend",
        "target",
    )

    def __init__(
        self,
        slot: meter_file.Slot,
        spend: Spend,
        grant: Grant,
        session_id: str,
        protocol: str,
        client: str,
        monotonic: Callable[[], float],
    ) -> None:
        self.slot, self.spend = slot, spend
        self.grant = grant
        self.customer: CustomerRules | None = None
        self.grant_changed = False  # the access service has said that there is another one
        self.exit: Exit | None = None  # set when the flow begins
        self.label = ""  # the customer's name for a sticky exit
        self.session_id, self.protocol, self.client_address = session_id, protocol, client
        self.target = ""  # as in the slot, which is dearer to read
        self._monotonic = monotonic
        self._began = monotonic()
        self.owner: FlowOwner | None = None
        self.client: socket.socket | None = None  # while the flow is live
        self.ended = False
        spend.count_into(slot)

    def use_grant(self, grant: Grant) -> None:
        """Go on under this grant, whose rules hold from the next request on."""
        self.grant, self.customer = grant, customer_rules(grant)
        self.grant_changed = False

    @property
    def quota(self) -> Quota:
        """What it draws on."""
        return self.spend.quota

    @property
    def lasted_us(self) -> int:
        """For how long it has gone on, or went on."""
        if self.ended:
            return self.slot[meter_file.LASTED_US]
        return int((self._monotonic() - self._began) * 1_000_000)

    @property
    def sent_octets(self) -> int:
        """Bytes to the customer that have left this machine: what a report may contain. It never falls."""
        counted = self.spend.bytes_out
        if self.client is None:
            return counted
        reported = max(self.slot[meter_file.PENDING_OUT], self.slot[meter_file.SETTLED_OUT])
        return max(reported, counted - unsent_bytes(self.client))

    def take_back_unsent(self) -> None:
        """When the client's connection broke: uncount what it was never sent. No report has contained it."""
        if self.client is not None and is_broken(self.client):
            self.spend.uncount_out(self.spend.bytes_out - self.sent_octets)

    def count_request(self, target: str) -> None:
        """Note where the flow goes now, and that it carried another request."""
        if target != self.target:
            self.target = self.slot.target = target
        self.slot[meter_file.REQUESTS] += 1

    def end(self, cause: TerminateCause) -> None:
        """Write the end into the meter file. It is reported until acknowledged, then the slot is freed."""
        self.slot[meter_file.CAUSE] = cause
        self.slot[meter_file.LASTED_US] = self.lasted_us
        self.slot[meter_file.STATE] = meter_file.SlotState.FLOW_ENDED
        self.ended = True
        self.owner = self.client = None


_OPEN = int(meter_file.SlotState.FLOW_OPEN)


def begin(
    meter: meter_file.MeterFile,
    spend: Spend,
    grant: Grant,
    protocol: str,
    client: str,
    now_us: int,
    monotonic: Callable[[], float],
) -> Flow:
    """Open a flow in the meter file. Raises meter_file.MeterFileError when the disk is full."""
    slot = meter.claim()
    session_id = new_id("flw")
    slot.write_identity(session_id, grant.resource_id, grant.credential_id, protocol, client)
    slot[meter_file.STARTED_US] = now_us
    slot[meter_file.STATE] = _OPEN
    return Flow(slot, spend, grant, session_id, protocol, client, monotonic)


def recover(slot: meter_file.Slot, quota: Quota, reactor: Reactor, alive_us: int) -> Flow:
    """Take up a flow of a process that is gone; it ended when that process was last seen alive."""
    identity = slot.read_identity()
    assert identity is not None, "damaged slots are sorted out before"
    session_id, resource_id, credential_id, protocol, client = identity
    grant = Grant(resource_id=resource_id, credential_id=credential_id)
    spend = Spend(quota)
    flow = Flow(slot, spend, grant, session_id, protocol, client, reactor.monotonic)
    flow.target = slot.target
    if slot[meter_file.STATE] == meter_file.SlotState.FLOW_OPEN:
        slot[meter_file.CAUSE] = TerminateCause.NAS_REBOOT
        slot[meter_file.LASTED_US] = max(0, alive_us - slot[meter_file.STARTED_US])
        slot[meter_file.STATE] = meter_file.SlotState.FLOW_ENDED
    flow.ended = True
    return flow
