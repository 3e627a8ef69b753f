"""The direct exit: names are resolved and targets dialled from this machine."""

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import zip_longest

from tollway.edge import refusal
from tollway.edge.policy.rule import RequestContext
from tollway.edge.reactor import FINISHED, INPUT, WRITABLE, Reactor
from tollway.edge.refusal import Refusal
from tollway.kit.tasks import spawn

_NAMES = 10_000
_FAILURE_TTL_S = 2.0
_ATTEMPT_DELAY_S = 0.25  # the Connection Attempt Delay that RFC 8305, 5, recommends
_PREFERRED_S = 600.0
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
        self._preferred = PreferredAddresses(reactor.monotonic)
        self._resolver = Resolver(name_ttl_s, lookup_timeout_s, reactor.monotonic)
        self._own: dict[tuple[str, int], tuple[str, int]] = {}

    def offer(self, host: str, port: int, address: str, own_port: int) -> None:
        """Reach a target of this node itself by a name that no name server knows. It passes by the address guard."""
        self._own[host, port] = address, own_port

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
                opening.dial = Dial(
                    self._reactor, found, context.port, self._timeout_s, self._preferred, then
                )

        own = self._own.get((context.host.removesuffix("."), context.port))
        if own is not None:
            address, port = own
            opening.dial = Dial(self._reactor, (address,), port, self._timeout_s, self._preferred, then)
        else:
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
        asked.add_done_callback(lambda _: _notify(loop, self._has_run, customer))
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


def _notify(loop: asyncio.AbstractEventLoop, call: Callable[[str], None], customer: str) -> None:
    # From the thread of a lookup, which may outlive the edge.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, customer)


class Dial:
    """Reaches a target by Happy Eyeballs (RFC 8305): its addresses in order, without waiting for each to fail.

    The next one is tried when the one before has failed, or has not answered for `_ATTEMPT_DELAY_S`; the first that
    answers is taken and the others are given up. `then` is called once, with a connected non-blocking socket that the
    reactor knows, or why not.
    """

    __slots__ = (
        "_addresses",
        "_attempts",
        "_failure",
        "_next",
        "_over",
        "_port",
        "_preferred",
        "_reactor",
        "_then",
        "deadline",
    )

    def __init__(
        self,
        reactor: Reactor,
        addresses: Sequence[str],
        port: int,
        timeout_s: float,
        preferred: "PreferredAddresses",
        then: Callable[[socket.socket | Refusal], None],
    ) -> None:
        self._reactor, self._port, self._preferred, self._then = reactor, port, preferred, then
        self._addresses = preferred.order(addresses, port)
        self._next = 0
        self._attempts: dict[int, tuple[socket.socket, str]] = {}  # by file number
        self._failure = refusal.UNREACHABLE  # the latest, to be answered when there is no address left
        self._over = False
        self.deadline = reactor.monotonic() + timeout_s
        reactor.add_deadline(self)
        self._attempt()

    def ready(self, fd: int, mask: int) -> None:
        """An attempt under way has succeeded or failed."""
        if self._over:  # decided before; the socket waits for its tunnel
            self._reactor.mark_pending(fd)
            return
        sock, address = self._attempts[fd]
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if mask & FINISHED else 0
        if error:
            del self._attempts[fd]
            self._reactor.close(sock)
            self._failed(error)
            self._attempt()
        elif mask & WRITABLE:
            if mask & INPUT:
                self._reactor.mark_pending(fd)  # an origin that speaks first
            del self._attempts[fd]
            self._preferred.worked(self._addresses, address, self._port)
            self._finish(sock)

    def expired(self) -> None:
        """No address answered in time."""
        self._finish(refusal.CONNECT_TIMEOUT)

    failed = expired

    def abandon(self) -> None:
        """Stop: nobody waits any more."""
        self._over = True
        self._reactor.remove_deadline(self)
        for sock, _ in self._attempts.values():
            self._reactor.close(sock)
        self._attempts.clear()

    def _attempt(self) -> None:
        """Try the next address; finish when none is left and none is under way."""
        while self._next < len(self._addresses):
            address = self._addresses[self._next]
            self._next += 1
            try:
                sock = socket.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET,
                    socket.SOCK_STREAM | socket.SOCK_NONBLOCK,
                )
            except OSError as error:
                self._failed(error.errno or 0)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            error = sock.connect_ex((address, self._port))
            if error in {0, errno.EINPROGRESS}:
                self._attempts[self._reactor.watch(sock, self, writing=True)] = (sock, address)
                if self._next < len(self._addresses):
                    self._reactor.call_later(_ATTEMPT_DELAY_S, partial(self._is_slow, self._next))
                return
            sock.close()
            self._failed(error)
        if not self._attempts:
            self._finish(self._failure)

    def _is_slow(self, tried: int) -> None:
        """Try the next address beside those that have not answered, unless that was done meanwhile."""
        if not self._over and tried == self._next:
            self._attempt()

    def _failed(self, error: int) -> None:
        self._failure = _OF_ERROR.get(error, refusal.UNREACHABLE)

    def _finish(self, outcome: socket.socket | Refusal) -> None:
        self.abandon()
        self._then(outcome)


class PreferredAddresses:
    """Which address of a target answered last: it is tried first for a while."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: dict[tuple[frozenset[str], int], tuple[float, str]] = {}

    def order(self, addresses: Sequence[str], port: int) -> Sequence[str]:
        """Return addresses as they are to be tried: what answered last, then the families in turns (RFC 8305, 4)."""
        if len(addresses) == 1:
            return addresses
        families = [
            [one for one in addresses if (":" in one) is v6]
            for v6 in (":" in addresses[0], ":" not in addresses[0])
        ]
        ordered = [one for pair in zip_longest(*families) for one in pair if one is not None]
        until, known = self._known.get((frozenset(addresses), port), (0.0, ""))
        if until > self._monotonic():
            ordered.remove(known)
            ordered.insert(0, known)
        return ordered

    def worked(self, addresses: Sequence[str], address: str, port: int) -> None:
        """Note that this address has answered."""
        if len(addresses) == 1:
            return
        if len(self._known) >= _NAMES:
            del self._known[next(iter(self._known))]
        self._known[frozenset(addresses), port] = self._monotonic() + _PREFERRED_S, address


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
