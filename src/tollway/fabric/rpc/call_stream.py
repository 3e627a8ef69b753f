"""Calls between two processes that share one stream: what begins at the same time travels in one message.

A gRPC call of its own costs some 300 microseconds of CPU on each side, nearly all of it for the call and hardly any for
its message. So the unary calls of one service to another go through one stream: whatever has gathered while
the message before was being sent goes out together, and so do the answers. Nobody waits for company.

Each call keeps what it had as a call of its own: its deadline, its cancellation, its context, its refusal. Calls are
started in the order in which they were made, and answered as they are ready.
"""

from __future__ import annotations  # grpc's call types have parameters for the checker only

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, NamedTuple

import grpc
import grpc.aio

from tollway.contracts.calls_pb2 import AnswerFrame, CallAnswer, CallFrame, SentCall
from tollway.fabric.rpc.call import Call
from tollway.fabric.rpc.serving import Served
from tollway.fabric.rpc.trailers import read_problem, revive_problem, write_problem
from tollway.fabric.rpc.unsent import Sized, Unsent
from tollway.kit.errors import DeadlineExceeded, Internal, Problem, Unavailable
from tollway.kit.tasks import cancel, spawn

API, METHOD = "tollway.calls.v1.Calls", "Exchange"
PATH = f"/{API}/{METHOD}"
# A message that is larger goes as a call of its own, so that it holds up nobody else's.
SHARED_LIMIT_BYTES = 256 * 1024
MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
LAST_WRITE_WAIT_S = 1.0

_log = logging.getLogger(__name__)


class OutgoingCall(NamedTuple):
    """A call that is to be sent."""

    path: str
    request: bytes
    call: Call


class OutgoingAnswer(NamedTuple):
    """What came of a call: the one or the other."""

    response: bytes
    problem: bytes


class NotSent(Exception):
    """The stream ended before the call had left, or the server does not know such streams."""

    def __init__(self, *, unknown: bool) -> None:
        super().__init__()
        self.unknown = unknown


# ── the asking side ─────────────────────────────────────────────────────────────────────────────────


class ClientStream:
    """A stream to one server. When it is `retired` it takes no more calls, and ends once those it has are answered."""

    def __init__(self, channel: grpc.aio.Channel, service: str, lifetime_s: float) -> None:
        self.retired = False
        self._service = service
        self._exchange: Any = channel.stream_stream(PATH)()
        self._number = 0
        self._waiting: dict[int, asyncio.Future[CallAnswer | Exception]] = {}
        self._unsent = Unsent[OutgoingCall]()
        self._cancelled: list[int] = []  # of those that were sent
        self._loop = asyncio.get_running_loop()
        self._old = self._loop.call_later(lifetime_s, self.retire)
        self._reader = spawn(self._read(), f"answers of {service}")
        self._writer = spawn(self._write(), f"calls to {service}")

    async def answer(self, path: str, request: bytes, call: Call) -> bytes:
        """Send a call and return its answer. Raises Problem; NotSent when it may be sent on another stream."""
        left_s = call.left_s()
        self._number = number = self._number + 1
        self._waiting[number] = waiter = self._loop.create_future()
        expiry = None if left_s is None else self._loop.call_later(left_s, _expire, waiter)
        self._unsent.add(number, OutgoingCall(path, request, call), len(request) + 200)
        try:
            answer = await waiter
        finally:
            if expiry is not None:
                expiry.cancel()
            if self._waiting.pop(number, None) is not None and not self._unsent.remove(number):
                self._cancelled.append(number)
                self._unsent.wake()
            if self.retired:
                self._unsent.wake()
        if isinstance(answer, Exception):
            try:
                raise answer
            finally:
                # Or it would hold this frame, and so the request, until the collector comes.
                del answer, waiter, expiry
        if answer.problem:
            raise revive_problem(answer.problem)
        return answer.response

    def retire(self) -> None:
        """Take no more calls."""
        self.retired = True
        self._old.cancel()
        self._unsent.wake()

    async def close(self) -> None:
        """End it now; calls in flight raise Unavailable."""
        self.retire()
        self._exchange.cancel()
        await asyncio.wait({self._reader, self._writer})

    async def _write(self) -> None:
        # What is left in the queue when this returns was not sent.
        while not self._exchange.done():
            asked = self._unsent.take()
            if asked or self._cancelled:
                frame = _call_frame(asked, self._cancelled)
                self._cancelled.clear()
                try:
                    await self._exchange.write(frame.SerializeToString())
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    # gRPC says that the stream ended before the message had left.
                    self._unsent.put_back(asked)
                    return
            elif self.retired and not self._waiting:
                with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await self._exchange.done_writing()
                return
            else:
                await self._unsent.wait()

    async def _read(self) -> None:
        problem: Exception = Unavailable(f"{self._service} ended the stream of calls; try again soon")
        try:
            while (data := await self._exchange.read()) is not grpc.aio.EOF:
                frame = AnswerFrame.FromString(data)
                for answer in frame.answers:
                    if (waiter := self._waiting.pop(answer.number, None)) is not None and not waiter.done():
                        waiter.set_result(answer)
                if frame.stopping:
                    self.retire()
        except grpc.aio.AioRpcError as error:
            unknown = error.code() is grpc.StatusCode.UNIMPLEMENTED
            problem = NotSent(unknown=True) if unknown else read_problem(error)
        finally:
            self.retire()
            # A message on its way comes back now: gRPC ends what was begun on a stream that is over.
            await asyncio.wait({self._writer}, timeout=LAST_WRITE_WAIT_S)
            await cancel(self._writer)
            self._end(problem)

    def _end(self, problem: Exception) -> None:
        """Notify those who still wait: what had not left may be sent elsewhere, of the rest nobody knows."""
        for number in self._unsent.numbers():
            self._notify(number, NotSent(unknown=False))
        for number in tuple(self._waiting):
            self._notify(number, problem)

    def _notify(self, number: int, problem: Exception) -> None:
        if (waiter := self._waiting.pop(number, None)) is not None and not waiter.done():
            waiter.set_result(problem)


