"""What every service API promises, in process and over gRPC: one body, two transports."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.kit.eventually import eventually, stands_still
from tests.kit.service_api import ServiceApi, Transport, api
from tests.kit.typing import partial
from tollway.contracts import tokens_pb2, tokens_pb2_grpc
from tollway.contracts.errors import TokenReused
from tollway.fabric import telemetry
from tollway.fabric.rpc import DEFAULT_TIMEOUT_S, Call, call_context, current
from tollway.fabric.rpc.channel import UnaryCall
from tollway.fabric.rpc.metrics import CALLS
from tollway.fabric.transactions import CalledInTransaction, open_transaction
from tollway.kit.errors import (
    DeadlineExceeded,
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    Problem,
    Unavailable,
)

Revoke = tokens_pb2.RevokeRequest
Follow = tokens_pb2.FollowRevocationsRequest


class Tokens(tokens_pb2_grpc.TokensServicer):
    """A neighbour whose behaviour each test chooses."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.ended: list[str] = []
        self.act: Callable[[], Any] = lambda: None
        self.pause_s = 0.0
        self.padding = ""

    async def Revoke(self, request, context):
        self.calls.append(current())
        try:
            await asyncio.sleep(self.pause_s)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.act()
        return tokens_pb2.RevokeResponse(sessions=len(request.user_id))

    async def FollowRevocations(self, request, context):
        self.calls.append(current())
        try:
            for sequence in range(request.after, 1_000_000):
                yield tokens_pb2.Revocation(sequence=sequence, user_id=self.padding)
                self.act()
                await asyncio.sleep(self.pause_s)
        finally:
            self.ended.append("stream")

    def fail(self, error: Exception) -> None:
        def act() -> None:
            raise error

        self.act = act


@pytest.fixture
def tokens() -> Tokens:
    return partial(Tokens)


@pytest.fixture
async def neighbour(transport: Transport, tokens: Tokens) -> AsyncIterator[ServiceApi]:
    async with api(transport, tokens_pb2_grpc, tokens, caller="identity") as mounted:
        yield mounted


async def test_an_answer_comes_back(neighbour: ServiceApi) -> None:
    assert (await neighbour.stub.Revoke(Revoke(user_id="usr_1"))).sessions == 5


