"""The relay: a client and an origin joined, until both have said their last word or something ends it.

A tunnel is two pumps and two sockets. Half-close is passed on: when one side has finished, the other is notified
and may still talk. Losing the client ends the flow at once (Lost-Carrier); losing the origin ends it after
what the origin sent was delivered. A used-up quota stops both pumps, and what they hold, which was paid
for, still arrives.

Who waits for the end of the connection to know that all has come must not take a broken one for that: when the origin
resets, or we end the flow, the client gets a reset behind what was sent to it.
"""

import contextlib
import socket
import struct

from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.gate import Gate
from tollway.edge.pump import Pump
from tollway.edge.reactor import CHUNK_BYTES, ERROR, FINISHED, READABLE, WRITABLE, BufferedSocket, Reactor
from tollway.edge.tcp_send_queue import unacknowledged_bytes
from tollway.edge.terminate_cause import TerminateCause

_TURN_READS = 16
_LOOK_S = 0.02  # how often it is looked whether a client has everything
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Tunnel(FlowOwner):
    """Two sockets and the pumps between them."""

    __slots__ = (
        "cause",
        "client",
        "client_fd",
        "closed",
        "deadline",
        "down",
        "flow",
        "gate",
        "origin",
        "patience_s",
        "up",
    )

    def __init__(
        self,
        gate: Gate,
        flow: Flow,
        client: socket.socket,
        origin: socket.socket,
        early_up: bytes = b"",
        early_down: bytes = b"",
    ) -> None:
        self.gate, self.flow, self.client, self.origin = gate, flow, client, origin
        self.closed = False
        self.cause = TerminateCause.USER_REQUEST
        self.client_fd = client.fileno()
        self.patience_s = gate.settings.tunnel_idle_timeout_s
        reactor, pipes = gate.reactor, gate.pipes
        self.up = Pump(
            self, flow.spend, client, origin, reactor, pipes, is_upload=True, initial_data=early_up
        )
        self.down = Pump(
            self, flow.spend, origin, client, reactor, pipes, is_upload=False, initial_data=early_down
        )
        self.up.other, self.down.other = self.down, self.up
        self.deadline = reactor.now + self.patience_s
        flow.owner = self
        reactor.transfer(client, self)
        reactor.transfer(origin, self)
        reactor.add_deadline(self)
        self.up.readable = self.down.readable = False

    def start(self) -> None:
        """Move what was read already; the reactor notifies of the rest."""
        if self.up.initial_data:
            self.up.run()
        if self.down.initial_data and not self.closed:
            self.down.run()

    def ready(self, fd: int, mask: int) -> None:
        """One of the sockets can go on."""
        reads, writes = (self.up, self.down) if fd == self.client_fd else (self.down, self.up)
        if mask & FINISHED:
            reads.peer_finished = True
            if mask & ERROR and reads is self.up:
                self.close(TerminateCause.LOST_CARRIER)
                return
        self.deadline = self.gate.reactor.now + self.patience_s
        if mask & READABLE and not reads.readable:
            reads.readable = True
            reads.run()
        if mask & WRITABLE and not writes.writable and not self.closed:
            writes.writable = True
            writes.run()

    def expired(self) -> None:
        """Nothing has moved for too long."""
        self.close(TerminateCause.IDLE_TIMEOUT if self.cause is TerminateCause.USER_REQUEST else self.cause)

    def failed(self) -> None:
        """End it after a bug."""
        self.close(TerminateCause.NAS_ERROR)

    def terminate(self, cause: TerminateCause) -> None:
        """End it now."""
        self.close(cause)

    # ── callbacks of the pumps ─────────────────────────────────────────────────────────────────────────

    def ended(self, pump: Pump) -> None:
        """Pass a half-close on; when both directions are done, so is the tunnel."""
        other = self.down if pump is self.up else self.up
        if other.done:
            self._finish()
            return
        with contextlib.suppress(OSError):
            pump.sink.shutdown(socket.SHUT_WR)
        settings = self.gate.settings
        self.patience_s = min(settings.half_closed_timeout_s, settings.tunnel_idle_timeout_s)
        self.deadline = self.gate.reactor.now + self.patience_s

    def source_lost(self, pump: Pump) -> None:
        """A lost client ends everything; a lost origin has nothing more to say."""
        if pump is self.up:
            self.close(TerminateCause.LOST_CARRIER)
        elif self._end(self.cause):
            LingeringReset(self.gate, self.client)

    def sink_lost(self, pump: Pump) -> None:
        """A lost client ends everything; an origin that does not listen may still be talking."""
        if pump is self.down:
            self.close(TerminateCause.LOST_CARRIER)
            return
        pump.abandon()
        if self.down.done:
            self._finish()

    def quota_exhausted(self, pump: Pump) -> None:  # noqa: ARG002  whichever noticed, both stop
        """Carry nothing new; deliver what is held, which was paid for."""
        self.cause = TerminateCause.QUOTA
        for each in (self.up, self.down):
            each.stopping = True
            self.gate.reactor.call_soon(each.resume)

    def close(self, cause: TerminateCause) -> None:
        """Close both sockets now, and let the client see that it was not the origin that ended."""
        if not self._end(cause):
            return
        if cause is TerminateCause.LOST_CARRIER:
            self.gate.reactor.close(self.client)
        else:
            LingeringReset(self.gate, self.client)

    def _finish(self) -> None:
        """Everything was delivered: close the origin, and the client without cutting off our last bytes."""
        if self._end(self.cause):
            if self.up.eof:
                say_goodbye(self.client)
                self.gate.reactor.close(self.client)
            else:
                LingeringClose(self.gate, self.client, whole=self.cause is TerminateCause.USER_REQUEST)

    def _end(self, cause: TerminateCause) -> bool:
        if self.closed:
            return False
        self.closed = True
        self.up.abandon()
        self.down.abandon()
        reactor = self.gate.reactor
        reactor.remove_deadline(self)
        reactor.close(self.origin)
        self.gate.close(self.flow, cause)
        return True


