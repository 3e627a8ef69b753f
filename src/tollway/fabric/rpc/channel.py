"""The asking side of a service API, the same on every transport: what `XStub(channel)` is bound to.

Each call: no transaction or snapshot may be open, the deadline is the nearer of the caller's and the default,
planned faults strike, the outcome is counted, and every refusal is a `Problem`.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Callable
from time import perf_counter
from types import TracebackType
from typing import Any, NoReturn

import grpc
import grpc.aio

from tollway.fabric.rpc.call import DEFAULT_TIMEOUT_S, Call, outgoing
from tollway.fabric.rpc.faults import Faults
from tollway.fabric.rpc.metrics import Meter
from tollway.fabric.rpc.own_token import OwnToken
from tollway.fabric.rpc.policy import service_of
from tollway.fabric.transactions import refuse_open_transaction
from tollway.kit.errors import DeadlineExceeded, Problem, Unauthenticated
from tollway.kit.tasks import spawn

READ_AHEAD = 16


class Channel(grpc.aio.Channel):
    """A way to reach neighbours, as one service, in the shape of a gRPC channel, so that generated stubs fit.

    `own_token` is what the service presents where it acts for nobody.
    """

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.own_token: OwnToken | None = None
        self.faults = Faults()

    async def with_own_token(self, call: Call, api: str, method: str) -> Call:
        """Return a call that no person's token goes with, with the service's own if the method is one for that."""
        own = self.own_token
        if own is None or not own.is_for(api, method):
            return call
        return call._replace(token=await own.get())

    @abstractmethod
    async def unary(self, path: str, request: Any, call: Call, codec: "Codec") -> Any:
        """Carry one call to the service API and its answer back. The deadline has not passed yet."""

    @abstractmethod
    def stream(self, path: str, request: Any, call: Call, codec: "Codec") -> AsyncGenerator[Any]:
        """Carry a call with a stream of answers."""

    def unary_unary(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> "UnaryCall":
        """Bind a method with one answer; generated stubs call this."""
        return UnaryCall(self, method, Codec(request_serializer, response_deserializer))

    def unary_stream(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> "StreamCall":
        """Bind a method with a stream of answers; generated stubs call this."""
        return StreamCall(self, method, Codec(request_serializer, response_deserializer))

    def stream_unary(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: no service API streams its requests."""
        raise NotImplementedError("no service API streams its requests")

    stream_stream = stream_unary

    async def close(self, grace: float | None = None) -> None:
        """Let go of connections."""

    async def channel_ready(self) -> None:
        """Wait until the far side answers."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002, FBT002
        """Return whether the far side is connected."""
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the connection's state is another one."""
        raise NotImplementedError

    async def __aenter__(self) -> "Channel":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()


