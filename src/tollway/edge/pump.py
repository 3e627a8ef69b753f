"""A pump moves bytes one way, from a source socket to a sink socket, and counts them.

Nothing is read that the quota does not cover, so nothing is read in vain. Upwards bytes count when they
were read from the client, downwards when they were written to it; what is between the two, in `held`, was
taken and is given back if it never arrives.

The first 64 KiB go through one shared buffer by `recv` and `send`, which is cheapest for little; after that
`splice` moves them through a pipe without a copy. A pump runs until something would block, and yields after
a while so that the other connections get their turn.
"""

import os
import socket
from typing import Protocol

from tollway.edge.pipes import Pipe, Pipes
from tollway.edge.reactor import CHUNK_BYTES, BufferedSocket, Reactor
from tollway.edge.spend import Spend

_SPLICE_AFTER_BYTES = 64 * 1024
_TURN_READS = 16  # of a pipe each, at most: about a millisecond
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class PumpOwner(Protocol):
    """What a pump is part of, and reports events to."""

    def ended(self, pump: "Pump") -> None:
        """The source has ended (or the length is reached) and everything was written."""
        ...

    def source_lost(self, pump: "Pump") -> None:
        """Reading failed: the source is gone."""
        ...

    def sink_lost(self, pump: "Pump") -> None:
        """Writing failed: the sink is gone."""
        ...

    def quota_exhausted(self, pump: "Pump") -> None:
        """The quota is used up."""
        ...


