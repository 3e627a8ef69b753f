"""WebSockets pass through: joined both ways, cut when the session ends, never opened by a foreign page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from tests.kit.eventually import eventually, stands_still
from tests.kit.gateway import HOST, ORIGIN, Client, Script, Seen, Setup, default_routes, running_gateway

OPENING = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ALICE = {"Authorization": "Bearer usr_alice"}


@asynccontextmanager
async def live_gateway(folder: Path, **settings: Any) -> AsyncIterator[Setup]:
    """A gateway whose upstream speaks WebSocket: it greets, then echoes."""

    async def echo(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(json.dumps(dict(connection.request.headers.raw_items())))
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, max_size=None, compression=None) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with running_gateway(folder, routes=lambda _: default_routes(address), **settings) as setup:
            yield setup
            # Whatever happened to the client, nothing is left of it at the upstream.
            await eventually(lambda: not server.connections)


def url(setup: Setup, path: str = "/live/usage") -> str:
    return f"ws://127.0.0.1:{setup.gateway.port}{path}"


async def test_messages_pass_both_ways(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        async with connect(url(setup), additional_headers=ALICE, compression=None, max_size=None) as live:
            greeting = json.loads(await live.recv())
            assert greeting["Authorization"] == "Bearer usr_alice"
            for message in ("hello", "x" * 200_000, b"\x00\x01" * 1_000_000):
                await live.send(message)
                assert await live.recv() == message
            assert len(setup.gateway.context.tunnels) == 1
        await eventually(lambda: not setup.gateway.context.tunnels)
        line = setup.lines()[-1]
        assert (line["status"], line["route"], line["user_id"]) == (101, "live", "usr_alice")
        assert line["bytes_in"] > 2_200_000
        assert line["bytes_out"] > 2_200_000


async def test_without_credentials_there_is_no_socket(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(setup))
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(("origin", "status"), [(ORIGIN, 0), ("http://evil.test", 403), (None, 403)])
async def test_by_cookie_only_our_own_page_opens_one(tmp_path: Path, origin: str | None, status: int):
    async with live_gateway(tmp_path, own_origins=[ORIGIN]) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        headers = {"Cookie": "__Host-sid=c-alice"}
        opening = connect(url(setup), additional_headers=headers, origin=origin)  # pyright: ignore[reportArgumentType]
        if status:
            with pytest.raises(InvalidStatus) as refused:
                await opening
            assert refused.value.response.status_code == status
        else:
            async with opening as live:
                assert "Cookie" not in json.loads(await live.recv())


async def test_where_no_socket_is_offered_the_upgrade_is_refused(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(setup, "/api/orders"), additional_headers=ALICE)
        assert refused.value.response.status_code == 400


async def test_other_upgrades_are_ignored(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(
            b"GET /api/catalog HTTP/1.1\r\n"
            + HOST
            + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        )
        client.send(b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
        answer = await client.answer()
        assert answer.status == 200
        assert setup.upstream.seen[0].header("Upgrade") is None
        assert setup.upstream.seen[0].header("HTTP2-Settings") is None


async def test_an_upstream_that_declines_answers_as_usual(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(setup, "/open-live"))
        assert refused.value.response.status_code == 200


@pytest.mark.parametrize("who", [{"session_id": "ses_usr_alice"}, {"user_id": "usr_alice"}])
async def test_a_socket_ends_with_its_session(tmp_path: Path, who: dict[str, str]):
    async with live_gateway(tmp_path) as setup:
        bob = {"Authorization": "Bearer usr_bob"}
        async with (
            connect(url(setup), additional_headers=ALICE) as alice,
            connect(url(setup), additional_headers=bob) as other,
        ):
            await alice.recv()
            await other.recv()
            setup.tokens.end(**who)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(alice.recv(), 20)
            assert closed.value.rcvd == Close(1008, "session_ended")
            await other.send("still here")
            assert await other.recv() == "still here"
        await eventually(lambda: any(line["reason"] == "session_ended" for line in setup.lines()))


async def test_silence_ends_a_socket(tmp_path: Path):
    async with live_gateway(tmp_path, websocket_idle_timeout_s=0.3) as setup:
        async with connect(url(setup), additional_headers=ALICE, ping_interval=None) as live:
            await live.recv()
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(live.recv(), 20)
            assert closed.value.rcvd == Close(1001, "idle")


async def test_a_client_that_does_not_read_holds_the_other_end_back(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        async with connect(url(setup), additional_headers=ALICE, compression=None, max_size=None) as live:
            await live.recv()
            live.transport.pause_reading()
            sent = 0

            async def push() -> None:
                nonlocal sent
                for _ in range(300):
                    await live.send(bytes(200_000))
                    sent += 1

            pushing = asyncio.ensure_future(push())
            assert 0 < await stands_still(lambda: sent) < 200
            live.transport.resume_reading()
            for _ in range(300):
                assert len(await live.recv()) == 200_000
            await pushing


async def test_stopping_ends_sockets(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        async with connect(url(setup), additional_headers=ALICE) as live:
            await live.recv()
            await setup.gateway.stop()
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(live.recv(), 20)
            assert closed.value.rcvd == Close(1001, "stopping")


def raw_upstream(pieces: list[bytes], go_on: asyncio.Event) -> Script:
    """An upstream that switches protocols, and sends each piece when it may."""

    async def talk(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await go_on.wait()
        await reader.read()

    return talk


async def revoked_after(setup: Setup, first: bytes) -> Client:
    """Open a WebSocket, take the first bytes of the upstream, and end the session."""
    client = await setup.client()
    client.send(b"GET /live HTTP/1.1\r\n" + HOST + b"Authorization: Bearer usr_alice\r\n" + OPENING)
    await client.reader.readuntil(b"\r\n\r\n")
    if first:
        assert await client.reader.readexactly(len(first)) == first
    await eventually(lambda: len(setup.gateway.context.tunnels) == 1)
    setup.tokens.end(session_id="ses_usr_alice")
    return client


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b"\x81", b"\x03abc"),
        (b"\x81\x03a", b"bc"),
        (b"\x82\x7e\x01", b"\x00" + bytes(256)),
        (b"\x82\x7f" + bytes(6), b"\x00\x02ab"),
        (b"\x81\x01a\x81\x02b", b"c"),
        (b"\x01\x02ab\x80\x03c", b"de"),
    ],
    ids=["head", "payload", "length 16", "length 64", "second frame", "fragment"],
)
async def test_a_close_frame_never_stands_inside_another(tmp_path: Path, first: bytes, rest: bytes):
    async with running_gateway(tmp_path) as setup:
        go_on = asyncio.Event()
        setup.upstream.script = raw_upstream([first, rest + b"\x81\x05never"], go_on)
        client = await revoked_after(setup, first)
        (tunnel,) = setup.gateway.context.tunnels
        await eventually(lambda: tunnel._end_reason == "session_ended")
        go_on.set()
        assert await client.rest() == rest + b"\x88\x0f\x03\xf0session_ended"
        assert setup.lines()[-1]["reason"] == "session_ended"


async def test_a_frame_that_does_not_end_is_not_waited_for(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.upstream.script = raw_upstream([b"\x81\x03a"], asyncio.Event())
        client = await revoked_after(setup, b"\x81\x03a")
        (tunnel,) = setup.gateway.context.tunnels
        await eventually(lambda: tunnel._end_reason == "session_ended")
        setup.advance(1.1)
        assert await client.rest() == b""
        assert not setup.gateway.context.tunnels


async def test_after_the_upstreams_own_close_frame_there_is_no_second(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.upstream.script = raw_upstream([b"\x88\x02\x03\xe8"], asyncio.Event())
        client = await revoked_after(setup, b"\x88\x02\x03\xe8")
        assert await client.rest() == b""


async def test_a_switch_is_not_said_to_be_an_end(tmp_path: Path):
    async with live_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"GET /live HTTP/1.1\r\n" + HOST + b"Authorization: Bearer usr_alice\r\n" + OPENING)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert head.count(b"\r\nConnection: ") == 1
        assert b"\r\nConnection: Upgrade\r\n" in head
        client.close()


async def test_empty_members_of_the_list_of_protocols_mean_nothing(tmp_path: Path):
    async def talk(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ,WebSocket,\r\n\r\n"
        )
        await reader.read()

    async with running_gateway(tmp_path) as setup:
        setup.upstream.script = talk
        client = await setup.client()
        opening = OPENING.replace(b"Upgrade: websocket", b"Upgrade: websocket, ,")
        client.send(b"GET /live HTTP/1.1\r\n" + HOST + b"Authorization: Bearer usr_alice\r\n" + opening)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nUpgrade: websocket\r\n" in head
        client.close()


async def test_after_a_refused_upgrade_the_bytes_that_follow_are_requests_like_any(tmp_path: Path):
    """Nobody gets past the checks by pretending to have switched protocols."""
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"GET /open-live HTTP/1.1\r\n" + HOST + OPENING)
        client.send(b"GET /api/orders HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 401
        assert len(setup.upstream.seen) == 1


async def test_a_client_that_takes_nothing_does_not_keep_its_place_when_its_session_ends(tmp_path: Path):
    async with live_gateway(tmp_path, write_timeout_s=0.3) as setup:
        async with connect(url(setup), additional_headers=ALICE, compression=None, max_size=None) as live:
            await live.recv()
            live.transport.pause_reading()
            pushing = asyncio.ensure_future(_push(live))
            (tunnel,) = setup.gateway.context.tunnels
            await stands_still(lambda: tunnel._request.bytes_in)
            setup.tokens.end(session_id="ses_usr_alice")
            await eventually(lambda: not setup.gateway.connections)
            pushing.cancel()
            live.transport.abort()


async def _push(live: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await live.send(bytes(200_000))


@pytest.mark.parametrize("head", [b"POST /live HTTP/1.1\r\n", b"GET /live HTTP/1.1\r\nContent-Length: 3\r\n"])
async def test_an_upgrade_is_a_plain_get(tmp_path: Path, head: bytes):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(
            head
            + HOST
            + b"Authorization: Bearer usr_alice\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc"
        )
        assert (await client.answer()).status == 400
        assert not setup.gateway.context.tunnels