async def test_a_refusal_arrives_as_the_class_that_was_raised(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.fail(TokenReused("used twice — at 10:00", session_id="ses_1", tries=[1, 2]))
    with pytest.raises(TokenReused) as caught:
        await neighbour.stub.Revoke(Revoke())
    assert caught.value.detail == "used twice — at 10:00"
    assert caught.value.extra == {"session_id": "ses_1", "tries": [1, 2]}


async def test_a_refusal_too_large_for_a_trailer_keeps_its_class(
    neighbour: ServiceApi, tokens: Tokens
) -> None:
    tokens.fail(Invalid("too much", errors=["x" * 100] * 500))
    with pytest.raises(Invalid, match="too much"):
        await neighbour.stub.Revoke(Revoke())


async def test_a_surprise_is_logged_there_and_hidden_here(
    neighbour: ServiceApi, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.fail(KeyError("the secret"))
    with caplog.at_level(logging.ERROR), pytest.raises(Internal) as caught:
        await neighbour.stub.Revoke(Revoke())
    assert type(caught.value) is Internal
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "the secret" in caplog.text
    assert "Traceback" in caplog.text


async def test_the_servicer_knows_who_asks_for_whom(neighbour: ServiceApi, tokens: Tokens) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with call_context(user_id="usr_1", correlation_id="cor_1", traceparent=trace):
        await neighbour.stub.Revoke(Revoke())
        async for _ in neighbour.stub.FollowRevocations(Follow(after=999_999)):
            pass
    for call in tokens.calls:
        assert call[:4] == ("identity", "usr_1", "cor_1", trace)
    assert len(tokens.calls) == 2


async def test_a_call_from_nowhere_gets_a_correlation_id_of_its_own(
    neighbour: ServiceApi, tokens: Tokens
) -> None:
    seen: list[str] = []
    tokens.act = lambda: seen.append(telemetry.correlation_id.get())
    await neighbour.stub.Revoke(Revoke())
    assert seen[0].startswith("cor_")
    assert seen == [tokens.calls[0].correlation_id]
    assert current() == Call()
    assert telemetry.correlation_id.get() == ""


async def test_the_default_deadline_travels(
    neighbour: ServiceApi, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults: Any = UnaryCall.__call__.__kwdefaults__
    monkeypatch.setitem(defaults, "timeout", DEFAULT_TIMEOUT_S)
    await neighbour.stub.Revoke(Revoke())
    assert 4 < (tokens.calls[0].left_s() or 0) <= 5


async def test_the_nearer_deadline_wins(neighbour: ServiceApi, tokens: Tokens) -> None:
    with call_context(timeout_s=2):
        await neighbour.stub.Revoke(Revoke())
        await neighbour.stub.Revoke(Revoke(), timeout=60)
        await neighbour.stub.Revoke(Revoke(), timeout=0.5)
        stream = neighbour.stub.FollowRevocations(Follow())
        await anext(stream)
        stream.cancel()
    assert [round(call.left_s() or 0) for call in tokens.calls[:2]] == [2, 2]
    assert (tokens.calls[2].left_s() or 9) <= 0.5
    assert 1 < (tokens.calls[3].left_s() or 9) <= 2


async def test_when_time_runs_out_both_sides_stop(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 30
    with pytest.raises(DeadlineExceeded):
        await neighbour.stub.Revoke(Revoke(), timeout=0.1)
    await eventually(lambda: tokens.ended == ["cancelled"])


async def test_a_passed_deadline_asks_nobody(neighbour: ServiceApi, tokens: Tokens) -> None:
    with call_context(timeout_s=0), pytest.raises(DeadlineExceeded):
        await neighbour.stub.Revoke(Revoke())
    assert tokens.calls == []


async def test_a_timeout_inside_the_servicer_is_not_the_deadline(
    neighbour: ServiceApi, tokens: Tokens
) -> None:
    tokens.fail(TimeoutError("an inner wait"))
    with pytest.raises(Internal):
        await neighbour.stub.Revoke(Revoke())


async def test_a_cancelled_caller_cancels_the_servicer(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 30
    call = asyncio.ensure_future(neighbour.stub.Revoke(Revoke(), timeout=60))
    await eventually(lambda: tokens.calls)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(lambda: tokens.ended == ["cancelled"])


async def test_a_stream_arrives_in_order_and_ends(neighbour: ServiceApi, tokens: Tokens) -> None:
    stream = neighbour.stub.FollowRevocations(Follow(after=999_900))
    assert [item.sequence async for item in stream] == list(range(999_900, 1_000_000))
    assert tokens.ended == ["stream"]


async def test_a_stream_outlives_the_default_deadline(neighbour: ServiceApi, tokens: Tokens) -> None:
    stream = neighbour.stub.FollowRevocations(Follow())
    await anext(stream)
    assert tokens.calls[0].deadline is None
    stream.cancel()


async def test_a_cancelled_stream_ends_on_both_sides(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 30
    stream = neighbour.stub.FollowRevocations(Follow())
    assert (await anext(stream)).sequence == 0
    asyncio.get_running_loop().call_later(0.02, stream.cancel)
    assert [item async for item in stream] == []
    await eventually(lambda: tokens.ended == ["stream"])


async def test_a_dropped_stream_is_cancelled(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 30
    async for _ in neighbour.stub.FollowRevocations(Follow()):
        break
    await eventually(lambda: tokens.ended == ["stream"])


async def test_a_stream_with_a_timeout_raises_when_it_runs_out(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 30
    got: list[int] = []

    async def read() -> None:
        async for item in neighbour.stub.FollowRevocations(Follow(), timeout=0.2):
            got.append(item.sequence)

    with pytest.raises(DeadlineExceeded):
        await read()
    assert got == [0]


async def test_a_stream_that_is_refused_raises_at_the_reader(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.fail(NotFound("gone", id="x"))
    stream = neighbour.stub.FollowRevocations(Follow())
    assert (await anext(stream)).sequence == 0
    with pytest.raises(NotFound, match="gone"):
        await anext(stream)


async def test_a_slow_reader_holds_the_stream_back(neighbour: ServiceApi, tokens: Tokens) -> None:
    made: list[int] = []
    tokens.act = lambda: made.append(1)
    tokens.padding = "x" * 100_000  # enough to fill what a connection buffers
    stream = neighbour.stub.FollowRevocations(Follow())
    await anext(stream)
    assert await stands_still(lambda: len(made)) < 1000
    stream.cancel()


async def test_the_policy_admits_those_it_names(transport: Transport, tokens: Tokens) -> None:
    policy = {"tokens": {"Revoke": {"identity"}, "FollowRevocations": set[str]()}}
    async with api(transport, tokens_pb2_grpc, tokens, caller="identity", policy=policy) as mounted:
        await mounted.stub.Revoke(Revoke())
        orders = mounted.asked_by("orders")
        with pytest.raises(Forbidden, match=r"orders may not call tokens\.Revoke"):
            await orders.Revoke(Revoke())
        with pytest.raises(Forbidden):
            await anext(orders.FollowRevocations(Follow()))
        with pytest.raises(Forbidden, match=r"identity may not call tokens\.FollowRevocations"):
            await anext(mounted.stub.FollowRevocations(Follow()))
    assert len(tokens.calls) == 1


async def test_a_planned_fault_strikes_before_the_call(neighbour: ServiceApi, tokens: Tokens) -> None:
    neighbour.faults.add("tokens.Revoke")
    with pytest.raises(Unavailable):
        await neighbour.stub.Revoke(Revoke())
    assert tokens.calls == []
    await neighbour.stub.Revoke(Revoke())


async def test_a_lost_answer_means_it_was_carried_out(neighbour: ServiceApi, tokens: Tokens) -> None:
    neighbour.faults.add("tokens", Problem("lost"), times=2, lost=True)
    for _ in range(2):
        with pytest.raises(Problem, match="lost"):
            await neighbour.stub.Revoke(Revoke())
    assert len(tokens.calls) == 2
    await neighbour.stub.Revoke(Revoke())


async def test_a_fault_can_break_a_stream(neighbour: ServiceApi) -> None:
    neighbour.faults.add("tokens.FollowRevocations", lost=True)
    stream = neighbour.stub.FollowRevocations(Follow())
    assert (await anext(stream)).sequence == 0
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_no_api_is_asked_inside_a_write_transaction(neighbour: ServiceApi, tokens: Tokens) -> None:
    token = open_transaction.set(True)
    try:
        with pytest.raises(CalledInTransaction, match="inside an open transaction"):
            await neighbour.stub.Revoke(Revoke())
        with pytest.raises(CalledInTransaction, match="inside an open transaction"):
            neighbour.stub.FollowRevocations(Follow())
    finally:
        open_transaction.reset(token)
    assert tokens.calls == []


async def test_calls_are_counted_by_outcome_on_both_sides(neighbour: ServiceApi, tokens: Tokens) -> None:
    def count(side: str, code: str) -> float:
        return CALLS.labels(side, "tokens", "Revoke", code)._value.get()

    before = {
        (side, code): count(side, code) for side in ("client", "server") for code in ("ok", "not_found")
    }
    await neighbour.stub.Revoke(Revoke())
    tokens.fail(NotFound())
    with pytest.raises(NotFound):
        await neighbour.stub.Revoke(Revoke())
    assert {key: count(*key) - was for key, was in before.items()} == dict.fromkeys(before, 1)


async def test_a_restarted_neighbour_answers_again(transport: Transport, tokens: Tokens) -> None:
    async with api(transport, tokens_pb2_grpc, tokens) as mounted:
        stub = mounted.asked_by("orders", connect_wait_s=0.2)
        await stub.Revoke(Revoke())
        await mounted.server.stop(0.1)
        with pytest.raises(Unavailable):
            await stub.Revoke(Revoke())
        await mounted.server.start()
        await mounted.stub.Revoke(Revoke())


async def test_a_neighbour_that_starts_late_is_waited_for(transport: Transport, tokens: Tokens) -> None:
    if transport == "local":
        pytest.skip("within a process there is nothing to connect to")
    async with api(transport, tokens_pb2_grpc, tokens) as mounted:
        await mounted.server.stop(0)
        early = asyncio.ensure_future(mounted.stub.Revoke(Revoke()))
        await asyncio.sleep(0.3)
        await mounted.server.start()
        await early


async def test_many_calls_at_once(neighbour: ServiceApi, tokens: Tokens) -> None:
    tokens.pause_s = 0.01
    answers = await asyncio.gather(*(neighbour.stub.Revoke(Revoke(user_id="u" * n)) for n in range(60)))
    assert [answer.sessions for answer in answers] == list(range(60))
