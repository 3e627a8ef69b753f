"""The direct exit: names are resolved and targets dialled from this machine."""

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tollway.edge import refusal
from tollway.edge.policy.rule import RequestContext
from tollway.edge.reactor import FINISHED, INPUT, WRITABLE, Reactor
from tollway.edge.refusal import Refusal
from tollway.kit.tasks import spawn

_NAMES = 10_000
_FAILURE_TTL_S = 2.0
# A resolver that does not answer keeps its thread for many seconds, so one customer's names get a part of them only.
_LOOKUPS, _LOOKUPS_OF_ONE = 64, 16

Addresses = tuple[str, ...]
_OF_ERROR = {
    errno.ECONNREFUSED: refusal.REFUSED,
    errno.ECONNRESET: refusal.REFUSED,
    errno.ETIMEDOUT: refusal.CONNECT_TIMEOUT,
    errno.EMFILE: refusal.OVERLOADED,
    errno.ENFILE: refusal.OVERLOADED,
    errno.ENOBUFS: refusal.OVERLOADED,
    errno.EADDRNOTAVAIL: refusal.OVERLOADED,
}


class Direct:
    """Resolves names and dials their addresses from this machine."""

    healthy = True

    def __init__(
        self, reactor: Reactor, *, name_ttl_s: float, lookup_timeout_s: float, connect_timeout_s: float
    ) -> None:
        self._reactor, self._timeout_s = reactor, connect_timeout_s
        self._resolver = Resolver(name_ttl_s, lookup_timeout_s, reactor.monotonic)

    def connect(
        self,
        context: RequestContext,
        check: Callable[[RequestContext], Refusal | None],
        then: Callable[[socket.socket | Refusal], None],
    ) -> "Opening":
        """Connect to one of the addresses of the context's host, if `check` passes all of them."""
        opening = Opening()

        def resolved(found: Addresses | Refusal) -> None:
            if opening.abandoned:
                return
            if isinstance(found, Refusal):
                then(found)
                return
            context.addresses = found
            why_not = check(context)
            if why_not is not None:
                then(why_not)
            else:
                opening.dial = Dial(self._reactor, found, context.port, self._timeout_s, then)

        self._resolver.lookup(context.host, context.grant.user_id, resolved)
        return opening

    def stop(self) -> None:
        """Begin no more lookups."""
        self._resolver.stop()