def _call_frame(asked: Mapping[int, Sized[OutgoingCall]], cancelled: Iterable[int]) -> CallFrame:
    frame = CallFrame(cancelled=cancelled)
    for number, ((path, request, call), _) in asked.items():
        left_s = call.left_s()
        frame.calls.add(
            number=number,
            path=path,
            request=request,
            timeout_us=0 if left_s is None else max(1, int(left_s * 1e6)),
            user_id=call.user_id,
            correlation_id=call.correlation_id,
            traceparent=call.traceparent,
            action=call.action,
            access_token=call.token,
        )
    return frame


def _expire(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(DeadlineExceeded())


# ── the answering side ──────────────────────────────────────────────────────────────────────────────


class Answerer(NamedTuple):
    """A method that can be called on a stream, and how its messages become bytes and back."""

    method: Served
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


class ServerStreams:
    """The streams that one server has open."""

    def __init__(self) -> None:
        self.methods: dict[str, Answerer] = {}
        """What can be called, by path."""
        self._open: set[_ServerStream] = set()

    async def exchange(self, context: Any, caller: str) -> None:
        """Answer the calls of one stream until the caller ends it."""
        stream = _ServerStream(self.methods, context, caller)
        self._open.add(stream)
        try:
            await stream.run()
        finally:
            self._open.discard(stream)

    def stop(self) -> None:
        """Ask callers to send no more calls; a stream ends when those in flight are answered."""
        for stream in self._open:
            stream.stop()


class _ServerStream:
    def __init__(self, methods: dict[str, Answerer], context: Any, caller: str) -> None:
        self._methods, self._context, self._caller = methods, context, caller
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._unsent = Unsent[OutgoingAnswer]()
        self._ended = self._stopping = False
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        writer = spawn(self._write(), f"answers to {self._caller}")
        try:
            while (data := await self._context.read()) is not grpc.aio.EOF:
                frame = CallFrame.FromString(data)
                for sent in frame.calls:
                    self._begin(sent)
                for number in frame.cancelled:
                    if (task := self._tasks.get(number)) is not None:
                        task.cancel()
                await self._unsent.wait_below_limit()
            if self._tasks:
                await asyncio.wait(tuple(self._tasks.values()))
            self._ended = True
            self._unsent.wake()
            await asyncio.wait({writer})
        finally:
            for task in tuple(self._tasks.values()):
                task.cancel()
            await cancel(writer)

    def stop(self) -> None:
        self._stopping = True
        self._unsent.wake()

    async def _write(self) -> None:
        announced = False  # that the server stops
        while True:
            answered = self._unsent.take()
            if answered or announced is not self._stopping:
                announced = self._stopping
                frame = AnswerFrame(stopping=announced)
                for number, ((response, problem), _) in answered.items():
                    frame.answers.add(number=number, response=response, problem=problem)
                try:
                    await self._context.write(frame.SerializeToString())
                except grpc.aio.InternalError:
                    return  # the caller is gone, and gRPC is about to end the stream
            elif self._ended:
                return
            else:
                await self._unsent.wait()

    def _begin(self, sent: SentCall) -> None:
        number = sent.number
        task = self._tasks[number] = self._loop.create_task(self._answer(sent))
        # A task that is cancelled before it has begun runs no line of its own.
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _answer(self, sent: SentCall) -> None:
        number, left_s = sent.number, sent.timeout_us / 1e6
        expiry = self._loop.call_later(left_s, self._tasks[number].cancel) if left_s else None
        deadline = monotonic() + left_s if left_s else None
        response, problem = b"", b""
        try:
            response = await self._carry_out(sent, deadline)
        except Problem as error:
            problem = write_problem(error)
        except asyncio.CancelledError:
            passed = deadline is not None and monotonic() >= deadline
            problem = write_problem(DeadlineExceeded() if passed else Unavailable())
        finally:
            if expiry is not None:
                expiry.cancel()
        self._unsent.add(number, OutgoingAnswer(response, problem), len(response) + len(problem))

    async def _carry_out(self, sent: SentCall, deadline: float | None) -> bytes:
        answerer = self._methods.get(sent.path)
        if answerer is None:
            raise Unavailable(f"{sent.path} is not served here now")
        call = Call(
            self._caller,
            sent.user_id,
            sent.correlation_id,
            sent.traceparent,
            deadline,
            sent.action,
            sent.access_token,
        )
        try:
            response = answerer.write(await answerer.method.answer(answerer.read(sent.request), call))
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001  a message that cannot be read or written
            _log.error("%s failed", sent.path, exc_info=error)
            raise Internal from None
        if len(response) > MESSAGE_LIMIT_BYTES - 1024:
            _log.error("the answer of %s has %s bytes, which is too large", sent.path, len(response))
            raise Internal
        return response
