"""Connections: what is odd costs one closed connection and nothing else; slow peers meet deadlines."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.kit import smuggling
from tests.kit.eventually import eventually, stands_still
from tests.kit.gateway import ALICE, HOST, Seen, Setup, running_gateway
from tollway.gateway.listen.connection import ClientConnection

STOLEN = b"0\r\n\r\nGET /api/catalog/stolen HTTP/1.1\r\nHost: tollway.test\r\n\r\n"


def status_of(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1])


# ── odd requests ────────────────────────────────────────────────────────────────────────────────────


async def test_every_smuggling_row_costs_one_closed_connection_and_nothing_else(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for row, (status, headers) in smuggling.HEADERS.items():
            client = await setup.client()
            client.send(b"POST /api/catalog HTTP/1.1\r\n" + headers + b"\r\n" + STOLEN)
            raw = await client.rest()
            assert status_of(raw) == status, row
            assert raw.count(b"HTTP/1.1 ") == 1, row
            problem = json.loads(raw.partition(b"\r\n\r\n")[2])
            assert problem["status"] == status, row
            assert problem["code"], row
        assert setup.upstream.seen == []
        assert (await setup.ask("GET", "/api/catalog/x")).status == 200


@pytest.mark.parametrize("row", smuggling.UNDERSCORES)
async def test_a_header_name_with_an_underscore_is_dropped_and_means_nothing(tmp_path: Path, row: str):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        for _ in range(2):
            client.send(b"GET /api/orders HTTP/1.1\r\n" + HOST + ALICE + smuggling.UNDERSCORES[row] + b"\r\n")
            assert (await client.answer()).status == 200
            seen = setup.upstream.seen[-1]
            assert not any(b"_" in name for name, _ in seen.head.headers)
            assert (seen.header("Host"), seen.header("Authorization")) == ("tollway.test", "Bearer usr_alice")


CONSOLE = b"Origin: https://console.test\r\n"


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"GET / HTTP/1.1\r\n" + CONSOLE + b"\r\n"),
        (400, b"GET /%zz HTTP/1.1\r\n" + HOST + CONSOLE + b"\r\n"),
        (400, b"POST / HTTP/1.1\r\n" + HOST + CONSOLE + b"Content-Length: x\r\n\r\n"),
        (
            400,
            b"POST /api/catalog HTTP/1.1\r\n" + HOST + CONSOLE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ),
        (404, b"GET /nothing HTTP/1.1\r\n" + HOST + CONSOLE + b"\r\n"),
        (405, b"PROPFIND /x HTTP/1.1\r\n" + HOST + CONSOLE + b"\r\n"),
        (413, b"POST /api/catalog HTTP/1.1\r\n" + HOST + CONSOLE + b"Content-Length: 9999999\r\n\r\n"),
        (414, b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + CONSOLE + b"\r\n"),
        (417, b"GET / HTTP/1.1\r\n" + HOST + CONSOLE + b"Expect: miracles\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\n" + HOST + CONSOLE + b"X: " + b"a" * 9_000 + b"\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\n" + HOST + CONSOLE + b"X: a\r\n" * 200 + b"\r\n"),
        (431, b"GET / HTTP/1.1\r\n" + HOST + CONSOLE + (b"X: " + b"a" * 4_000 + b"\r\n") * 6),
        (501, b"POST / HTTP/1.1\r\n" + HOST + CONSOLE + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\n" + HOST + CONSOLE + b"\r\n"),
        (408, b"GET / HTTP/1.1\r\n" + HOST + CONSOLE),
    ],
)
async def test_a_page_can_read_every_refusal(tmp_path: Path, status: int, sent: bytes):
    for named in (True, False):
        origins = ["https://console.test" if named else "https://other.test"]
        async with running_gateway(tmp_path, cors_origins=origins, head_timeout_s=5) as setup:
            client = await setup.client()
            client.send(sent)
            if status == 408:
                (connection,) = await one_connection(setup)
                await eventually(lambda: connection._reader.waiting > 0)  # noqa: B023
                setup.advance(5.1)
            answer = await client.answer()
            assert answer.status == status
            allowed = "https://console.test" if named else None
            assert answer.header("Access-Control-Allow-Origin") == allowed
            assert "Origin" in (answer.header("Vary") or "")


async def test_every_odd_request_line_is_refused(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for line, status in smuggling.REQUEST_LINES.items():
            client = await setup.client()
            client.send(line + b"\r\n" + HOST + b"\r\n")
            raw = await client.rest()
            assert status_of(raw) == status, line
        assert setup.upstream.seen == []


async def test_broken_chunks_end_the_request_and_the_upstream_never_sees_it_whole(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for body in smuggling.CHUNKS:
            client = await setup.client()
            client.send(
                b"POST /api/catalog HTTP/1.1\r\n"
                + HOST
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + body
                + STOLEN
            )
            raw = await client.rest()
            assert status_of(raw) == 400, body
            assert raw.count(b"HTTP/1.1 ") == 1, body
        assert setup.upstream.seen == []
        assert (await setup.ask("GET", "/api/catalog/x")).status == 200


@pytest.mark.parametrize(
    "rubbish",
    [b"\x16\x03\x01" + bytes(700), b"\x05\x01\x00", b"\x00" * 65_536, b"A" * 65_536, b"\n" * 65_536],
)
async def test_rubbish_costs_one_connection(tmp_path: Path, rubbish: bytes):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(rubbish)
        raw = await client.rest()
        assert status_of(raw) in {400, 414, 431}
        client.close()
        await eventually(lambda: not setup.gateway.connections)
        assert (await setup.ask("GET", "/api/catalog/x")).status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/api/catalog/%2e%2e/%2e%2e/etc", 404),
        (b"/api/%2e%2e/%2e%2e/etc", 400),
        (b"/api/catalog/a%2fb", 400),
        (b"/api/catalog/a%00", 400),
        (b"http://other.test/api/catalog", 400),
        (b"http://tollway.test/api/catalog", 200),
        (b"HTTP://TOLLWAY.test/api/catalog?x", 200),
        (b"ftp://tollway.test/api/catalog", 400),
        (b"/nothing/here", 404),
        (b"/api/catalogue", 404),
    ],
)
async def test_targets(tmp_path: Path, target: bytes, status: int):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer()).status == status


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
async def test_methods_that_are_never_passed_on(tmp_path: Path, method: str):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        target = "tollway.test:443" if method == "CONNECT" else "/api/catalog"
        client.send(f"{method} {target} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        answer = await client.answer()
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert "GET" in (answer.header("Allow") or "")


async def test_a_known_path_with_an_unknown_method_names_the_known_ones(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask("GET", "/api/auth/login")
        assert (answer.status, answer.header("Allow")) == (405, "POST")


async def test_what_follows_connect_is_no_request(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
        client.send(b"GET /api/catalog/tunnelled HTTP/1.1\r\n" + HOST + b"\r\n")
        raw = await client.rest()
        assert status_of(raw) == 405
        assert raw.count(b"HTTP/1.1 ") == 1
        assert setup.upstream.seen == []


async def test_an_error_among_pipelined_requests_ends_the_connection_there(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        good = b"GET /api/catalog/%d HTTP/1.1\r\n" + HOST + b"\r\n"
        client.send(good % 1 + b"GET /api/catalog/2 HTTP/1.1\r\n" + HOST + HOST + b"\r\n" + good % 3)
        raw = await client.rest()
        assert [piece[:3] for piece in raw.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
        assert [seen.head.target for seen in setup.upstream.seen] == [b"/api/catalog/1"]


@pytest.mark.parametrize(
    "named", [b"content-length", b"host, authorization, transfer-encoding", b"x-forwarded-for, x-request-id"]
)
async def test_connection_cannot_take_away_what_the_gateway_says(tmp_path: Path, named: bytes):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask("POST", "/api/orders", ALICE, b"Connection: %b\r\n" % named, body=b"whole")
        assert (answer.status, answer.json["body"]) == (200, "whole")
        seen = setup.upstream.seen[0]
        assert seen.header("Authorization") == "Bearer usr_alice"
        assert seen.header("X-Forwarded-For") == "127.0.0.1"
        assert seen.header("Host") == "tollway.test"


# ── persistence ─────────────────────────────────────────────────────────────────────────────────────


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def slow_first(seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05 if seen.head.target.endswith(b"1") else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + seen.head.target[-1:])

        setup.upstream.script = slow_first
        client = await setup.client()
        client.send(b"".join(b"GET /api/catalog/%d HTTP/1.1\r\n%b\r\n" % (n, HOST) for n in (1, 2, 3)))
        assert [(await client.answer()).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert len(setup.gateway.connections) == 1


async def test_a_refused_request_among_good_ones_does_not_disturb_them(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        for path, headers, status in (
            ("/api/orders", ALICE, 200),
            ("/api/orders", b"", 401),
            ("/x", b"", 404),
        ):
            assert (await client.ask("POST", path, headers, body=b"some body")).status == status
        assert (await client.ask("POST", "/api/orders", ALICE, body=b"more")).json["body"] == "more"
        assert len(setup.gateway.connections) == 1


@pytest.mark.parametrize(
    ("line", "header", "stays"),
    [
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"Connection: close\r\n", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", True),
    ],
)
async def test_a_connection_stays_or_closes_as_asked(tmp_path: Path, line: bytes, header: bytes, stays: bool):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"GET /api/catalog " + line + b"\r\n" + HOST + header + b"\r\n")
        answer = await client.answer()
        assert answer.status == 200
        assert answer.head.keep_alive is stays
        if stays:
            assert (await client.ask("GET", "/api/catalog")).status == 200
        else:
            assert answer.header("Connection") == "close"
            assert await client.rest() == b""


async def test_a_request_that_ends_early_is_refused(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nhalf")
        client.writer.write_eof()
        assert (await client.answer()).status == 400
        assert setup.upstream.seen == []


async def test_half_a_head_and_gone(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for part in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n"):
            client = await setup.client()
            client.send(part)
            await asyncio.sleep(0.02)
            client.close()
        await eventually(lambda: not setup.gateway.connections)
        assert (await setup.ask("GET", "/api/catalog")).status == 200


# ── deadlines ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_slow_head_is_refused_in_time(tmp_path: Path):
    async with running_gateway(tmp_path, head_timeout_s=5) as setup:
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.1\r\nX: y\r\n")
        (connection,) = await one_connection(setup)
        await eventually(lambda: connection._reader.waiting > 0)
        setup.advance(4.5)
        client.send(b"X: y\r\n")  # more of it puts nothing off
        setup.advance(0.6)
        assert status_of(await client.rest(2)) == 408


async def test_a_slow_second_head_is_refused_too(tmp_path: Path):
    async with running_gateway(tmp_path, head_timeout_s=5, idle_timeout_s=75) as setup:
        client = await setup.client()
        assert (await client.ask("GET", "/api/catalog")).status == 200
        setup.advance(60)  # between requests there is more time
        client.send(b"GET /api")
        (connection,) = setup.gateway.connections
        await eventually(lambda: connection._reader.waiting > 0)
        setup.advance(5.1)
        assert (await client.answer()).code == "request_timeout"


async def test_an_idle_connection_is_closed_quietly(tmp_path: Path):
    async with running_gateway(tmp_path, head_timeout_s=5, idle_timeout_s=75) as setup:
        silent = await setup.client()
        used = await setup.client()
        assert (await used.ask("GET", "/api/catalog")).status == 200
        setup.advance(5.1)
        assert await silent.rest() == b""
        assert (await used.ask("GET", "/api/catalog")).status == 200
        setup.advance(75.1)
        assert await used.rest() == b""


async def test_a_body_that_trickles_is_refused(tmp_path: Path):
    async with running_gateway(tmp_path, body_grace_s=10, body_bytes_per_s=1_000) as setup:
        client = await setup.client()
        client.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 90000\r\n\r\n")
        (connection,) = await one_connection(setup)
        for size in (20_000, 1):  # fast enough at first
            got = connection.exchange.request.bytes_in if connection.exchange else 0
            client.send(bytes(size))
            await eventually(lambda got=got: _bytes_in(connection) > got)
            await eventually(lambda: connection.exchange is not None and connection.exchange.takes_body)
            setup.advance(10.1)
        answer = await client.answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert await client.rest() == b""


async def one_connection(setup: Setup) -> set[ClientConnection]:
    await eventually(lambda: len(setup.gateway.connections) == 1)
    return setup.gateway.connections


def _bytes_in(connection: ClientConnection) -> int:
    return connection.exchange.request.bytes_in if connection.exchange else 0


async def test_a_client_that_takes_nothing_is_cut_off(tmp_path: Path):
    async with running_gateway(tmp_path, write_timeout_s=0.3) as setup:

        async def flood(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
            for _ in range(500):
                writer.write(bytes(100_000))
                await writer.drain()

        setup.upstream.script = flood
        client = await setup.client()
        client.transport.pause_reading()
        client.send(b"GET /files/big HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: bool(setup.gateway.connections))
        await eventually(lambda: not setup.gateway.connections, 10)
        assert setup.lines()[-1]["reason"] == "client_closed"


async def test_who_does_not_take_his_answers_gets_no_new_ones(tmp_path: Path):
    """A flood of small requests makes many times its bytes in answers; they must not pile up here."""
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.transport.pause_reading()
        count = 30_000
        client.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * count)
        client.send(b"GET /api/catalog/last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        await eventually(lambda: bool(setup.gateway.connections))
        (connection,) = setup.gateway.connections
        await stands_still(lambda: (connection.transport.get_write_buffer_size(), connection._reader.waiting))
        assert connection.transport.get_write_buffer_size() < 1_000_000
        assert connection._reader.waiting < 1_000_000
        assert setup.upstream.seen == []
        client.transport.resume_reading()
        raw = await client.rest(30)
        assert raw.count(b"HTTP/1.1 200 OK\r\n") == count + 1
        assert len(setup.upstream.seen) == 1


async def test_beyond_the_last_connection_one_is_told_so(tmp_path: Path):
    async with running_gateway(tmp_path, max_connections=2) as setup:
        first = [await setup.client() for _ in range(2)]
        assert [(await client.ask("GET", "/api/catalog")).status for client in first] == [200, 200]
        third = await setup.client()
        answer = await third.answer()
        assert (answer.status, answer.code, answer.header("Retry-After")) == (503, "unavailable", "1")
        first[0].close()
        third.close()
        await eventually(lambda: len(setup.gateway.connections) < 2)
        assert (await setup.ask("GET", "/api/catalog")).status == 200
