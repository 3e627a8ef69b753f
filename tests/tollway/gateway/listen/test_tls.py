"""The gateway within TLS: either side ends what it says by itself, and nothing is waited for that cannot come."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, HOST, Seen, Setup, running_gateway
from tests.kit.tls import TlsClient, trusting, write_certificate

GET = b"GET /api/catalog/x HTTP/1.1\r\n" + HOST
POST = b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n"


@contextlib.asynccontextmanager
async def over_tls(folder: Path, **settings: Any) -> AsyncIterator[tuple[Setup, ssl.SSLContext]]:
    certificate = write_certificate(folder)
    files = {"tls_cert": str(certificate), "tls_key": str(folder / "key.pem")}
    async with running_gateway(folder, **files, **settings) as setup:
        yield setup, trusting(certificate)


async def client_of(setup: Setup, context: ssl.SSLContext) -> TlsClient:
    return await TlsClient.connect(setup.gateway.tls_port, context)


# ── a client that says its last word first ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("fin", [False, True], ids=["close_notify", "close_notify and FIN"])
@pytest.mark.parametrize("when", ["with the request", "while the answer is made"])
@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (GET + b"\r\n", [b"200"]),
        (GET + b"Connection: close\r\n\r\n", [b"200"]),
        (POST + b"\r\nhello", [b"200"]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n".replace(b"Content", b"X"), [b"400"]),
        (POST + b"\r\nhel", [b"400"]),
        (GET + b"\r\n" + GET + b"\r\n" + GET + b"\r\n", [b"200"] * 3),
        (GET + b"\r\n" + GET, [b"200", b"400"]),
    ],
    ids=["get", "close", "post", "odd", "cut short", "three", "one and a half"],
)
async def test_who_has_ended_gets_the_answers(
    tmp_path: Path, sent: bytes, statuses: list[bytes], when: str, fin: bool, version: ssl.TLSVersion
):
    async with over_tls(tmp_path) as (setup, context):
        go_on = asyncio.Event()

        async def late(seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        setup.upstream.script = late
        context.minimum_version = context.maximum_version = version
        client = await client_of(setup, context)
        await client.send(sent)
        if when == "while the answer is made":
            await eventually(lambda: bool(setup.upstream.seen) or statuses[0] != b"200")
        await client.end(fin=fin)
        await eventually(lambda: bool(setup.upstream.seen) or statuses[0] != b"200")
        go_on.set()
        raw = await client.rest()
        assert [piece[:3] for piece in raw.split(b"HTTP/1.1 ")[1:]] == statuses
        assert client.ended == "close_notify"
        await eventually(lambda: not setup.gateway.connections)


async def test_a_fin_without_a_close_notify_is_a_last_word_too(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):
        client = await client_of(setup, context)
        await client.send(GET + b"\r\n")
        client.writer.write_eof()
        assert (await client.rest()).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_resets_is_gone_and_its_request_given_up(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):

        async def never(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        setup.upstream.script = never
        client = await client_of(setup, context)
        await client.send(GET + b"\r\n")
        await eventually(lambda: bool(setup.upstream.seen))
        await client.end()
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await eventually(lambda: not setup.gateway.connections)
        assert setup.lines()[-1]["reason"] == "client_closed"


async def test_a_large_answer_reaches_a_slow_client_that_has_ended(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):

        async def much(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000))

        setup.upstream.script = much
        client = await client_of(setup, context)
        await client.send(GET + b"Connection: close\r\n\r\n")
        await client.end()
        raw = await client.rest()
        assert (len(raw.partition(b"\r\n\r\n")[2]), client.ended) == (5_000_000, "close_notify")


async def test_a_large_upload_waits_for_an_upstream_that_does_not_read(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):
        client = await client_of(setup, context)
        size = 20_000_000
        await client.send(b"POST /files/x HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            await client.send(bytes(100_000))
        await client.end(fin=True)
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert setup.upstream.seen[0].size == size
        client.writer.transport.abort()


async def test_one_byte_in_each_record_is_as_good(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):
        client = await client_of(setup, context)
        for byte in POST + b"\r\nhello":
            await client.send(bytes((byte,)))
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert setup.upstream.seen[0].body == b"hello"
        client.writer.transport.abort()


# ── the gateway that says its last word first ───────────────────────────────────────────────────────


async def test_after_its_last_word_the_gateway_listens_on_for_a_moment_only(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):
        client = await client_of(setup, context)
        await client.send(GET + HOST + b"\r\n" + bytes(200_000))
        raw = await client.rest()
        assert (raw[:13], client.ended) == (b"HTTP/1.1 400 ", "close_notify")
        await client.send(bytes(200_000))
        setup.advance(2.1)
        await eventually(lambda: not setup.gateway.connections)


async def test_a_response_that_is_not_whole_has_no_close_notify(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):

        async def half(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await writer.drain()
            writer.close()

        setup.upstream.script = half
        client = await client_of(setup, context)
        await client.send(GET.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n")
        await client.rest()
        assert client.ended in {"cut", "reset"}


# ── who does not shake hands ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
async def test_who_does_not_finish_the_handshake_is_closed_and_has_a_place_meanwhile(
    tmp_path: Path, said: bytes
):
    async with over_tls(tmp_path, head_timeout_s=5, max_connections=1) as (setup, context):
        client = await setup.client(setup.gateway.tls_port)
        client.send(said)
        await eventually(lambda: len(setup.gateway.connections) == 1)
        other = await client_of(setup, context)
        assert (await other.rest()).startswith(b"HTTP/1.1 503 ")
        setup.advance(5.1)
        assert await client.rest() == b""
        setup.advance(2.1)
        await eventually(lambda: not setup.gateway.connections)


async def test_who_speaks_plain_http_is_told_where(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, _):
        client = await setup.client(setup.gateway.tls_port)
        answer = await client.ask("GET", "/api/orders", ALICE)
        assert (answer.status, answer.code) == (400, "malformed")
        assert "https://" in answer.json["detail"]
        assert await client.rest() == b""
        assert setup.upstream.seen == []


@pytest.mark.parametrize("rubbish", [b"\x16" + bytes(400), b"\x16\x03\x01\x00\x05hello", b"\x00" * 99])
async def test_rubbish_costs_one_connection(tmp_path: Path, rubbish: bytes):
    async with over_tls(tmp_path) as (setup, context):
        client = await setup.client(setup.gateway.tls_port)
        client.send(rubbish)
        await client.rest()
        client.close()
        await eventually(lambda: not setup.gateway.connections)
        good = await client_of(setup, context)
        await good.send(GET + b"\r\n")
        assert (await good.until(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        good.writer.transport.abort()


async def test_bytes_broken_on_the_way_end_the_connection(tmp_path: Path):
    async with over_tls(tmp_path) as (setup, context):
        client = await client_of(setup, context)
        client.writer.write(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(ssl.SSLError, match="bad record mac"):
            await client.rest()
        await eventually(lambda: not setup.gateway.connections)
        assert setup.upstream.seen == []
