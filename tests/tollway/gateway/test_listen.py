"""Every state of a client's connection, met by a FIN, a reset, silence and one byte more.

A FIN says that the client sends no more: what it asked for completely is still answered. A reset says that it is gone:
nothing goes on for it. Silence meets a deadline, and a byte more is read as what it is.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, HOST, Client, Seen, Setup, running_gateway

GET = b"GET /api/catalog/%d HTTP/1.1\r\n" + HOST + b"\r\n"
UPLOAD = b"POST /api/catalog HTTP/1.1\r\n" + HOST
COOKIE = b"GET /api/orders HTTP/1.1\r\n" + HOST + b"Cookie: __Host-sid=c-alice\r\n\r\n"
UPGRADE = (
    b"GET /live HTTP/1.1\r\n" + HOST + ALICE + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SILENCE_S = 1.0  # by which the clock goes on, often enough to pass every deadline
SILENT_TIMES = 400


@dataclass(frozen=True)
class State:
    """What was `sent`, how many requests the upstream works on then, and which statuses the client gets after what."""

    sent: bytes
    at_upstream: int
    fin: tuple[int, ...]
    silence: tuple[int, ...]
    byte: tuple[int, ...]  # after a byte more, and then a FIN


STATES = {
    "nothing yet": State(b"", 0, (), (), (400,)),
    "a part of a head": State(b"GET /api/cata", 0, (400,), (408,), (400,)),
    "a complete GET": State(GET % 1, 1, (200,), (504,), (200, 400)),
    "a complete GET that closes": State(
        b"GET /api/catalog HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n", 1, (200,), (504,), (200,)
    ),
    "a complete HTTP/1.0 GET": State(b"GET /api/catalog HTTP/1.0\r\n\r\n", 1, (200,), (504,), (200,)),
    "a complete upload": State(UPLOAD + b"Content-Length: 4\r\n\r\nbody", 1, (200,), (504,), (200, 400)),
    "a complete chunked upload": State(
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 1, (200,), (504,), (200, 400)
    ),
    "three pipelined": State(
        GET % 1 + GET % 2 + GET % 3, 1, (200, 200, 200), (504, 504, 504), (200, 200, 200, 400)
    ),
    "one and a part of the next": State(GET % 1 + b"GET /api", 1, (200, 400), (504, 408), (200, 400)),
    "a part of an upload": State(UPLOAD + b"Content-Length: 9\r\n\r\nhalf", 0, (400,), (408,), (400,)),
    "a part of a chunk": State(
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf", 0, (400,), (408,), (400,)
    ),
    "chunks without their end": State(
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", 0, (400,), (408,), (400,)
    ),
    "a GET answered, a part of the next": State(
        b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\nGET ", 0, (200, 400), (200, 408), (200, 400)
    ),
    "refused and closing": State(b"rubbish\r\n\r\n", 0, (400,), (400,), (400,)),
    "refused in the middle of an upload": State(
        b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nhalf", 0, (404,), (404,), (404,)
    ),
    "a session being checked": State(COOKIE, 0, (200,), (), (200, 400)),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> State:
    return STATES[request.param]


class Held:
    """An upstream that answers when it is let go."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._may_answer = asyncio.Event()
        setup.upstream.script = self._answer
        setup.tokens.sessions["c-alice"] = "usr_alice"
        setup.tokens.wait.clear()

    def let_go(self) -> None:
        self._setup.tokens.wait.set()
        self._may_answer.set()

    async def _answer(self, _seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = asyncio.ensure_future(self._may_answer.wait())
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if gone.done():
            writer.close()
            return
        gone.cancel()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def reach(setup: Setup, state: State) -> Client:
    """Bring a connection into a state."""
    client = await setup.client()
    client.send(state.sent)
    await eventually(lambda: len(setup.gateway.connections) == 1)
    (connection,) = setup.gateway.connections
    await eventually(lambda: len(setup.upstream.seen) >= state.at_upstream)
    if state.sent == COOKIE:
        await eventually(lambda: setup.tokens.asked == 1)
    elif state.sent and not state.at_upstream:
        await eventually(
            lambda: (
                connection._reader.waiting > 0
                or setup.gateway.context.metrics.refusals
                or _bytes_in(setup) > 0
            )
        )
    return client


def _bytes_in(setup: Setup) -> int:
    return sum(one.exchange.request.bytes_in for one in setup.gateway.connections if one.exchange is not None)


def statuses(raw: bytes) -> tuple[int, ...]:
    return tuple(map(int, re.findall(rb"HTTP/1.1 ([0-9]{3}) ", raw)))


async def test_after_a_fin_everything_complete_is_answered(tmp_path: Path, state: State):
    async with running_gateway(tmp_path) as setup:
        held = Held(setup)
        client = await reach(setup, state)
        client.writer.write_eof()
        held.let_go()
        assert statuses(await client.rest()) == state.fin
        await eventually(lambda: not setup.gateway.connections)


async def test_a_fin_that_comes_with_the_request_changes_nothing(tmp_path: Path, state: State):
    async with running_gateway(tmp_path) as setup:
        held = Held(setup)
        held.let_go()
        client = await setup.client()
        client.send(state.sent)
        client.writer.write_eof()
        assert statuses(await client.rest()) == state.fin
        await eventually(lambda: not setup.gateway.connections)


@pytest.mark.parametrize("fin_before", [False, True], ids=["rst", "fin, then rst"])
async def test_after_a_reset_nothing_goes_on(tmp_path: Path, state: State, fin_before: bool):
    async with running_gateway(tmp_path) as setup:
        Held(setup)
        client = await reach(setup, state)
        if fin_before:
            client.writer.write_eof()
            await asyncio.sleep(0)
        client.reset()
        await eventually(lambda: not setup.gateway.connections)
        await eventually(lambda: not any(one.active for one in setup.gateway.context.endpoints))
        assert len(setup.upstream.seen) == state.at_upstream
        assert not setup.gateway.requests_under_way


async def test_silence_meets_a_deadline(tmp_path: Path, state: State):
    async with running_gateway(tmp_path) as setup:
        Held(setup)
        client = await reach(setup, state)
        for _ in range(SILENT_TIMES):
            setup.advance(SILENCE_S)
            await asyncio.sleep(0)
            if not setup.gateway.connections:
                break
        if state.sent != COOKIE:  # that wait has a deadline of its own, on the wall clock
            assert statuses(await client.rest()) == state.silence
            await eventually(lambda: not setup.gateway.connections)


async def test_a_byte_more_is_read_as_what_it_is(tmp_path: Path, state: State):
    async with running_gateway(tmp_path) as setup:
        held = Held(setup)
        client = await reach(setup, state)
        client.send(b"1")
        await asyncio.sleep(0)
        client.writer.write_eof()
        held.let_go()
        assert statuses(await client.rest()) == state.byte
        await eventually(lambda: not setup.gateway.connections)


# ── while a response is on its way ──────────────────────────────────────────────────────────────────


HEADS = {
    "with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf", b"rest"),
    "in chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"4\r\nrest\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize("leaves", ["fin", "rst", "fin, then rst"])
async def test_while_a_response_is_on_its_way(tmp_path: Path, framing: str, leaves: str):
    first, last = HEADS[framing]
    async with running_gateway(tmp_path) as setup:
        go_on = asyncio.Event()

        async def in_two(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(first)
            await go_on.wait()
            writer.write(last)

        setup.upstream.script = in_two
        client = await setup.client()
        client.send(GET % 1)
        await client.reader.readuntil(b"half")
        if leaves != "rst":
            client.writer.write_eof()
            await eventually(lambda: all(one._finished for one in setup.gateway.connections))
        if leaves != "fin":
            client.reset()
            await eventually(lambda: not setup.gateway.connections)
            assert setup.lines()[-1]["reason"] == "client_closed"
            go_on.set()
            return
        go_on.set()
        assert b"rest" in await client.rest()
        assert setup.lines()[-1]["reason"] == ""


async def test_many_half_closed_deposits_are_all_answered(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        clients = [await setup.client() for _ in range(50)]
        for client in clients:
            client.send(
                b"POST /api/orders HTTP/1.1\r\n"
                + HOST
                + ALICE
                + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
            )
            client.writer.write_eof()
        assert [statuses(await client.rest()) for client in clients] == [(200,)] * 50
        assert len(setup.upstream.seen) == 50


# ── after an upgrade ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("leaves", ["fin", "fin before the upgrade", "rst", "silence", "byte"])
async def test_a_websocket(tmp_path: Path, leaves: str):
    async with running_gateway(tmp_path, websocket_idle_timeout_s=30) as setup:
        received = bytearray()

        async def talk(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            while data := await reader.read(1_000):
                received.extend(data)
            writer.write(b"\x81\x04late")
            await writer.drain()
            writer.close()

        setup.upstream.script = talk
        client = await setup.client()
        client.send(UPGRADE)
        if leaves == "fin before the upgrade":
            client.writer.write_eof()
        await client.reader.readuntil(b"\r\n\r\n")
        match leaves:
            case "fin" | "fin before the upgrade":
                if leaves == "fin":
                    client.writer.write_eof()
                assert await client.rest() == b"\x81\x04late\x88\x11\x03\xf6upstream_closed"
            case "rst":
                await eventually(lambda: len(setup.gateway.context.tunnels) == 1)
                client.reset()
                await eventually(lambda: not setup.gateway.context.tunnels)
                assert setup.lines()[-1]["reason"] == "client_closed"
            case "silence":
                await eventually(lambda: len(setup.gateway.context.tunnels) == 1)
                setup.advance(1)
                setup.advance(30.1)
                assert await client.rest() == b"\x88\x06\x03\xe9idle"
            case _:
                client.send(b"x")
                await eventually(lambda: received == b"x")
        client.close()
        await eventually(lambda: not setup.gateway.connections)
