"""The hello: a client's first words, before anything is relayed. Each protocol is a subclass.

A hello collects what the client says, answers, asks the gate, and hands both sockets to a tunnel. It keeps
count of what was heard and said, because that is charged from the first byte once the login is accepted.
"""

import socket
import time
from collections.abc import Callable

from tollway.edge.cause import Cause
from tollway.edge.flow import Carrier, Flow
from tollway.edge.gate import Gate, Opening
from tollway.edge.metrics import METRICS
from tollway.edge.pump import CHUNK_BYTES, SCRATCH
from tollway.edge.reactor import ERROR, FINISHED
from tollway.edge.refusal import NO_ALLOWANCE, UNAVAILABLE, Refusal
from tollway.edge.relay import Farewell, Tunnel


class Hello(Carrier):
    """One client connection that is not relayed yet. Subclasses say what `told` and `refuse` do."""

    __slots__ = (
        "_opening",
        "_origin",
        "_waiting",
        "client",
        "client_address",
        "closed",
        "deadline",
        "flow",
        "gate",
        "missed",
        "protocol",
        "said",
        "unread",
    )

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        self.gate, self.client, self.client_address = gate, client, client_address
        self.protocol = protocol
        self.flow: Flow | None = None
        self.closed = False
        self.unread = b""  # what the client said and nobody has understood yet
        self.said = 0
        self._waiting = False
        self.missed = False  # the client said something while we waited for somebody else
        self._opening: Opening | None = None
        self._origin: socket.socket | None = None  # reached, and not yet relayed to
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        gate.reactor.time(self)
        gate.reactor.watch(client, self)
        self.listen()  # a client is accepted when it has spoken

    # ── what a protocol says ────────────────────────────────────────────────────────────────────────

    def told(self) -> None:
        """More has arrived in `unread`."""
        raise NotImplementedError

    def refuse(self, why: Refusal) -> None:
        """Tell the client why not, and `leave`."""
        raise NotImplementedError

    # ── what happens to the client ──────────────────────────────────────────────────────────────────

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The client has said something, or is gone."""
        if mask & ERROR:
            self.hang_up(Cause.LOST_CARRIER)
        elif self._waiting:
            self.missed = True
        else:
            self.missed = bool(mask & FINISHED)
            self.listen()

    @property
    def occupied(self) -> bool:
        """Whether something else comes before the client's next words."""
        return self._waiting or self.closed

    def listen(self) -> None:
        """Read what has arrived: once, or when we know of more, as long as we can attend to it."""
        while not self.occupied:
            try:
                got = self.client.recv_into(SCRATCH, CHUNK_BYTES)
            except BlockingIOError:
                self.missed = False
                return
            except OSError:
                self.hang_up(Cause.LOST_CARRIER)
                return
            if not got:
                self.hang_up(Cause.USER_REQUEST)
                return
            self.missed = self.missed or got == CHUNK_BYTES
            self.unread = self.unread + SCRATCH[:got].tobytes() if self.unread else SCRATCH[:got].tobytes()
            self.told()
            if not self.missed:
                return

    def expired(self) -> None:
        """The client was too slow, or we were."""
        if self._waiting:
            self._stop_waiting()
            self.deadline = time.monotonic() + self.gate.settings.head_timeout_s
            self.refused(UNAVAILABLE)
        else:
            self.hang_up(Cause.IDLE_TIMEOUT)

    def failed(self) -> None:
        """End it after a bug."""
        self.hang_up(Cause.NAS_ERROR)

    def cut(self, cause: Cause) -> None:
        """End it now."""
        self.hang_up(cause)

    # ── the steps that protocols are made of ────────────────────────────────────────────────────────

    def say(self, reply: bytes) -> bool:
        """Send a short reply; tell whether it is on its way. Who pays is the caller's affair."""
        try:
            sent = self.client.send(reply)
        except OSError:
            sent = 0
        if sent != len(reply):
            self.hang_up(Cause.LOST_CARRIER)
            return False
        self.said += sent
        return True

    def identify(self, username: str, secret: str, heard: int, then: Callable[[], None]) -> None:
        """Ask the gate for a flow, which pays for the `heard` bytes and all that was said; or refuse."""
        self._waiting = True

        def judged(verdict: Flow | Refusal) -> None:
            if self.closed or not self._waiting:
                if isinstance(verdict, Flow):
                    self.gate.close(verdict, Cause.LOST_CARRIER)
                return
            self._waiting = False
            if isinstance(verdict, Refusal):
                self.refused(verdict)
            else:
                self.flow = verdict
                verdict.carrier, verdict.client = self, self.client
                then()

        self.gate.login(
            username,
            secret,
            protocol=self.protocol,
            client=self.client_address,
            heard=heard,
            said=self.said,
            then=judged,
        )

    def pay(self, size: int, then: Callable[[], None]) -> None:
        """Let the flow pay for `size` bytes that were heard, then go on; or refuse."""
        flow = self.flow
        assert flow is not None
        if flow.allowance.take_whole(size):
            flow.heard(size)
            then()
            return
        self._waiting = True

        def afforded(objection: Refusal | None) -> None:
            if self.closed or not self._waiting:
                if objection is None:
                    flow.allowance.give(size)
                return
            self._waiting = False
            if objection is not None:
                self.refused(objection)
            else:
                flow.heard(size)
                then()

        flow.allowance.afford(size, afforded)

    def answer(self, reply: bytes, then: Callable[[], None]) -> None:
        """Let the flow pay for a reply, send it, then go on; or refuse."""
        flow = self.flow
        assert flow is not None
        if flow.allowance.take_whole(len(reply)):
            if self._say_paid(reply, flow):
                then()
            return
        self._waiting = True

        def afforded(objection: Refusal | None) -> None:
            if self.closed or not self._waiting:
                if objection is None:
                    flow.allowance.give(len(reply))
                return
            self._waiting = False
            if objection is not None:
                self.refused(objection)
            elif self._say_paid(reply, flow):
                then()

        flow.allowance.afford(len(reply), afforded)

    def reach(self, host: str, port: int, then: Callable[[socket.socket], None]) -> None:
        """Ask the gate for a connection to the target; or refuse."""
        flow = self.flow
        assert flow is not None
        flow.carried_request(f"{host}:{port}")
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

    def go_on(self) -> None:
        """After a step: read what the client said meanwhile."""
        if self.unread:
            self.told()
        if self.missed:
            self.listen()

    def last_word(self, reply: bytes, why: Refusal) -> None:
        """Say why not and close. The flow pays if it can; without a flow or an allowance it is free."""
        flow = self.flow
        if flow is not None and flow.allowance.take_whole(len(reply)):
            sent = self._say_paid(reply, flow)
        else:
            sent = self.say(reply)
        if sent:
            self.leave(_cause(why))

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
        reactor.untime(self)
        if self.missed:
            reactor.unheard(self.client.fileno())
        Tunnel(self.gate, self.flow, self.client, origin, self.unread).start()

    def leave(self, cause: Cause) -> None:
        """Close after a last word, so that it arrives."""
        if self._end(cause):
            Farewell(self.gate, self.client)

    def hang_up(self, cause: Cause) -> None:
        """Close now."""
        if self._end(cause):
            self.gate.reactor.close(self.client)

    def _end(self, cause: Cause) -> bool:
        if self.closed:
            return False
        self.closed = True
        self._stop_waiting()
        self.gate.reactor.untime(self)
        if self._origin is not None:
            self.gate.reactor.close(self._origin)
        if self.flow is not None:
            self.gate.close(self.flow, cause)
        return True

    def _say_paid(self, reply: bytes, flow: Flow) -> bool:
        """Send a reply that was taken from the allowance, and count it."""
        if not self.say(reply):
            flow.allowance.give(len(reply))
            return False
        flow.said(len(reply))
        return True

    def _stop_waiting(self) -> None:
        self._waiting = False
        if self._opening is not None:
            self._opening.abandon()
            self._opening = None


def _cause(why: Refusal) -> Cause:
    """Return the terminate cause of a flow that ends with this refusal."""
    if why is NO_ALLOWANCE:
        return Cause.QUOTA
    return Cause.USER_REQUEST if why.status < 500 else Cause.NAS_ERROR
