"""The handshake: a client's first words, before anything is relayed. Each protocol is a subclass.

A handshake collects what the client says, answers, asks the gate, and hands both sockets to a tunnel. It keeps
count of what was received and sent, because that is charged from the first byte once the login is accepted.
"""

import socket
from collections.abc import Callable

from tollway.edge.exits import Connecting
from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.gate import Gate
from tollway.edge.metrics import METRICS
from tollway.edge.pump import CHUNK_BYTES, SCRATCH
from tollway.edge.reactor import ERROR, FINISHED
from tollway.edge.refusal import UNAVAILABLE, Refusal
from tollway.edge.relay import LingeringClose, Tunnel
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause


class Handshake(FlowOwner):
    """One client connection that is not relayed yet. Subclasses say what `on_data` and `refuse` do."""

    __slots__ = (
        "_opening",
        "_origin",
        "_waiting",
        "buffer",
        "bytes_out",
        "client",
        "client_address",
        "closed",
        "deadline",
        "flow",
        "gate",
        "more_to_read",
        "protocol",
    )

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        self.gate, self.client, self.client_address = gate, client, client_address
        self.protocol = protocol
        self.flow: Flow | None = None
        self.closed = False
        self.buffer = b""  # what the client said and nobody has understood yet
        self.bytes_out = 0
        self._waiting = False
        self.more_to_read = False  # the client said something while we waited for somebody else
        self._opening: Connecting | None = None
        self._origin: socket.socket | None = None  # reached, and not yet relayed to
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        gate.reactor.add_deadline(self)
        gate.reactor.watch(client, self)
        self.read()  # a client is accepted when it has spoken

    # ── what a protocol says ────────────────────────────────────────────────────────────────────────

    def on_data(self) -> None:
        """More has arrived in `unread`."""
        raise NotImplementedError

    def refuse(self, why: Refusal) -> None:
        """Tell the client why not, and `leave`."""
        raise NotImplementedError

    # ── what happens to the client ──────────────────────────────────────────────────────────────────

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The client has said something, or is gone."""
        if mask & ERROR:
            self.close(TerminateCause.LOST_CARRIER)
        elif self._waiting:
            self.more_to_read = True
        else:
            self.more_to_read = bool(mask & FINISHED)
            self.read()

    @property
    def occupied(self) -> bool:
        """Whether something else comes before the client's next words."""
        return self._waiting or self.closed

    def read(self) -> None:
        """Read what has arrived: once, or when we know of more, as long as we can attend to it."""
        while not self.occupied:
            try:
                got = self.client.recv_into(SCRATCH, CHUNK_BYTES)
            except BlockingIOError:
                self.more_to_read = False
                return
            except OSError:
                self.close(TerminateCause.LOST_CARRIER)
                return
            if not got:
                self.close(TerminateCause.USER_REQUEST)
                return
            self.more_to_read = self.more_to_read or got == CHUNK_BYTES
            self.buffer = self.buffer + SCRATCH[:got].tobytes() if self.buffer else SCRATCH[:got].tobytes()
            self.on_data()
            if not self.more_to_read:
                return

    def expired(self) -> None:
        """The client was too slow, or we were."""
        if self._waiting:
            self._stop_waiting()
            self.deadline = self.gate.reactor.monotonic() + self.gate.settings.head_timeout_s
            self.refused(UNAVAILABLE)
        else:
            self.close(TerminateCause.IDLE_TIMEOUT)

    def failed(self) -> None:
        """End it after a bug."""
        self.close(TerminateCause.NAS_ERROR)

    def terminate(self, cause: TerminateCause) -> None:
        """End it now."""
        self.close(cause)

    # ── the steps that protocols are made of ────────────────────────────────────────────────────────

    def send(self, reply: bytes) -> bool:
        """Send a short reply; tell whether it is on its way. Who pays is the caller's affair."""
        try:
            sent = self.client.send(reply)
        except OSError:
            sent = 0
        if sent != len(reply):
            self.close(TerminateCause.LOST_CARRIER)
            return False
        self.bytes_out += sent
        return True

    def authenticate(self, username: str, secret: str, bytes_in: int, then: Callable[[], None]) -> None:
        """Ask the gate for a flow, which pays for the bytes received and all that was sent; or refuse."""
        self._waiting = True

        def on_result(result: Flow | Refusal) -> None:
            if not self._stop_waiting():
                if isinstance(result, Flow):
                    self.gate.close(result, TerminateCause.LOST_CARRIER)
            elif isinstance(result, Refusal):
                self.refused(result)
            else:
                self.flow = result
                result.owner, result.client = self, self.client
                then()

        self.gate.login(
            username,
            secret,
            protocol=self.protocol,
            client=self.client_address,
            bytes_in=bytes_in,
            bytes_out=self.bytes_out,
            then=on_result,
        )

    def refresh(self, username: str, secret: str, then: Callable[[], None]) -> None:
        """Let the flow go on under what its credentials allow now; or refuse."""
        assert self.flow is not None
        self._waiting = True

        def on_result(why_not: Refusal | None) -> None:
            if not self._stop_waiting():
                return
            if why_not is not None:
                self.refused(why_not)
            else:
                then()

        self.gate.refresh(self.flow, username, secret, on_result)

    def charge(self, size: int, then: Callable[[], None]) -> None:
        """Let the flow pay for `size` bytes that the client sent, then go on; or refuse."""
        assert self.flow is not None
        spend = self.flow.spend
        if spend.take_exactly(size):
            spend.count_in(size)
            then()
            return

        def taken() -> None:
            spend.count_in(size)
            then()

        self._take_or_wait(size, taken)

    def charge_and_send(self, reply: bytes, then: Callable[[], None]) -> None:
        """Let the flow pay for a reply, send it, then go on; or refuse."""
        assert self.flow is not None
        spend = self.flow.spend
        if spend.take_exactly(len(reply)):
            if self._send_charged(reply, spend):
                then()
            return

        def taken() -> None:
            if self._send_charged(reply, spend):
                then()

        self._take_or_wait(len(reply), taken)

    def _take_or_wait(self, size: int, then: Callable[[], None]) -> None:
        """Take `size` bytes when they may move, then go on; or refuse."""
        assert self.flow is not None
        spend = self.flow.spend
        self._waiting = True

        def on_taken(why_not: Refusal | None) -> None:
            if not self._stop_waiting():
                if why_not is None:
                    spend.unused(size)
            elif why_not is not None:
                self.refused(why_not)
            else:
                then()

        spend.take_or_wait(size, on_taken)

    def connect(self, host: str, port: int, then: Callable[[socket.socket], None]) -> None:
        """Ask the gate for a connection to the target; or refuse."""
        flow = self.flow
        assert flow is not None
        flow.count_request(f"{host}:{port}")
        self._waiting = True
        settings = self.gate.settings
        self.deadline = self.gate.reactor.now + settings.lookup_timeout_s + settings.connect_timeout_s + 1

        def opened(outcome: socket.socket | Refusal) -> None:
            self._opening = None
            self._waiting = False
            if isinstance(outcome, Refusal):
                self.refused(outcome)
            else:
                self._origin = outcome
                then(outcome)

        opening = self.gate.open(flow, host, port, opened)
        if self._waiting:
            self._opening = opening

    def resume(self) -> None:
        """After a step: read what the client said meanwhile."""
        if self.buffer:
            self.on_data()
        if self.more_to_read:
            self.read()

    def send_and_close(self, reply: bytes, why: Refusal) -> None:
        """Say why not and close. The flow pays if it can; without a flow or a quota it is free."""
        flow = self.flow
        if flow is not None and flow.spend.take_unthrottled(len(reply)):
            sent = self._send_charged(reply, flow.spend)
        else:
            sent = self.send(reply)
        if sent:
            self.close_gracefully(why.cause)

    def refused(self, why: Refusal) -> None:
        """Count a refusal and tell the client."""
        METRICS.refusals[self.protocol, why.code] += 1
        self.refuse(why)

    def relay(self, origin: socket.socket) -> None:
        """Hand both sockets to a tunnel; what the client said too early goes first."""
        assert self.flow is not None
        self.closed = True
        self._origin = None
        reactor = self.gate.reactor
        reactor.remove_deadline(self)
        if self.more_to_read:
            reactor.mark_pending(self.client.fileno())
        Tunnel(self.gate, self.flow, self.client, origin, self.buffer).start()

    def close_gracefully(self, cause: TerminateCause) -> None:
        """Close after a last word, so that it arrives."""
        if self._end(cause):
            LingeringClose(self.gate, self.client)

    def close(self, cause: TerminateCause) -> None:
        """Close now."""
        if self._end(cause):
            self.gate.reactor.close(self.client)

    def _end(self, cause: TerminateCause) -> bool:
        if self.closed:
            return False
        self.closed = True
        self._stop_waiting()
        self.gate.reactor.remove_deadline(self)
        if self._origin is not None:
            self.gate.reactor.close(self._origin)
        if self.flow is not None:
            self.gate.close(self.flow, cause)
        return True

    def _send_charged(self, reply: bytes, spend: Spend) -> bool:
        """Send a reply whose bytes were taken, and count it."""
        if not self.send(reply):
            spend.unused(len(reply))
            return False
        spend.count_out(len(reply))
        return True

    def _stop_waiting(self) -> bool:
        """Wait no longer; tell whether anything was waited for, so that an answer still matters."""
        waited = self._waiting and not self.closed
        self._waiting = False
        if self._opening is not None:
            self._opening.abandon()
            self._opening = None
        return waited
