"""A client's session, for protocols that are coroutines. It is the only way out that such a protocol has.

    authenticate   who is it?                  → a flow begins, charged for what was said so far
    connect        where does it want to go?   → a Stream
    storage        the customer's files        → refused until a node offers them
    reject         why it gets nothing
    close          why it ended

HTTP and SOCKS5 reach the same gate by callbacks (`handshake`), so that a tunnel needs no Task. Whichever way: rules,
quota, throttle and meter are the gate's and `spend`'s, and no protocol can go past them.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.gate import Gate
from tollway.edge.metrics import METRICS
from tollway.edge.reactor import ERROR
from tollway.edge.refusal import NO_ALLOWANCE, NOT_AVAILABLE, Refusal
from tollway.edge.relay import LingeringClose
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.tasks import spawn

_log = logging.getLogger(__name__)
_READ_BYTES = 65_536

Serve = Callable[["Session"], Awaitable[None]]


class Rejected(Exception):
    """What was asked for is refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class MeteredStream:
    """One side of a session: read, write, close. What passes the client's side is metered, and throttled."""

    __slots__ = ("_event", "_metered", "_session", "sock")

    def __init__(self, session: "Session", sock: socket.socket, *, metered: bool) -> None:
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
                self._session.gate.reactor.arm(self.sock)
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
        if self.sock.fileno() >= 0 and self._session.gate.reactor.is_open(self.sock):
            self._session.gate.reactor.close(self.sock)

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """Something can be read or written, or is broken, which the next call tells."""
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


class Session(FlowOwner):
    """One client of a protocol that is a coroutine."""

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        self.gate, self.client_address, self.protocol = gate, client_address, protocol
        self.flow: Flow | None = None
        self.client = MeteredStream(self, client, metered=True)
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        self._bytes_in = self._bytes_out = 0  # before there is a flow
        self._cause = TerminateCause.USER_REQUEST
        self._streams = [self.client]
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        gate.sessions.add(self)
        gate.reactor.watch(client, self.client)
        gate.reactor.add_deadline(self)

    # ── the five verbs ──────────────────────────────────────────────────────────────────────────────

    async def authenticate(self, username: str, secret: str) -> Flow:
        """Begin a flow for these credentials, charged for what was said so far. Raises Rejected."""
        answer: asyncio.Future[Flow | Refusal] = asyncio.get_running_loop().create_future()

        def then(result: Flow | Refusal) -> None:
            if not answer.done():
                answer.set_result(result)
            elif isinstance(result, Flow):
                self.gate.close(result, TerminateCause.LOST_CARRIER)

        self.gate.login(
            username,
            secret,
            protocol=self.protocol,
            client=self.client_address,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            then=then,
        )
        result = await answer
        if isinstance(result, Refusal):
            raise self.reject(result)
        self.flow = result
        result.owner, result.client = self, self.client.sock
        return result

    async def connect(self, host: str, port: int) -> MeteredStream:
        """Connect to a target, if every rule agrees. Raises Rejected."""
        assert self.flow is not None, "authenticate comes first"
        self.flow.count_request(f"{host}:{port}")
        answer: asyncio.Future[socket.socket | Refusal] = asyncio.get_running_loop().create_future()
        connecting = self.gate.open(self.flow, host, port, answer.set_result)
        try:
            result = await answer
        except asyncio.CancelledError:
            if connecting is not None:
                connecting.abandon()
            raise
        if isinstance(result, Refusal):
            raise self.reject(result)
        stream = MeteredStream(self, result, metered=False)
        self._streams.append(stream)
        self.gate.reactor.transfer_and_rearm(result, stream)
        return stream

    async def storage(self) -> MeteredStream:
        """Open the customer's file space. Raises Rejected: no node offers one yet."""
        raise self.reject(NOT_AVAILABLE)

    def reject(self, why: Refusal) -> Rejected:
        """Count a refusal, which is why the flow ends if nothing else is; return it as an exception."""
        METRICS.refusals[self.protocol, why.code] += 1
        self._cause = why.cause
        return Rejected(why)

    def close(self, cause: TerminateCause | None = None) -> None:
        """End the session; what was written to the client still arrives. Harmless when it has ended."""
        if self._end(cause or self._cause):
            LingeringClose(self.gate, self.client.sock)

    # ── what happens to it ──────────────────────────────────────────────────────────────────────────

    def run(self, serve: Serve) -> None:
        """Let the protocol serve this client, in a task of its own."""
        self._task = spawn(self._run(serve), f"{self.protocol} for {self.client_address}")

    def terminate(self, cause: TerminateCause) -> None:
        """End it now, for a reason from outside."""
        if self._end(cause):
            self.gate.reactor.close(self.client.sock)
            if self._task is not None:
                self._task.cancel()

    def expired(self) -> None:
        """Nothing has moved for too long."""
        self.terminate(TerminateCause.IDLE_TIMEOUT)

    def touch(self) -> None:
        """Something is about to move."""
        if self.flow is not None:
            self.deadline = self.gate.reactor.now + self.gate.settings.idle_timeout_s

    def count_in(self, size: int) -> None:
        """Count bytes that the client sent; before there is a flow they are kept for it."""
        if self.flow is None:
            self._bytes_in += size
        else:
            self.flow.spend.count_in(size)

    def count_out(self, size: int) -> None:
        """Count bytes that were written to the client."""
        if self.flow is None:
            self._bytes_out += size
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
            _log.exception("a %s session failed", self.protocol)
            cause = TerminateCause.NAS_ERROR
        self.close(cause)

    def _end(self, cause: TerminateCause) -> bool:
        if self._closed:
            return False
        self._closed = True
        self.gate.sessions.discard(self)
        self.gate.reactor.remove_deadline(self)
        for stream in self._streams[1:]:
            stream.close()
        if self.flow is not None:
            self.gate.close(self.flow, cause)
        return True


def serve_with(protocol: str, serve: Serve) -> Callable[[Gate, socket.socket, str], None]:
    """Make what a ProtocolSpec needs of a coroutine that serves one session."""

    def accept(gate: Gate, client: socket.socket, client_address: str) -> None:
        Session(gate, client, client_address, protocol).run(serve)

    return accept
