"""The session's five verbs for protocols that are coroutines: the same code, to be awaited.

    authenticate   await session.authenticate(Password(name, secret))
    connect        stream = await session.connect(host, port)
    storage        stream = await session.storage()
    reject         raise session.reject(why)
    close          session.close(cause)

What is refused raises Rejected. Each verb waits for the verb of the same name of `session`.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from tollway.edge.credential import Credential
from tollway.edge.flow import Flow
from tollway.edge.gate import Gate
from tollway.edge.listener import OnClient
from tollway.edge.reactor import ERROR
from tollway.edge.refusal import NO_ALLOWANCE, Refusal
from tollway.edge.session import Session
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.tasks import spawn

_log = logging.getLogger(__name__)
_READ_BYTES = 65_536

Serve = Callable[["AwaitableSession"], Awaitable[None]]


class Rejected(Exception):
    """What was asked for is refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class MeteredStream:
    """One side of a session: read, write, close. What passes the client's side is metered, and throttled."""

    __slots__ = ("_event", "_metered", "_session", "sock")

    def __init__(self, session: "AwaitableSession", sock: socket.socket, *, metered: bool) -> None:
        self._session, self.sock, self._metered = session, sock, metered
        self._event = asyncio.Event()

    async def read(self, most: int = _READ_BYTES) -> bytes:
        """Read what there is, up to `most` bytes; empty at the end. Raises ConnectionError and Rejected."""
        while True:
            size = await self._take(most)
            try:
                data = self.sock.recv(size)
            except BlockingIOError:
                self._unused(size)
                await self._ready()
                continue
            except OSError as error:
                self._unused(size)
                raise ConnectionError(str(error)) from error
            self._unused(size - len(data))
            if self._metered:
                self._session.count_in(len(data))
            return data

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises ConnectionError and Rejected."""
        rest = memoryview(data)
        while rest:
            size = await self._take(len(rest))
            try:
                sent = self.sock.send(rest[:size])
            except BlockingIOError:
                self._unused(size)
                self._session.reactor.arm(self.sock)
                await self._ready()
                continue
            except OSError as error:
                self._unused(size)
                raise ConnectionError(str(error)) from error
            self._unused(size - sent)
            if self._metered:
                self._session.count_out(sent)
            rest = rest[sent:]

    def close(self) -> None:
        """Close it now. Harmless when it is closed."""
        if self.sock.fileno() >= 0 and self._session.reactor.is_open(self.sock):
            self._session.reactor.close(self.sock)

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """Something can be read or written, or is broken, which the next call shows."""
        self._event.set()
        if mask & ERROR and self._metered:
            self._session.terminate(TerminateCause.LOST_CARRIER)

    def failed(self) -> None:
        """End it after a bug."""
        self._session.terminate(TerminateCause.NAS_ERROR)

    async def _ready(self) -> None:
        self._event.clear()
        await self._event.wait()

    async def _take(self, want: int) -> int:
        session = self._session
        session.touch()
        flow = session.flow
        if flow is None or not self._metered:
            return want
        while not (size := flow.spend.take(want)):
            if not await flow.spend.more():
                raise Rejected(NO_ALLOWANCE)
        return size

    def _unused(self, size: int) -> None:
        flow = self._session.flow
        if flow is not None and self._metered:
            flow.spend.unused(size)


class _Verbs(Session):
    """The session of a coroutine: whichever verb is under way, its outcome goes into one future."""

    __slots__ = ("cause", "outcome", "streams", "task")

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        super().__init__(gate, client, client_address, protocol)
        self.cause = TerminateCause.USER_REQUEST
        self.outcome: asyncio.Future[socket.socket | None] | None = None
        self.streams: list[MeteredStream] = []  # to targets
        self.task: asyncio.Task[None] | None = None
        gate.waiting.add(self)

    def refuse(self, why: Refusal) -> None:
        """Raise the refusal where the coroutine waits; it is why the flow ends if nothing else is."""
        self.cause = why.cause
        if self.outcome is not None and not self.outcome.done():
            self.outcome.set_exception(Rejected(why))

    def done(self, origin: socket.socket | None = None) -> None:
        """Let the coroutine go on."""
        if self.outcome is not None and not self.outcome.done():
            self.outcome.set_result(origin)

    async def wait_for(self, verb: Callable[[], None]) -> socket.socket | None:
        """Begin a verb and return its outcome. Raises Rejected."""
        self.outcome = asyncio.get_running_loop().create_future()
        verb()
        try:
            return await self.outcome
        except asyncio.CancelledError:
            self._stop_waiting()
            raise

    def take_origin(self, origin: socket.socket, stream: "MeteredStream") -> None:
        """Hand a connection to the stream that reads and writes it."""
        self._origin = None
        self.streams.append(stream)
        self.gate.reactor.transfer_and_rearm(origin, stream)

    def terminate(self, cause: TerminateCause) -> None:
        """End it now, and the coroutine with it."""
        self.close(cause)
        if self.task is not None:
            self.task.cancel()

    def _end(self, cause: TerminateCause) -> bool:
        if not super()._end(cause):
            return False
        self.gate.waiting.discard(self)
        for stream in self.streams:
            stream.close()
        return True


class AwaitableSession:
    """One client of a protocol that is a coroutine."""

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        self.reactor = gate.reactor
        self._verbs = _Verbs(gate, client, client_address, protocol)
        self.client = MeteredStream(self, client, metered=True)
        gate.reactor.watch(client, self.client)

    @property
    def flow(self) -> Flow | None:
        """The customer's flow, from `authenticate` on."""
        return self._verbs.flow

    # ── the five verbs ──────────────────────────────────────────────────────────────────────────────

    async def authenticate(self, credential: Credential) -> None:
        """Begin a flow for a credential, charged for what was said so far. Raises Rejected."""
        verbs = self._verbs
        await verbs.wait_for(partial(verbs.authenticate, credential, verbs.done))

    async def connect(self, host: str, port: int) -> MeteredStream:
        """Connect to a target, if every rule agrees. Raises Rejected."""
        verbs = self._verbs
        origin = await verbs.wait_for(partial(verbs.connect, host, port, verbs.done))
        assert origin is not None
        stream = MeteredStream(self, origin, metered=False)
        verbs.take_origin(origin, stream)
        return stream

    async def storage(self) -> MeteredStream:
        """Open the customer's file space. Raises Rejected: no node offers one yet."""
        await self._verbs.wait_for(self._verbs.storage)
        raise AssertionError("storage is always refused")

    def reject(self, why: Refusal) -> Rejected:
        """Count a refusal, which is why the flow ends if nothing else is; return it as an exception."""
        self._verbs.outcome = None
        self._verbs.reject(why)
        return Rejected(why)

    def close(self, cause: TerminateCause | None = None) -> None:
        """End the session; what was written to the client still arrives. Harmless when it has ended."""
        self._verbs.close_gracefully(cause or self._verbs.cause)

    # ── what happens to it ──────────────────────────────────────────────────────────────────────────

    def run(self, serve: Serve) -> None:
        """Let the protocol serve this client, in a task of its own."""
        self._verbs.task = spawn(self._run(serve), f"{self._verbs.protocol} for {self._verbs.client_address}")

    def terminate(self, cause: TerminateCause) -> None:
        """End it now, for a reason from outside."""
        self._verbs.terminate(cause)

    def touch(self) -> None:
        """Something is about to move."""
        if self.flow is not None:
            self._verbs.deadline = self.reactor.now + self._verbs.gate.settings.idle_timeout_s

    def count_in(self, size: int) -> None:
        """Count bytes that the client sent; before there is a flow they are kept for it."""
        if self.flow is None:
            self._verbs.bytes_in += size
        else:
            self.flow.spend.count_in(size)

    def count_out(self, size: int) -> None:
        """Count bytes that were written to the client."""
        if self.flow is None:
            self._verbs.bytes_out += size
        else:
            self.flow.spend.count_out(size)

    async def _run(self, serve: Serve) -> None:
        cause: TerminateCause | None = None
        try:
            await serve(self)
        except Rejected as rejected:
            cause = rejected.refusal.cause
        except ConnectionError:
            cause = TerminateCause.LOST_CARRIER
        except Exception:  # noqa: BLE001  one client's failure must not stop the others
            _log.exception("a %s session failed", self._verbs.protocol)
            cause = TerminateCause.NAS_ERROR
        self.close(cause)


def serve_with(protocol: str, serve: Serve) -> Callable[[Gate], OnClient]:
    """Make what a ProtocolSpec needs of a coroutine that serves one session."""

    def offer(gate: Gate) -> OnClient:
        def accept(client: socket.socket, client_address: str) -> None:
            AwaitableSession(gate, client, client_address, protocol).run(serve)

        return accept

    return offer