class Codec:
    """How a method's messages become bytes and back; unused in process."""

    __slots__ = ("read", "write")

    def __init__(self, write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> None:
        self.write = write
        self.read = read


class UnaryCall:
    """One method of a neighbour: `await stub.Post(request)` or `await stub.Post(request, timeout=1.0)`."""

    def __init__(self, channel: Channel, path: str, codec: Codec) -> None:
        self._channel, self._path, self._codec = channel, path, codec
        self._api, self._method = service_of(path)
        self._meter = Meter("client", self._api, self._method)

    async def __call__(self, request: Any, *, timeout: float = DEFAULT_TIMEOUT_S) -> Any:  # noqa: ASYNC109  the shape of gRPC
        """Call and return the answer. `timeout` is in seconds. Raises Problem."""
        refuse_open_transaction(f"{self._path} was called")
        channel = self._channel
        call = outgoing(channel.caller, timeout)
        began = perf_counter()
        code = "internal"
        try:
            if (call.left_s() or 0) <= 0:
                raise DeadlineExceeded
            for_nobody = not call.token
            if for_nobody:
                call = await channel.with_own_token(call, self._api, self._method)
            if channel.faults.planned:
                channel.faults.strike(self._api, self._method, lost=False)
            try:
                answer = await channel.unary(self._path, request, call, self._codec)
            except Unauthenticated:
                if not (for_nobody and call.token and channel.own_token):
                    raise
                # It may be good no more though it has not expired: the key that it is signed with was dropped.
                channel.own_token.forget(call.token)
                call = await channel.with_own_token(call, self._api, self._method)
                answer = await channel.unary(self._path, request, call, self._codec)
            if channel.faults.planned:
                channel.faults.strike(self._api, self._method, lost=True)
            code = "ok"
            return answer
        except Problem as problem:
            code = problem.code
            raise
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            self._meter.count(code, perf_counter() - began)


class StreamCall:
    """One streaming method of a neighbour: `async for item in stub.Follow(request)`."""

    def __init__(self, channel: Channel, path: str, codec: Codec) -> None:
        self._channel, self._path, self._codec = channel, path, codec
        self._api, self._method = service_of(path)
        self._meter = Meter("client", self._api, self._method)

    def __call__(self, request: Any, *, timeout: float | None = None) -> "ResponseStream":
        """Call and return the stream of answers.

        Without `timeout` (seconds) only the deadline of the call being served, if any, ends it.
        """
        refuse_open_transaction(f"{self._path} was called")
        return ResponseStream(self._answers(request, outgoing(self._channel.caller, timeout)), self._path)

    async def _answers(self, request: Any, call: Call) -> AsyncGenerator[Any]:
        began = perf_counter()
        code = "cancelled"
        for_nobody = False
        try:
            left_s = call.left_s()
            if left_s is not None and left_s <= 0:
                raise DeadlineExceeded
            for_nobody = not call.token
            if for_nobody:
                call = await self._channel.with_own_token(call, self._api, self._method)
            self._channel.faults.strike(self._api, self._method, lost=False)
            async for answer in self._channel.stream(self._path, request, call, self._codec):
                yield answer
                self._channel.faults.strike(self._api, self._method, lost=True)
            code = "ok"
        except Problem as problem:
            code = problem.code
            own = self._channel.own_token
            if isinstance(problem, Unauthenticated) and for_nobody and own is not None:
                own.forget(call.token)  # whoever asks again does so with another
            raise
        finally:
            self._meter.count(code, perf_counter() - began)


class ResponseStream:
    """A stream of answers. Iterate it in one task; `cancel()` ends it, from any task.

    Answers are produced in a task of their own, at most `READ_AHEAD` ahead of the reader, so that the
    answering side works in its own context. A stream that is dropped is cancelled.
    """

    def __init__(self, answers: AsyncGenerator[Any], name: str) -> None:
        self._inbox = _Inbox()
        self._task = spawn(_fill(self._inbox, answers), f"stream {name}")

    def __aiter__(self) -> "ResponseStream":
        return self

    async def __anext__(self) -> Any:
        """Return the next answer. Raises Problem when the far side refuses, fails or runs out of time."""
        return await self._inbox.take()

    def cancel(self) -> None:
        """End the stream: the far side is cancelled, and the reader's loop ends."""
        self._task.cancel()

    def __del__(self) -> None:
        # Garbage may be collected after the loop is gone; then there is nothing left to end.
        if not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()


class _Inbox:
    """A bounded queue whose end, or error, can always be put."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._service = asyncio.Semaphore(READ_AHEAD)
        self._news = asyncio.Event()
        self._ended = False
        self._error: Problem | None = None

    async def put(self, item: Any) -> None:
        await self._service.acquire()
        self._items.append(item)
        self._news.set()

    def end(self, error: Problem | None = None) -> None:
        if not self._ended:
            self._ended, self._error = True, error
        self._news.set()

    async def take(self) -> Any:
        while not self._items:
            if self._ended:
                if self._error is None:
                    raise StopAsyncIteration
                raise self._error
            self._news.clear()
            await self._news.wait()
        self._service.release()
        return self._items.popleft()


async def _fill(inbox: _Inbox, answers: AsyncGenerator[Any]) -> None:
    try:
        async with contextlib.aclosing(answers):
            async for answer in answers:
                await inbox.put(answer)
    except Problem as problem:
        inbox.end(problem)
    finally:
        inbox.end()
