"""Flow: one customer's connection as the business sees it. All protocols share this noun.

A flow begins when a login is accepted and ends when its client is gone; an HTTP connection that carries
requests to many origins is one flow, as is a tunnel. Its bytes live in the meter book from the first one.
"""

import socket
import time

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter
from tollway.edge.cause import Cause
from tollway.edge.lease import Allowance
from tollway.edge.unsent import is_broken, unsent_bytes
from tollway.kit.ids import new_id


class Carrier:
    """What holds a live flow's sockets. `cut` ends it now; it must call `gate.close` for its flow."""

    __slots__ = ()

    def cut(self, cause: Cause) -> None:
        """End the connection at once, for a reason from outside."""
        raise NotImplementedError


class Flow:
    """A live or ended flow: its identity, its slot in the book, the allowance that it draws on.

    The hot path writes `words[bytes_in] += n` and `words[bytes_out] += n` by itself.
    """

    __slots__ = (
        "allowance",
        "began",
        "bytes_in",
        "bytes_out",
        "carrier",
        "client",
        "client_address",
        "ended",
        "grant",
        "protocol",
        "session_id",
        "slot",
        "words",
    )

    def __init__(
        self,
        slot: meter.Slot,
        allowance: Allowance,
        grant: Grant,
        session_id: str,
        protocol: str,
        client: str,
    ) -> None:
        self.slot, self.allowance, self.grant = slot, allowance, grant
        self.session_id, self.protocol, self.client_address = session_id, protocol, client
        self.words = slot.words
        self.bytes_in = slot.at + meter.INPUT
        self.bytes_out = slot.at + meter.OUTPUT
        self.began = time.monotonic()
        self.carrier: Carrier | None = None
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
        reported = max(self.slot[meter.PROMISED_OUT], self.slot[meter.SETTLED_OUT])
        unsent = unsent_bytes(self.client) if self.client is not None else 0
        return max(reported, self.output_octets - unsent)

    def heard(self, size: int) -> None:
        """Count bytes that the client sent; they were taken from the allowance before."""
        self.words[self.bytes_in] += size

    def said(self, size: int) -> None:
        """Count bytes that were written to the client; they were taken from the allowance before."""
        self.words[self.bytes_out] += size

    def take_back_unsent(self) -> None:
        """When the client's connection broke: uncount what it was never sent. No report has told of that."""
        if self.client is not None and is_broken(self.client):
            unsent = self.output_octets - self.sent_octets
            self.words[self.bytes_out] -= unsent
            self.allowance.give(unsent)

    def carried_request(self, target: str) -> None:
        """Note where the flow goes now, and that it carried another request."""
        self.slot.target = target
        self.slot[meter.REQUESTS] += 1

    def carried_another_request(self) -> None:
        """Note another request to the same target."""
        self.slot[meter.REQUESTS] += 1

    def end(self, cause: Cause) -> None:
        """Write the end into the book. It is reported until acknowledged, then the slot is freed."""
        self.ended = True
        self.carrier = self.client = None
        self.slot[meter.CAUSE] = cause
        self.slot[meter.LASTED_US] = int((time.monotonic() - self.began) * 1_000_000)
        self.slot[meter.STATE] = meter.State.FLOW_ENDED


_OPEN = int(meter.State.FLOW_OPEN)


def begin(
    book: meter.Book, allowance: Allowance, grant: Grant, protocol: str, client: str, now_us: int
) -> Flow:
    """Open a flow in the book. Raises meter.BookError when the disk is full."""
    slot = book.claim()
    session_id = new_id("flw")
    slot.write_identity(session_id, grant.resource_id, grant.credential_id, protocol, client)
    slot[meter.STARTED_US] = now_us
    slot[meter.STATE] = _OPEN
    return Flow(slot, allowance, grant, session_id, protocol, client)


def recover(slot: meter.Slot, allowance: Allowance, alive_us: int) -> Flow:
    """Take up a flow of a process that is gone; it ended when that process was last seen alive."""
    identity = slot.read_identity()
    assert identity is not None, "damaged slots are sorted out before"
    session_id, resource_id, credential_id, protocol, client = identity
    grant = Grant(resource_id=resource_id, credential_id=credential_id)
    flow = Flow(slot, allowance, grant, session_id, protocol, client)
    if slot[meter.STATE] == meter.State.FLOW_OPEN:
        slot[meter.CAUSE] = Cause.NAS_REBOOT
        slot[meter.LASTED_US] = max(0, alive_us - slot[meter.STARTED_US])
        slot[meter.STATE] = meter.State.FLOW_ENDED
    flow.ended = True
    return flow