class Pump:
    """One direction. Its owner sets `readable` and `writable` when notified, and calls `run`."""

    __slots__ = (
        "armed",
        "done",
        "eof",
        "held",
        "initial_data",
        "is_upload",
        "left",
        "may_splice",
        "moved",
        "other",
        "owner",
        "peer_finished",
        "pipe",
        "pipes",
        "quiet",
        "reactor",
        "readable",
        "rest",
        "sink",
        "source",
        "spend",
        "splicing",
        "stopping",
        "waiting",
        "writable",
    )

    def __init__(  # noqa: PLR0913  two ends and what stands between them
        self,
        owner: PumpOwner,
        spend: Spend,
        source: socket.socket,
        sink: socket.socket,
        reactor: Reactor,
        pipes: Pipes,
        *,
        is_upload: bool,
        initial_data: bytes = b"",
        left: int = -1,
    ) -> None:
        self.owner, self.spend, self.reactor, self.pipes = owner, spend, reactor, pipes
        self.source, self.sink, self.is_upload = source, sink, is_upload
        self.initial_data = initial_data  # bytes that were read before the pump began; not counted yet
        self.left = left  # how many more to move; -1: until the source ends
        self.readable = self.writable = True  # the first call that would block corrects it
        self.may_splice = not isinstance(source, BufferedSocket) and not isinstance(sink, BufferedSocket)
        self.peer_finished = False  # the source has sent its last byte, so a short read is not the end
        self.eof = self.stopping = self.done = self.waiting = self.splicing = False
        self.armed = False  # whether we are notified when the sink can be written
        self.other: Pump | None = None  # the other direction of the same two sockets, if there is one
        self.quiet = False  # the source is not watched, until the next call that would block
        self.held = 0  # bytes read and not yet written: in `pipe`, `rest` or the shared buffer
        self.moved = 0
        self.rest: bytes | None = None
        self.pipe: Pipe | None = None

    def run(self) -> None:
        """Move what can be moved now."""
        reads = _TURN_READS
        while not self.done:
            if self.held:
                if not self.writable or not self._write():
                    return
            elif self.eof or self.stopping or not self.left:
                self.done = True
                self.owner.ended(self)
            elif self.waiting or not (self.readable or self.initial_data):
                return
            elif not reads:
                self.waiting = True
                self.reactor.call_soon(self.resume)
                return
            else:
                reads -= 1
                if not (self._splice() if self.splicing else self._recv()):
                    return

    def resume(self) -> None:
        """Go on after a wait for the quota, the throttle or the others' turns."""
        self.waiting = False
        self.run()

    def abandon(self) -> None:
        """Stop for good. What was taken and never reached the client is given back."""
        self.done = True
        if self.held and not self.is_upload:
            self.spend.unused(self.held)
        if self.pipe is not None:
            self.pipes.drop(self.pipe)
            self.pipe = None
        self.held, self.rest, self.initial_data = 0, None, b""

    def _recv(self) -> bool:
        """Read what was taken into the shared buffer; return whether to go on."""
        size = self._take(len(self.initial_data) or CHUNK_BYTES)
        if not size:
            return False
        if self.initial_data:
            self.rest, self.initial_data = self.initial_data[:size], self.initial_data[size:]
            self._count(size)
            return True
        try:
            got = self.source.recv_into(self.reactor.scratch, size)
        except BlockingIOError:
            self.spend.unused(size)
            self.readable = False
            return False
        except OSError:
            self.spend.unused(size)
            self.owner.source_lost(self)
            return False
        if got < size:
            self.spend.unused(size - got)
            if not self.peer_finished:
                self.readable = (
                    False  # a short read has emptied the socket; the next event says when to go on
                )
        if not got:
            self.eof = True
            return True
        self._count(got)
        self.moved += got
        if not self.writable:
            self.rest = bytes(self.reactor.scratch[:got])
        return True

    def _splice(self) -> bool:
        """Move what was taken into a pipe; return whether to go on."""
        pipes = self.pipes
        try:
            pipe = pipes.acquire()
        except OSError:  # no file left for a pipe: go on with copies
            self.splicing, self.moved = False, 0
            self._end_quiet()
            return True
        size = self._take(pipe.size)
        if not size:
            pipes.release(pipe)
            return False
        try:
            got = os.splice(self.source.fileno(), pipe.inlet, size, flags=_FLAGS)
        except BlockingIOError:
            self.spend.unused(size)
            pipes.release(pipe)
            self.readable = False
            self._end_quiet()
            return False
        except OSError:
            self.spend.unused(size)
            pipes.release(pipe)
            self.owner.source_lost(self)
            return False
        if got < size:
            self.spend.unused(size - got)
        if got:
            self.pipe = pipe
            self._count(got)
        else:
            pipes.release(pipe)
            self.eof = True
        return True

    def _count(self, got: int) -> None:
        """Account for bytes that were read."""
        self.held = got
        if self.left > 0:
            self.left -= got
        if self.is_upload:
            self.spend.count_in(got)

    def _write(self) -> bool:
        """Write what is held; return whether to go on."""
        pipe, held = self.pipe, self.held
        if not self.is_upload:
            self.spend.count_out(held)  # before the call, so that a kill hides nothing that was sent
        try:
            if pipe is not None:
                put = os.splice(pipe.outlet, self.sink.fileno(), held, flags=_FLAGS)
            else:
                put = self.sink.send(self.reactor.scratch[:held] if self.rest is None else self.rest)
        except BlockingIOError:
            put = 0
        except OSError:
            if not self.is_upload:
                self.spend.not_out(held)
            self.owner.sink_lost(self)
            return False
        self.held = held - put
        if self.held:
            if not self.is_upload:
                self.spend.not_out(self.held)
            self._keep(put)
            return put > 0
        self.rest = None
        if pipe is not None:
            self.pipe = None
            self.pipes.release(pipe)
        elif self.moved >= _SPLICE_AFTER_BYTES and self.may_splice:
            self.splicing = True
        return True

    def _keep(self, put: int) -> None:
        """Keep what the sink did not take, and ask to be notified when it will."""
        if self.pipe is None:
            self.rest = (
                bytes(self.reactor.scratch[put : put + self.held]) if self.rest is None else self.rest[put:]
            )
        if not put:
            self.writable = False
            if not self.armed:
                self.armed = True
                self.reactor.arm(self.sink)
                if self.other is not None:
                    self.other.quiet = False  # arming notifies of input, too
            if self.splicing:
                self._begin_quiet()

    def _begin_quiet(self) -> None:
        """While the sink takes nothing, do not be woken for every segment that reaches the source."""
        other = self.other
        if other is not None and not self.quiet:
            self.quiet = True
            other.armed = not other.writable
            self.reactor.quiet(self.source, writing=other.armed)

    def _end_quiet(self) -> None:
        if self.quiet and self.other is not None:
            self.quiet = False
            self.reactor.rearm(self.source, writing=self.other.armed)

    # ── what may be moved ───────────────────────────────────────────────────────────────────────────

    def _take(self, want: int) -> int:
        """Take up to `want` bytes; 0 means that this pump waits or is over."""
        if 0 < self.left < want:
            want = self.left
        spend = self.spend
        size = spend.take(want)
        if not size:
            if spend.exhausted:
                self.owner.quota_exhausted(self)
            else:
                self.waiting = True
                spend.wait(self.resume)
        return size
