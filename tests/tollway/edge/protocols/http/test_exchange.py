"""What an origin or a client could use the proxy for against somebody else: switches of protocol, and framing."""

import asyncio
from pathlib import Path

import pytest

from tests.kit.edges import echo, edge_setup, web
from tests.kit.eventually import eventually

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket")

# ── a switch of protocols ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ((), SWITCH + b"Upgrade: h2c\r\n\r\n"),
        ((), SWITCH + b"Upgrade: websocket\r\n\r\n"),
        ((), b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ((), b"HTTP/1.1 103 Early Hints\r\n\r\n" + SWITCH + b"Upgrade: websocket\r\n\r\n"),
        (("Connection: Upgrade", "Upgrade: h2c"), SWITCH + b"Upgrade: h2c\r\n\r\n"),
        (("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), SWITCH + b"Upgrade: h2c\r\n\r\n"),
        (("Upgrade: websocket",), SWITCH + b"Upgrade: websocket\r\n\r\n"),  # not named in Connection
        (WEBSOCKET, SWITCH + b"Upgrade: h2c\r\n\r\n"),
        (WEBSOCKET, SWITCH + b"Upgrade: websocket, h2c\r\n\r\n"),
        (WEBSOCKET, SWITCH + b"Upgrade: TLS/1.0\r\n\r\n"),
        (WEBSOCKET, SWITCH + b"Upgrade: ,\r\n\r\n"),
        (WEBSOCKET, SWITCH + b"Upgrade: websocket,,h2c\r\n\r\n"),
        (WEBSOCKET, SWITCH + b"Upgrade: websocket\r\nUpgrade: h2c\r\n\r\n"),
        (WEBSOCKET, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"),
        ((*WEBSOCKET, "Content-Length: 3"), SWITCH + b"Upgrade: websocket\r\n\r\n"),
    ],
)
async def test_a_switch_that_was_not_asked_for_ends_the_connection(
    tmp_path: Path, asked: tuple[str, ...], answer: bytes
) -> None:
    received = bytearray()
    closed = asyncio.Event()

    async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        received.extend(await reader.read())
        closed.set()

    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        body = b"abc" if "Content-Length: 3" in asked else b""
        await client.send(here.get("/", *asked) + body)
        await client.send(here.get("/", port=1))  # with a password, for somebody else
        head = await client.head()
        while head.startswith(b"HTTP/1.1 103"):
            head = await client.head()
        assert head.startswith((b"HTTP/1.1 502 ",)) or b"103" in answer
        await client.rest()
        assert client.reader.at_eof()
        await asyncio.wait_for(closed.wait(), 20)
        assert b"Proxy-Authorization" not in received
        assert bytes(received).count(b"HTTP/1.1\r\n") == 1
        await client.close()
        await here.settled()


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("websocket", b"websocket"),
        ("WebSocket", b"websocket"),
        ("h2c, websocket", b"websocket"),
        ("websocket,h2c", b"websocket"),
        ("h2c", b""),
        ("TLS/1.2", b""),
        ("connect-udp", b""),
        ("websocket/13", b""),
        ("foo", b""),
    ],
)
async def test_upgrade_is_passed_on_for_websocket_only(tmp_path: Path, asked: str, passed: bytes) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(
            here.get(
                "/headers", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {asked}", "HTTP2-Settings: AAM"
            )
        )
        sent = (await client.response())[2].lower()
        assert b"http2-settings" not in sent
        assert (b"upgrade: " + passed + b"\r\n" in sent) if passed else (b"upgrade" not in sent)
        await client.close()


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT"])
async def test_only_a_get_may_ask_for_websocket(tmp_path: Path, method: str) -> None:
    seen: list[bytes] = []

    async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(SWITCH + b"Upgrade: websocket\r\n\r\n")
        await reader.read()

    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/", *WEBSOCKET, method=method))
        assert (await client.head()).startswith(b"HTTP/1.1 502 ")
        assert b"pgrade" not in seen[0]
        await client.close()