def say_goodbye(client: socket.socket) -> None:
    """Before a client that has finished is closed: within TLS a close_notify says that nothing was cut off."""
    if isinstance(client, BufferedSocket):
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)


class LingeringClose:
    """Says that we are done and reads on for a moment, uncharged, until the client is done too.

    Closing a socket with unread bytes makes the kernel send a reset, which may overtake our last words. Within TLS a
    close_notify says that what came is `whole`.
    """

    __slots__ = ("_reactor", "_sock", "deadline")

    def __init__(self, gate: Gate, sock: socket.socket, *, whole: bool = True) -> None:
        self._reactor: Reactor = gate.reactor
        self._sock = sock
        self.deadline = self._reactor.now + gate.settings.linger_timeout_s
        try:
            if whole:
                sock.shutdown(socket.SHUT_WR)
            else:
                socket.socket.shutdown(sock, socket.SHUT_WR)
        except OSError:
            self._reactor.close(sock)
            return
        self._reactor.transfer_and_rearm(sock, self)
        self._reactor.add_deadline(self)
        self._read_on()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """Throw away what still arrives."""
        self._read_on()

    def expired(self) -> None:
        """Enough."""
        self._reactor.remove_deadline(self)
        if self._reactor.is_open(self._sock):
            self._reactor.close(self._sock)

    failed = expired

    def _read_on(self) -> None:
        if not self._reactor.is_open(self._sock):
            return
        try:
            for _ in range(_TURN_READS):
                if not self._sock.recv_into(self._reactor.scratch, CHUNK_BYTES):
                    self.expired()
                    return
        except BlockingIOError:
            return
        except OSError:
            self.expired()
            return
        self._reactor.call_soon(self._read_on)


class LingeringReset:
    """Breaks a connection off when the client has what was sent to it: a reset overtakes what the kernel holds."""

    __slots__ = ("_deadline", "_reactor", "_sock")

    def __init__(self, gate: Gate, sock: socket.socket) -> None:
        self._reactor: Reactor = gate.reactor
        self._sock = sock
        self._deadline = self._reactor.now + gate.settings.linger_timeout_s
        self._reactor.transfer_and_rearm(sock, self)
        self._look()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """What the client still says is of no interest; that it is gone is."""
        if mask & ERROR:
            self.failed()

    def failed(self) -> None:
        """End it now."""
        if self._reactor.is_open(self._sock):
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._reactor.close(self._sock)

    def _look(self) -> None:
        if not self._reactor.is_open(self._sock):
            return
        if unacknowledged_bytes(self._sock) and self._reactor.monotonic() < self._deadline:
            self._reactor.call_later(_LOOK_S, self._look)
        else:
            self.failed()
