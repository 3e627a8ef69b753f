"""The handshake: a session of a protocol that is callbacks, until its tunnel stands. Each protocol is a subclass.

It collects what the client says, answers, uses the session's verbs, and hands both sockets to a tunnel. It keeps
count of what was received and sent, because that is charged from the first byte once the login is accepted.
"""

import socket
from collections.abc import Callable

from tollway.edge.gate import Gate
from tollway.edge.reactor import CHUNK_BYTES, ERROR, FINISHED
from tollway.edge.refusal import UNAVAILABLE, Refusal
from tollway.edge.relay import Tunnel, say_goodbye
from tollway.edge.session import Session
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause


class Handshake(Session):
    """One client connection that is not relayed yet. Subclasses say what `on_data` and `refuse` do."""

    __slots__ = ("buffer", "more_to_read")

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        super().__init__(gate, client, client_address, protocol)
        self.buffer = b""  # what the client said and nobody has understood yet
        self.more_to_read = False  # the client said something while we waited for somebody else
        gate.reactor.watch(client, self)
        self.read()  # a client is accepted when it has spoken

    # ── what a protocol says ────────────────────────────────────────────────────────────────────────

    def on_data(self) -> None:
        """More has arrived in `buffer`."""
        raise NotImplementedError

    def on_end(self) -> None:
        """The client has said its last word, and nothing waits for an answer."""
        say_goodbye(self.client)
        self.close(TerminateCause.USER_REQUEST)

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
        scratch = self.gate.reactor.scratch
        while not self.occupied:
            try:
                got = self.client.recv_into(scratch, CHUNK_BYTES)
            except BlockingIOError:
                self.more_to_read = False
                return
            except OSError:
                self.close(TerminateCause.LOST_CARRIER)
                return
            if not got:
                self.on_end()
                return
            self.more_to_read = self.more_to_read or got == CHUNK_BYTES
            self.buffer = self.buffer + scratch[:got].tobytes() if self.buffer else scratch[:got].tobytes()
            self.on_data()
            if not self.more_to_read:
                return

    def expired(self) -> None:
        """The client was too slow, or we were."""
        if self._waiting:
            self._stop_waiting()
            self.deadline = self.gate.reactor.monotonic() + self.gate.settings.head_timeout_s
            self.reject(UNAVAILABLE)
        else:
            super().expired()

    # ── the steps that protocols are made of ────────────────────────────────────────────────────────

    def send(self, reply: bytes) -> bool:
        """Send a short reply; return whether it is on its way. Who pays is the caller's affair."""
        try:
            sent = self.client.send(reply)
        except OSError:
            sent = 0
        if sent != len(reply):
            self.close(TerminateCause.LOST_CARRIER)
            return False
        self.bytes_out += sent
        return True

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
                self.reject(why_not)
            else:
                then()

        spend.take_or_wait(size, on_taken)

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

    def _send_charged(self, reply: bytes, spend: Spend) -> bool:
        """Send a reply whose bytes were taken, and count it."""
        spend.count_out(len(reply))
        if self.send(reply):
            return True
        spend.not_out(len(reply))
        spend.unused(len(reply))
        return False