# ── framing ─────────────────────────────────────────────────────────────────────────────────────────

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "named",
    [
        "keep-alive, Content-Length",
        "content-length",
        "Content-Length, Host",
        "close, CONTENT-LENGTH",
        "Content-Length ,Transfer-Encoding",
        "\tcontent-length\t",
    ],
)
async def test_connection_cannot_take_the_framing_from_a_request(tmp_path: Path, named: str) -> None:
    paths: list[bytes] = []

    async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            paths.append(head.split(b" ")[1])
            assert head.lower().count(b"content-length: %d\r\n" % len(SMUGGLED)) == 1
            assert head.lower().count(b"\r\nhost: ") == 1
            await reader.readexactly(len(SMUGGLED))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with edge_setup(tmp_path, origin) as here:
        for _ in range(2):
            client = await here.client()
            request = here.get("/", f"Connection: {named}", f"Content-Length: {len(SMUGGLED)}", method="POST")
            await client.send(request + SMUGGLED)
            assert (await client.response())[::2] == (200, b"ok")
            await client.close()
        assert paths == [b"/", b"/"]


@pytest.mark.parametrize("named", ["Transfer-Encoding", "keep-alive, transfer-encoding", "TE, Trailer"])
async def test_connection_cannot_take_the_chunks_from_a_request(tmp_path: Path, named: str) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", f"Connection: {named}", "Transfer-Encoding: chunked", method="POST"))
        await client.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert (await client.response())[2] == b"5"
        await client.send(here.get("/bytes/3"))
        assert len((await client.response())[2]) == 3
        await client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, content-length\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive, Content-Length\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_connection_cannot_take_the_framing_from_a_response(tmp_path: Path, answer: bytes) -> None:
    async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        for _ in range(2):
            await client.send(here.get("/"))
            status, headers, body = await client.response()
            assert (status, body) == (200, b"hello")
            assert ("content-length" in headers) != ("transfer-encoding" in headers)
        await client.close()


# ── chunks that are none ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"2\r\nab\r\n0x1\r\nc", b"1\r\nab\r\n", b"1;a\nb\r\n"])
async def test_malformed_chunks_are_answered_with_the_reason(tmp_path: Path, chunks: bytes) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", "Transfer-Encoding: chunked", method="POST") + chunks)
        status, _, body = await client.response()
        assert status == 400
        assert b"chunk" in body
        assert await client.rest() == b""
        await client.close()
        await here.settled()


# ── bytes behind a body ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut", [1, 5, 70_000])
async def test_a_request_behind_the_last_piece_of_a_body_is_answered(
    tmp_path: Path, chunked: bool, cut: int
) -> None:
    body = bytes(100_000)
    wire = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", framing, method="POST") + wire[:-cut])
        await eventually(lambda: here.http.up > 20_000)
        await client.send(wire[-cut:] + here.get("/bytes/7") + here.get("/bytes/8"))
        assert (await client.response())[2] == b"100000"
        assert len((await client.response())[2]) == 7
        assert len((await client.response())[2]) == 8
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_finishes_with_its_body_is_answered_and_let_go(
    tmp_path: Path, chunked: bool
) -> None:
    wire = b"5\r\nhello\r\n0\r\n\r\n" if chunked else b"hello"
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 5"
    async with edge_setup(tmp_path, web, idle_timeout_s=60) as here:
        client = await here.client()
        await client.send(here.get("/", framing, method="POST") + wire[:2])
        await eventually(lambda: here.origin.connections)
        await client.send(wire[2:])
        client.writer.write_eof()
        assert (await client.response())[2] == b"5"
        assert await client.rest() == b""
        await here.settled()
        await client.close()


@pytest.mark.parametrize("named", [b"WebSocket", b"websocket,", b", websocket , WEBSOCKET"])
async def test_a_tunnel_is_still_a_tunnel_for_websocket(tmp_path: Path, named: bytes) -> None:
    async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCH + b"Upgrade: %b\r\n\r\n" % named)
        await echo(reader, writer)

    async with edge_setup(tmp_path, origin) as here:
        client = await here.client()
        await client.send(here.get("/", *WEBSOCKET))
        assert b"\r\nUpgrade: websocket\r\n" in await client.head()
        await client.send(b"\x81\x02hi")
        assert await client.exactly(4) == b"\x81\x02hi"
        await client.close()
