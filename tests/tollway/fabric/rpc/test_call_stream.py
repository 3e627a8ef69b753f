"""Calls that share a stream: together on the way, apart in everything else."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from time import monotonic
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from tests.kit.eventually import eventually
from tests.kit.service_api import certificates, identity
from tests.kit.typing import partial
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.contracts.calls_pb2 import AnswerFrame, CallFrame, SentCall
from tollway.fabric.rpc import Call, call_context, call_stream, current, remote
from tollway.fabric.rpc.call_stream import Answerer, ClientStream, NotSent, OutgoingCall, ServerStreams
from tollway.fabric.rpc.remote import RemoteChannel
from tollway.fabric.rpc.server import RpcServer
from tollway.fabric.rpc.unsent import FRAME_LIMIT_BYTES, Unsent
from tollway.fabric.service import stub_of
from tollway.kit.errors import Conflict, DeadlineExceeded, Internal, Unavailable

Get = identity_pb2.GetUserRequest


class Users(identity_pb2_grpc.IdentityServicer):
    """Notes who comes, and answers those called `slow` once they may go on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.contexts: dict[str, Call] = {}
        self.go_on = asyncio.Event()
        self.large_bytes = 0

    async def GetUser(self, request, context):
        name = request.user_id
        self.begun.append(name[:10])
        self.contexts[name] = current()
        if name.startswith("slow"):
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
        if name.startswith("refused"):
            raise Conflict(f"{name} is not wanted")
        return identity_pb2.User(id=name, email="x" * self.large_bytes if name == "large" else "")


@pytest.fixture
def users() -> Users:
    return partial(Users)


@pytest.fixture
async def server(users: Users) -> AsyncIterator[RpcServer]:
    identity("identity")
    identity("orders")
    server = RpcServer("127.0.0.1:0", certificates(), "identity")
    identity_pb2_grpc.add_IdentityServicer_to_server(users, server)
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server: RpcServer) -> AsyncIterator[RemoteChannel]:
    channel = RemoteChannel([f"127.0.0.1:{server.port}"], "identity", certificates(), "orders")
    yield channel
    await channel.close()


@pytest.fixture
def get(channel: RemoteChannel) -> "Callable[..., asyncio.Future[str]]":
    """Begin a call, and give what answers with the name that it was made with."""
    stub = stub_of(identity_pb2_grpc, channel)

    async def call(name: str, **arguments: Any) -> str:
        return (await stub.GetUser(Get(user_id=name), **arguments)).id

    return lambda name, **arguments: asyncio.ensure_future(call(name, **arguments))


