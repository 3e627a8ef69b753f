"""Readiness of many sockets by one epoll set inside the event loop: no Task and no handle per connection.

Every socket is registered once, edge-triggered, for input and half-close; a watcher that was notified of "readable"
keeps that in mind until a call would block. Interest in output is added when a write first blocks. This is
why a tunnel costs two `epoll_ctl` calls in its life, and an idle one nothing but its own state.

The loop itself watches only the epoll set. Files closed while a batch of events is handled stay open until
its end, so that a number is never reused under an event that still names the old file.
"""

import asyncio
import logging
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
INPUT = select.EPOLLIN | select.EPOLLRDHUP
FINISHED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR  # nothing follows what is there to read
ERROR = select.EPOLLERR  # reset, or unreachable
_INPUT = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_EVERYTHING = _INPUT | select.EPOLLOUT
_BATCH = 256
_SWEEP_S = 0.5
CHUNK_BYTES = 64 * 1024
_STOPPED_S = 4 * _SWEEP_S  # who has not swept for so long was stopped, or the machine slept

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Something that waits for a socket."""

    def ready(self, fd: int, mask: int) -> None:
        """The file may be read, written, or is broken: `mask` is a hint, the next call decides."""
        ...

    def failed(self) -> None:
        """End it: `ready` has raised, which is a bug, and nobody will come back to it."""
        ...


class BufferedSocket(socket.socket):
    """A socket that keeps bytes of its own, so that epoll does not know of all that can be read.

    It is not spliced. When it keeps something back from a reader that asked for more, it calls `notify` of the reactor.
    """

    @property
    def has_input(self) -> bool:
        """Whether there is something to read of which the kernel does not know."""
        raise NotImplementedError


class HasDeadline(Protocol):
    """Something that must have moved by `deadline` (a moment of the reactor's monotonic clock)."""

    @property
    def deadline(self) -> float:
        """Looked at twice a second, so it may change."""
        ...

    def expired(self) -> None:
        """The deadline has passed."""
        ...


class Reactor:
    """One epoll set, the watchers of its files, the deadlines of its connections by `monotonic`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._now = monotonic()
        self.scratch = memoryview(bytearray(CHUNK_BYTES))  # filled and emptied within one call of a watcher
        self._epoll = select.epoll()
        self._watchers: dict[int, Watcher] = {}
        self._timed: set[HasDeadline] = set()
        self._pending: set[int] = set()
        self._calls: deque[Callable[[], None]] = deque()
        self._closing: list[socket.socket] = []
        self._waking = False
        self._turn: asyncio.Handle | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def now(self) -> float:
        """The clock, in seconds, as it was read last: half a second ago at most."""
        if self._sweeper is None:
            self._now = self.monotonic()
        return self._now

    def start(self) -> None:
        """Begin to listen for events on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._wake)
        self._sweep()

    def stop(self) -> None:
        """Stop listening. Connections that are left are forgotten, not closed."""
        self._loop.remove_reader(self._epoll.fileno())
        for handle in (self._sweeper, self._turn):
            if handle is not None:
                handle.cancel()
        self._close_files()
        self._epoll.close()

    def watch(self, sock: socket.socket, watcher: Watcher, *, writing: bool = False) -> int:
        """Notify `watcher` when the socket can be read, and written if asked; return the socket's number."""
        fd = sock.fileno()
        self._watchers[fd] = watcher
        self._epoll.register(fd, _EVERYTHING if writing else _INPUT)
        return fd

    def arm(self, sock: socket.socket) -> None:
        """Notify also when the socket can be written: at once if it can be now."""
        self._epoll.modify(sock.fileno(), _EVERYTHING)

    def quiet(self, sock: socket.socket, *, writing: bool) -> None:
        """Report only errors, and that the socket can be written if asked, until `rearm`."""
        self._epoll.modify(sock.fileno(), select.EPOLLET | (select.EPOLLOUT if writing else 0))

    def rearm(self, sock: socket.socket, *, writing: bool) -> None:
        """Report again what happens, beginning with what there is."""
        self._epoll.modify(sock.fileno(), _EVERYTHING if writing else _INPUT)

    def transfer_and_rearm(self, sock: socket.socket, watcher: Watcher) -> None:
        """Notify another watcher from now on, beginning with what there is to read already."""
        fd = sock.fileno()
        self._watchers[fd] = watcher
        self._epoll.modify(fd, _INPUT)
        self._notify_of_buffered(sock)

    def transfer(self, sock: socket.socket, watcher: Watcher) -> None:
        """Notify another watcher of what happens from now on: everything before was handled, or is `pending`."""
        fd = sock.fileno()
        self._watchers[fd] = watcher
        if fd in self._pending:
            self._pending.discard(fd)
            self._epoll.modify(fd, _EVERYTHING)
        self._notify_of_buffered(sock)

    def notify(self, sock: socket.socket, mask: int) -> None:
        """Notify the watcher of a socket of something that epoll does not know, after the events at hand."""

        def call() -> None:
            if sock.fileno() >= 0 and (watcher := self._watchers.get(sock.fileno())) is not None:
                watcher.ready(sock.fileno(), mask)

        self.call_soon(call)

    def forget(self, sock: socket.socket) -> None:
        """Watch a socket no longer; it stays open."""
        self._watchers.pop(sock.fileno(), None)
        self._epoll.unregister(sock.fileno())

    def _notify_of_buffered(self, sock: socket.socket) -> None:
        if isinstance(sock, BufferedSocket) and sock.has_input:
            self.notify(sock, select.EPOLLIN)

    def mark_pending(self, fd: int) -> None:
        """Note that a watcher was notified of something that it leaves to the next one."""
        self._pending.add(fd)

    def close(self, sock: socket.socket) -> None:
        """Close a socket after the events at hand; nobody is notified of it any more."""
        fd = sock.fileno()
        self._watchers.pop(fd, None)
        self._pending.discard(fd)
        self._closing.append(sock)
        if not self._waking:
            self._schedule()

    def is_open(self, sock: socket.socket) -> bool:
        """Return whether the socket still has a watcher."""
        return sock.fileno() in self._watchers

    def call_soon(self, call: Callable[[], None]) -> None:
        """Call after the events at hand, before new ones: for one that has more to do than its turn allows."""
        self._calls.append(call)
        self._schedule()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call once after a delay."""
        self._loop.call_later(delay_s, self._run_later, call)

    def add_deadline(self, timed: HasDeadline) -> None:
        """Call `timed.expired()` within half a second after its deadline, until `remove_deadline`."""
        self._timed.add(timed)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def remove_deadline(self, timed: HasDeadline) -> None:
        """Forget a deadline."""
        self._timed.discard(timed)

    def _wake(self) -> None:
        self._look_at_the_clock()
        self._waking = True
        watchers = self._watchers
        for fd, mask in self._epoll.poll(0, _BATCH):
            watcher = watchers.get(fd)
            if watcher is None:
                continue
            try:
                watcher.ready(fd, mask)
            except Exception:  # noqa: BLE001  one connection's failure must not stop the others
                _log.exception("a connection failed in %s", type(watcher).__name__)
                self._guarded(watcher.failed)
        self._waking = False
        if self._closing:
            self._close_files()

    def _schedule(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._run_soon)

    def _run_soon(self) -> None:
        self._turn = None
        self._look_at_the_clock()
        calls, self._calls = self._calls, deque()
        for call in calls:
            self._guarded(call)
        self._close_files()

    def _close_files(self) -> None:
        closing, self._closing = self._closing, []
        for sock in closing:
            os.close(sock.detach())

    def _sweep(self) -> None:
        self._now = self.monotonic()
        # With nothing to look after, the process sleeps until something happens.
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep) if self._timed else None
        self._expire()

    def _look_at_the_clock(self) -> None:
        before, self._now = self._now, self.monotonic()
        if self._now - before > _STOPPED_S:
            self._expire()  # what is over by now must not move another byte

    def _expire(self) -> None:
        for timed in [timed for timed in self._timed if timed.deadline <= self._now]:
            self._guarded(timed.expired)

    def _run_later(self, call: Callable[[], None]) -> None:
        self._look_at_the_clock()
        self._guarded(call)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001  as above
            _log.exception("a connection failed in %s", getattr(call, "__qualname__", call))