class Resolver:
    """Resolves names, each once at a time, and remembers the answers for a little while."""

    def __init__(self, ttl_s: float, timeout_s: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ttl_s, self._timeout_s = ttl_s, timeout_s
        self._cached: dict[str, tuple[float, Addresses | Refusal]] = {}
        self._asked: dict[str, list[Callable[[Addresses | Refusal], None]]] = {}
        self._threads = ThreadPoolExecutor(_LOOKUPS, "lookup")
        self._running: Counter[str] = Counter()  # by customer, until the thread is free again

    def stop(self) -> None:
        """Begin no more lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def cached(self, host: str) -> Addresses | Refusal | None:
        """Return what is remembered of a name, or the address if it is one; None when it must be looked up."""
        cached = self._cached.get(host)
        if cached is not None and cached[0] > self._monotonic():
            return cached[1]
        if _is_address(host):
            self._remember(host, (host,), 86_400)
            return (host,)
        return None

    def lookup(self, host: str, customer: str, then: Callable[[Addresses | Refusal], None]) -> None:
        """Call `then` with all addresses of a name or address literal: at once when they are known."""
        cached = self.cached(host)
        if cached is not None:
            then(cached)
        elif host in self._asked:
            self._asked[host].append(then)
        elif self._running[customer] >= _LOOKUPS_OF_ONE or self._running.total() >= _LOOKUPS:
            then(refusal.OVERLOADED)
        else:
            self._asked[host] = [then]
            self._running[customer] += 1
            spawn(self._resolve(host, customer), f"lookup of {host}")

    async def _resolve(self, host: str, customer: str) -> None:
        answer, ttl_s = await self._ask(host, customer)
        self._remember(host, answer, ttl_s)
        for then in self._asked.pop(host):
            then(answer)

    async def _ask(self, host: str, customer: str) -> tuple[Addresses | Refusal, float]:
        loop = asyncio.get_running_loop()
        asked = self._threads.submit(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        asked.add_done_callback(lambda _: _tell(loop, self._has_run, customer))
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await asyncio.wrap_future(asked)
        except TimeoutError:
            return refusal.NAME_TIMEOUT, _FAILURE_TTL_S
        except (OSError, UnicodeError):
            return refusal.NAME_UNKNOWN, _FAILURE_TTL_S
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found)), self._ttl_s

    def _has_run(self, customer: str) -> None:
        self._running[customer] -= 1
        if not self._running[customer]:
            del self._running[customer]

    def _remember(self, host: str, answer: Addresses | Refusal, ttl_s: float) -> None:
        if len(self._cached) >= _NAMES:
            del self._cached[next(iter(self._cached))]
        self._cached[host] = (self._monotonic() + ttl_s, answer)


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[str], None], customer: str) -> None:
    # From the thread of a lookup, which may outlive the edge.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, customer)


class Dial:
    """Reaches a target: its addresses in order, until one answers or the time is up.

    `then` is called once, with a connected non-blocking socket that the reactor knows, or why not.
    """

    __slots__ = ("_addresses", "_next", "_port", "_reactor", "_sock", "_then", "deadline")

    def __init__(
        self,
        reactor: Reactor,
        addresses: Sequence[str],
        port: int,
        timeout_s: float,
        then: Callable[[socket.socket | Refusal], None],
    ) -> None:
        self._reactor, self._addresses, self._port, self._then = reactor, addresses, port, then
        self._next = 0
        self._sock: socket.socket | None = None
        self.deadline = reactor.monotonic() + timeout_s
        reactor.add_deadline(self)
        self._dial(refusal.UNREACHABLE)

    def ready(self, fd: int, mask: int) -> None:
        """The attempt under way has succeeded or failed."""
        if self._sock is None:  # decided before; the socket waits for its tunnel
            self._reactor.mark_pending(fd)
            return
        error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if mask & FINISHED else 0
        if error:
            self._reactor.close(self._sock)
            self._dial(_OF_ERROR.get(error, refusal.UNREACHABLE))
        elif mask & WRITABLE:
            if mask & INPUT:
                self._reactor.mark_pending(fd)  # an origin that speaks first
            self._finish(self._sock)

    def expired(self) -> None:
        """No address answered in time."""
        self.abandon()
        self._then(refusal.CONNECT_TIMEOUT)

    failed = expired

    def abandon(self) -> None:
        """Stop: nobody waits any more."""
        self._reactor.remove_deadline(self)
        if self._sock is not None:
            self._reactor.close(self._sock)
            self._sock = None

    def _dial(self, failure: Refusal) -> None:
        """Try the next address; `failure` is what to say when there is none."""
        while self._next < len(self._addresses):
            address = self._addresses[self._next]
            self._next += 1
            try:
                self._sock = sock = socket.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET,
                    socket.SOCK_STREAM | socket.SOCK_NONBLOCK,
                )
            except OSError as error:
                failure = _OF_ERROR.get(error.errno or 0, refusal.UNREACHABLE)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            error = sock.connect_ex((address, self._port))
            if error in {0, errno.EINPROGRESS}:
                self._reactor.watch(sock, self, writing=True)
                return
            sock.close()
            failure = _OF_ERROR.get(error, refusal.UNREACHABLE)
        self._sock = None
        self._finish(failure)

    def _finish(self, outcome: socket.socket | Refusal) -> None:
        self._reactor.remove_deadline(self)
        self._sock = None
        self._then(outcome)


class Opening:
    """A target that is resolved and dialled. `abandon` it when the client is gone: `then` is not called any more."""

    __slots__ = ("abandoned", "dial")

    def __init__(self) -> None:
        self.abandoned = False
        self.dial: Dial | None = None

    def abandon(self) -> None:
        """Stop."""
        self.abandoned = True
        if self.dial is not None:
            self.dial.abandon()
            self.dial = None


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