async def test_calls_that_begin_together_travel_in_one_message_and_begin_in_their_order(
    users: Users, get: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await get("first")
    frames: list[int] = []
    take = Unsent.take

    def counted(unsent: "Unsent[Any]") -> Any:
        taken = take(unsent)
        frames.extend([len(taken)] * any(isinstance(sized.item, OutgoingCall) for sized in taken.values()))
        return taken

    monkeypatch.setattr(Unsent, "take", counted)
    names = [str(number) for number in range(200)]
    assert await asyncio.gather(*map(get, names)) == names
    assert users.begun[1:] == names
    assert frames == [200]


async def test_a_slow_call_holds_up_no_other(users: Users, get: Callable[..., Any]) -> None:
    slow = get("slow")
    assert await asyncio.gather(get("a"), get("b")) == ["a", "b"]
    assert not slow.done()
    users.go_on.set()
    assert await slow == "slow"


async def test_a_refusal_concerns_one_call_only(get: Callable[..., Any]) -> None:
    answers = await asyncio.gather(
        get("a"), get("refused 1"), get("b"), get("refused 2"), return_exceptions=True
    )
    assert answers[::2] == ["a", "b"]
    assert [(type(one), str(one)) for one in answers[1::2]] == [
        (Conflict, "refused 1 is not wanted"),
        (Conflict, "refused 2 is not wanted"),
    ]


async def test_a_call_that_is_cancelled_is_cancelled_there_and_its_neighbour_goes_on(
    users: Users, get: Callable[..., Any]
) -> None:
    one, other = get("slow 1"), get("slow 2")
    await eventually(lambda: len(users.begun) == 2)
    one.cancel()
    await eventually(lambda: users.cancelled == ["slow 1"])
    users.go_on.set()
    assert await other == "slow 2"
    assert users.cancelled == ["slow 1"]


async def test_each_call_has_its_own_deadline(users: Users, get: Callable[..., Any]) -> None:
    hasty, patient = get("slow 1", timeout=0.1), get("slow 2", timeout=60)
    with pytest.raises(DeadlineExceeded):
        await hasty
    await eventually(lambda: users.cancelled == ["slow 1"])
    users.go_on.set()
    assert await patient == "slow 2"
    assert 59 < (users.contexts["slow 2"].left_s() or 0) <= 60


async def test_each_call_has_its_own_context(users: Users, get: Callable[..., Any]) -> None:
    calls = []
    for name in ("a", "b"):
        with call_context(
            user_id=f"usr_{name}", correlation_id=f"cor_{name}", action=name, token=f"token {name}"
        ):
            calls.append(get(name))
    await asyncio.gather(*calls)
    for name in ("a", "b"):
        call = users.contexts[name]
        assert (call.caller_service, call.user_id, call.correlation_id) == (
            "orders",
            f"usr_{name}",
            f"cor_{name}",
        )
        assert (call.action, call.token) == (name, f"token {name}")
    assert current() == Call()


async def test_what_is_large_goes_by_itself(
    users: Users, get: Callable[..., Any], channel: RemoteChannel
) -> None:
    large = "x" * (call_stream.SHARED_LIMIT_BYTES + 1)
    assert await asyncio.gather(get(large), get("small")) == [large, "small"]
    assert channel._stream is not None
    assert channel._stream._number == 1


async def test_an_answer_that_is_too_large_is_our_mistake_and_hurts_no_other(
    users: Users, get: Callable[..., Any]
) -> None:
    users.large_bytes = FRAME_LIMIT_BYTES
    assert await get("large") == "large"
    slow = get("slow")
    users.large_bytes = call_stream.MESSAGE_LIMIT_BYTES
    with pytest.raises(Internal):
        await get("large")
    users.go_on.set()
    assert await slow == "slow"


async def test_a_lost_server_is_unavailable_to_all_in_flight(
    server: RpcServer, users: Users, get: Callable[..., Any]
) -> None:
    calls = [get("slow 1"), get("slow 2")]
    await eventually(lambda: len(users.begun) == 2)
    await server.stop(0)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    await eventually(lambda: len(users.cancelled) == 2)


async def test_a_stop_is_not_held_up_by_a_stream_that_nobody_uses(
    server: RpcServer, get: Callable[..., Any]
) -> None:
    await get("a")
    async with asyncio.timeout(10):
        await server.stop(60)


async def test_a_stream_ends_when_it_is_old_and_the_next_call_opens_another(
    server: RpcServer, users: Users, channel: RemoteChannel, get: Callable[..., Any]
) -> None:
    channel._lifetime_s = 0.05
    slow = get("slow")
    await eventually(lambda: channel._stream is not None and channel._stream.retired)
    old = channel._stream
    assert await get("a") == "a"
    assert channel._stream is not old
    assert not slow.done()
    users.go_on.set()
    assert await slow == "slow"
    await eventually(lambda: not server._streams._open)


async def test_a_call_on_an_old_stream_can_be_cancelled(
    users: Users, channel: RemoteChannel, get: Callable[..., Any]
) -> None:
    channel._lifetime_s = 0.05
    slow = get("slow")
    await eventually(lambda: channel._stream is not None and channel._stream.retired)
    slow.cancel()
    await eventually(lambda: users.cancelled == ["slow"])


async def test_a_closed_channel_ends_its_calls(
    channel: RemoteChannel, users: Users, get: Callable[..., Any]
) -> None:
    slow = get("slow")
    await eventually(lambda: users.begun)
    await channel.close()
    with pytest.raises(Unavailable):
        await slow
    await eventually(lambda: users.cancelled == ["slow"])


@pytest.fixture
async def earlier_server(users: Users, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RpcServer]:
    identity("identity")
    identity("orders")
    monkeypatch.setattr(call_stream, "API", "tollway.calls.v0.Calls")
    server = RpcServer("127.0.0.1:0", certificates(), "identity")
    identity_pb2_grpc.add_IdentityServicer_to_server(users, server)
    await server.start()
    yield server
    await server.stop(0)


async def test_a_server_of_an_earlier_version_is_called_one_by_one(
    users: Users, earlier_server: RpcServer
) -> None:
    at = [f"127.0.0.1:{earlier_server.port}"]
    async with RemoteChannel(at, "identity", certificates(), "orders") as channel:
        stub = stub_of(identity_pb2_grpc, channel)
        answers = await asyncio.gather(*(stub.GetUser(Get(user_id=str(number))) for number in range(20)))
        assert [answer.id for answer in answers] == [str(number) for number in range(20)]
        assert sorted(users.begun) == sorted(str(number) for number in range(20))
        with pytest.raises(Conflict, match="refused is not wanted"):
            await stub.GetUser(Get(user_id="refused"))
        with pytest.raises(DeadlineExceeded):
            await stub.GetUser(Get(user_id="slow"), timeout=0.1)
        await eventually(lambda: users.cancelled == ["slow"])


async def test_what_had_not_left_may_be_sent_elsewhere_and_the_rest_may_not() -> None:
    exchange = _Exchange()
    stream = ClientStream(exchange.channel, "identity", remote.RENEWAL_CHECK_S)
    gone = asyncio.ensure_future(stream.answer("/a", b"", Call()))
    await eventually(lambda: exchange.written == 1)
    exchange.broken = True
    kept = asyncio.ensure_future(stream.answer("/b", b"", Call()))
    outcomes = await asyncio.gather(gone, kept, return_exceptions=True)
    assert [type(one) for one in outcomes] == [Unavailable, NotSent]
    assert stream.retired


async def test_a_message_that_grpc_gives_back_after_the_stream_has_ended_may_be_sent_elsewhere() -> None:
    exchange = _Exchange()
    stream = ClientStream(exchange.channel, "identity", remote.RENEWAL_CHECK_S)
    exchange.broken = exchange.lost_before_the_write_ends = True
    with pytest.raises(NotSent):
        await stream.answer("/a", b"", Call())


async def test_what_nobody_waits_for_any_more_never_leaves_and_the_rest_with_the_time_it_has_left() -> None:
    exchange = _Exchange()
    stream = ClientStream(exchange.channel, "identity", remote.RENEWAL_CHECK_S)
    exchange.room.clear()
    sent = asyncio.ensure_future(stream.answer("/sent", b"", Call()))
    await eventually(lambda: exchange.messages)
    patient = asyncio.ensure_future(stream.answer("/patient", b"", Call(deadline=monotonic() + 60)))
    for _ in range(100):
        with pytest.raises(DeadlineExceeded):
            await stream.answer("/hasty", bytes(100_000), Call(deadline=monotonic() + 0.001))
    assert stream._unsent.size_bytes < 1_000
    sent.cancel()
    queued = monotonic()
    await asyncio.wait({sent})
    exchange.room.set()
    await eventually(lambda: exchange.written == 2)
    frame = CallFrame.FromString(exchange.messages[1])
    assert [call.path for call in frame.calls] == ["/patient"]
    assert frame.cancelled == [1]
    assert frame.calls[0].timeout_us / 1e6 <= 60 - (monotonic() - queued) + 0.05
    assert frame.calls[0].timeout_us < 59_900_000, "it waited through a hundred others' deadlines"
    patient.cancel()
    await stream.close()


async def test_a_call_that_failed_leaves_nothing_for_the_collector() -> None:
    exchange = _Exchange()
    stream = ClientStream(exchange.channel, "identity", remote.RENEWAL_CHECK_S)
    gc.disable()
    try:
        try:
            await stream.answer("/a", bytes(100_000), Call(deadline=monotonic() + 0.001))
        except DeadlineExceeded as error:
            held = weakref.ref(error)
        await asyncio.sleep(0)  # the loop itself held it for this step
        assert held() is None, "it holds the request"
    finally:
        gc.enable()
        await stream.close()


async def test_a_call_that_is_cancelled_before_it_began_leaves_nothing_behind(server: RpcServer) -> None:
    channel = RemoteChannel([f"127.0.0.1:{server.port}"], "identity", certificates(), "orders")
    async with channel:
        await channel.channel_ready()
        exchange: Any = channel._open().stream_stream(call_stream.PATH)()
        path = "/tollway.identity.v1.Identity/GetUser"
        call = SentCall(number=1, path=path, request=Get(user_id="slow").SerializeToString())
        await exchange.write(CallFrame(calls=[call], cancelled=[1]).SerializeToString())
        call = SentCall(number=2, path=path, request=Get(user_id="a").SerializeToString())
        await exchange.write(CallFrame(calls=[call]).SerializeToString())
        answers = AnswerFrame.FromString(await exchange.read()).answers
        assert [answer.number for answer in answers] == [2]
        (stream,) = server._streams._open
        assert not stream._tasks
        exchange.cancel()


async def test_a_caller_that_does_not_take_its_answers_is_not_read_further() -> None:
    async def answer(request: bytes, _call: Call) -> bytes:
        return request

    streams = ServerStreams()
    method: Any = SimpleNamespace(answer=answer)
    streams.methods["/a"] = Answerer(method, lambda data: data, lambda data: data)
    caller = _Caller([SentCall(number=one, path="/a", request=bytes(1_000_000)) for one in range(1, 101)])
    answering = asyncio.ensure_future(streams.exchange(caller, "orders"))
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert 10 < caller.read_calls < 30
    caller.takes.set()
    await answering
    assert sorted(caller.answered) == list(range(1, 101))


async def test_a_caller_that_is_gone_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: bytes, _call: Call) -> bytes:
        return request

    streams = ServerStreams()
    method: Any = SimpleNamespace(answer=answer)
    streams.methods["/a"] = Answerer(method, lambda data: data, lambda data: data)
    caller = _Caller([SentCall(number=1, path="/a")])
    caller.gone = True
    await streams.exchange(caller, "orders")
    await asyncio.sleep(0)
    assert caplog.messages == []


