"""Flow: one customer's connection as the business sees it. All protocols share this noun.

A flow begins when a login is accepted and ends when its client is gone; an HTTP connection that carries
requests to many origins is one flow, as is a tunnel. Its bytes live in the meter file from the first one.
"""

import socket
import time

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter_file
from tollway.edge.quota import Quota
from tollway.edge.tcp_send_queue import is_broken, unsent_bytes
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.ids import new_id


class FlowOwner:
    """What holds a live flow's sockets. `cut` ends it now; it must call `gate.close` for its flow."""

    __slots__ = ()

    def terminate(self, cause: TerminateCause) -> None:
        """End the connection at once, for a reason from outside."""
        raise NotImplementedError


class Flow:
    """A live or ended flow: its identity, its slot in the meter file, the quota that it draws on.

    The hot path writes `words[bytes_in] += n` and `words[bytes_out] += n` by itself.
    """

    __slots__ = (
        "began",
        "bytes_in",
        "bytes_out",
        "client",
        "client_address",
        "ended",
        "grant",
        "owner",
        "protocol",
        "quota",
        "session_id",
        "slot",
        "words",
    )

    def __init__(
        self,
        slot: meter_file.Slot,
        quota: Quota,
        grant: Grant,
        session_id: str,
        protocol: str,
        client: str,
    ) -> None:
        self.slot, self.quota, self.grant = slot, quota, grant
        self.session_id, self.protocol, self.client_address = session_id, protocol, client
        self.words = slot.words
        self.bytes_in = slot.at + meter_file.INPUT
        self.bytes_out = slot.at + meter_file.OUTPUT
        self.began = time.monotonic()
        self.owner: FlowOwner | None = None
        self.client: socket.socket | None = None  # while the flow is live
        self.ended = False

    @property
    def input_octets(self) -> int:
        """Bytes from the customer."""
        return self.words[self.bytes_in]

    @property
    def output_octets(self) -> int:
        """Bytes to the customer."""
        return self.words[self.bytes_out]

    @property
    def sent_octets(self) -> int:
        """Bytes to the customer that have left this machine: what a report may tell. It never falls."""
        reported = max(self.slot[meter_file.PENDING_OUT], self.slot[meter_file.SETTLED_OUT])
        unsent = unsent_bytes(self.client) if self.client is not None else 0
        return max(reported, self.output_octets - unsent)

    def count_in(self, size: int) -> None:
        """Count bytes that the client sent; they were taken from the quota before."""
        self.words[self.bytes_in] += size

    def count_out(self, size: int) -> None:
        """Count bytes that were written to the client; they were taken from the quota before."""
        self.words[self.bytes_out] += size

    def take_back_unsent(self) -> None:
        """When the client's connection broke: uncount what it was never sent. No report has told of that."""
        if self.client is not None and is_broken(self.client):
            unsent = self.output_octets - self.sent_octets
            self.words[self.bytes_out] -= unsent
            self.quota.return_unused(unsent)

    def count_request(self, target: str) -> None:
        """Note where the flow goes now, and that it carried another request."""
        self.slot.target = target
        self.slot[meter_file.REQUESTS] += 1

    def count_same_target(self) -> None:
        """Note another request to the same target."""
        self.slot[meter_file.REQUESTS] += 1

    def end(self, cause: TerminateCause) -> None:
        """Write the end into the meter file. It is reported until acknowledged, then the slot is freed."""
        self.ended = True
        self.owner = self.client = None
        self.slot[meter_file.CAUSE] = cause
        self.slot[meter_file.LASTED_US] = int((time.monotonic() - self.began) * 1_000_000)
        self.slot[meter_file.STATE] = meter_file.State.FLOW_ENDED


_OPEN = int(meter_file.State.FLOW_OPEN)


def begin(
    meter: meter_file.MeterFile, quota: Quota, grant: Grant, protocol: str, client: str, now_us: int
) -> Flow:
    """Open a flow in the meter file. Raises meter_file.MeterFileError when the disk is full."""
    slot = meter.claim()
    session_id = new_id("flw")
    slot.write_identity(session_id, grant.resource_id, grant.credential_id, protocol, client)
    slot[meter_file.STARTED_US] = now_us
    slot[meter_file.STATE] = _OPEN
    return Flow(slot, quota, grant, session_id, protocol, client)


def recover(slot: meter_file.Slot, quota: Quota, alive_us: int) -> Flow:
    """Take up a flow of a process that is gone; it ended when that process was last seen alive."""
    identity = slot.read_identity()
    assert identity is not None, "damaged slots are sorted out before"
    session_id, resource_id, credential_id, protocol, client = identity
    grant = Grant(resource_id=resource_id, credential_id=credential_id)
    flow = Flow(slot, quota, grant, session_id, protocol, client)
    if slot[meter_file.STATE] == meter_file.State.FLOW_OPEN:
        slot[meter_file.CAUSE] = TerminateCause.NAS_REBOOT
        slot[meter_file.LASTED_US] = max(0, alive_us - slot[meter_file.STARTED_US])
        slot[meter_file.STATE] = meter_file.State.FLOW_ENDED
    flow.ended = True
    return flow