class _Caller:
    """The server's side of a stream, whose caller makes calls one after the other, and takes answers when it likes."""

    def __init__(self, calls: list[SentCall]) -> None:
        self._calls = iter(calls)
        self.read_calls = 0
        self.gone = False
        self.takes = asyncio.Event()
        self.answered: list[int] = []

    async def read(self) -> Any:
        await asyncio.sleep(0)
        if (call := next(self._calls, None)) is None:
            return grpc.aio.EOF
        self.read_calls += 1
        return CallFrame(calls=[call]).SerializeToString()

    async def write(self, data: bytes) -> None:
        if self.gone:
            raise grpc.aio.InternalError
        await self.takes.wait()
        self.answered += [answer.number for answer in AnswerFrame.FromString(data).answers]


class _Exchange:
    """A stream of gRPC that takes messages until it is broken, and answers none."""

    def __init__(self) -> None:
        self.channel: Any = SimpleNamespace(stream_stream=lambda _path: lambda: self)
        self.written = 0
        self.messages: list[bytes] = []
        self.room = asyncio.Event()
        self.room.set()
        self.broken = False
        self.lost_before_the_write_ends = False
        self._over = asyncio.Event()

    def done(self) -> bool:
        return self._over.is_set()

    async def write(self, data: bytes) -> None:
        if self.broken:
            self._over.set()
            if self.lost_before_the_write_ends:
                await asyncio.sleep(0.05)
            raise asyncio.InvalidStateError
        self.messages.append(data)
        await self.room.wait()
        self.written += 1

    def cancel(self) -> None:
        self._over.set()

    async def read(self) -> bytes:
        await self._over.wait()
        raise _lost()


def _lost() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing)
