"""Forwarding: what goes on and what is kept back, streams with back-pressure, and upstreams that fail."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Header, WebSocket
from fastapi.responses import StreamingResponse
from websockets.asyncio.client import connect

from tests.kit.eventually import eventually, stands_still
from tests.kit.gateway import ALICE, HOST, Client, Seen, Setup, Upstream, default_routes, running_gateway
from tollway.fabric.rest import RestServer
from tollway.fabric.rest.policy import TABLE
from tollway.gateway.proxy import body
from tollway.gateway.route.files import platform_routes
from tollway.gateway.route.route import Route
from tollway.kit.tasks import cancel

MEGABYTE = 1_000_000


# ── what goes on ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
async def test_a_request_and_its_answer_pass(tmp_path: Path, unix: bool):
    async with running_gateway(tmp_path, unix=unix) as setup:
        answer = await setup.ask(
            "POST", "/api/orders/x?y=z&y=%20", ALICE, b"Content-Type: text/plain\r\n", body=b"hi"
        )
        assert answer.status == 200
        assert answer.json["method"] == "POST"
        assert answer.json["target"] == "/api/orders/x?y=z&y=%20"
        assert answer.json["body"] == "hi"
        assert ["content-type", "text/plain"] in answer.json["headers"]
        assert answer.header("Content-Type") == "application/json"


async def test_what_says_who_somebody_is_comes_from_the_gateway_alone(tmp_path: Path):
    forged = (
        b"X-User-Id: usr_root\r\nX-USER-Roles: admin\r\nX-Tollway-Session: ses_1\r\nX-Forwarded-For: 1.2.3.4\r\n"
        b"X-Forwarded-Host: evil.test\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Request-Id: mine\r\n"
        b"X-Original-URL: /admin\r\nProxy: evil.test\r\nVia: 1.1 mine\r\nX-Forwarded: for=1.2.3.4\r\n"
        b"True-Client-IP: 1.2.3.4\r\nX-Remote-User: root\r\nX-HTTP-Method-Override: DELETE\r\n"
        b"X-Roles: admin\r\nX-Role: admin\r\nX-Admin: 1\r\nX-Is-Admin: true\r\nX-Scopes: *\r\nX-Groups: root\r\n"
        b"X-MS-Client-Principal: e30\r\nX-Amzn-Oidc-Identity: root\r\nX-Consumer-Username: root\r\n"
        b"Remote-Groups: root\r\n"
        b"X-Authenticated-Userid: root\r\nX-Permissions: all\r\nX-Impersonate-User: root\r\nX-Tenant-Id: 1\r\n"
        b"X_User_Id: usr_root\r\nX-Original-Method: DELETE\r\nX-Username: root\r\n"
    )
    async with running_gateway(tmp_path) as setup:
        assert (await setup.ask("GET", "/api/orders", ALICE, forged)).status == 200
        (seen,) = setup.upstream.seen
        assert {name.lower() for name, _ in seen.head.headers} == {
            b"host",
            b"authorization",
            b"x-forwarded-for",
            b"x-forwarded-proto",
            b"via",
            b"traceparent",
            b"x-request-id",
            b"x-correlation-id",
        }
        assert seen.header("X-Forwarded-For") == "127.0.0.1"
        assert seen.header("X-Forwarded-Proto") == "http"
        assert seen.header("Authorization") == "Bearer usr_alice"
        assert seen.header("Host") == "tollway.test"
        assert (seen.header("X-Request-Id") or "").startswith("req_")


async def test_what_speaks_of_one_connection_ends_here(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def chatty(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\n"
                b"X-Mine: 1\r\nX-Kept: 1\r\nServer: secret/1.0\r\nX-Powered-By: secret\r\n\r\n"
            )

        setup.upstream.script = chatty
        headers = (
            b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-Stays: 1\r\nKeep-Alive: 5\r\n"
        )
        answer = await setup.ask("GET", "/api/catalog", headers)
        seen = setup.upstream.seen[0]
        assert seen.header("X-Stays") == "1"
        assert [seen.header(name) for name in ("X-Hop", "TE", "Connection", "Keep-Alive")] == [None] * 4
        assert answer.header("X-Kept") == "1"
        names = ("X-Mine", "Keep-Alive", "Connection", "Server", "X-Powered-By")
        assert [answer.header(name) for name in names] == [None] * 5


async def test_a_header_cannot_carry_another(tmp_path: Path):
    """What a client sends in a header of ours comes back only when it is plain."""
    async with running_gateway(tmp_path) as setup:
        for evil in (b"a\tSet-Cookie: x=y", b"a;b", b"<script>", b"\xe2\x80\xa8", b"a" * 65):
            answer = await setup.ask("GET", "/api/catalog", b"X-Correlation-Id: %b\r\n" % evil)
            assert answer.header("X-Correlation-Id") == answer.header("X-Request-Id")
            assert answer.header("Set-Cookie") is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("order-42.a:b_c", True), ("x" * 65, False), ("a b", False), ('a"b', False), ("", False)],
)
async def test_a_sane_correlation_id_is_kept(tmp_path: Path, sent: str, kept: bool):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask("GET", "/api/catalog", f"X-Correlation-Id: {sent}\r\n".encode())
        used = setup.upstream.seen[0].header("X-Correlation-Id")
        assert answer.header("X-Correlation-Id") == used
        assert used == (sent if kept else setup.upstream.seen[0].header("X-Request-Id"))


@pytest.mark.parametrize(
    ("sent", "continued"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("nonsense", False),
    ],
)
async def test_a_valid_trace_is_continued(tmp_path: Path, sent: str, continued: bool):
    async with running_gateway(tmp_path) as setup:
        await setup.ask("GET", "/api/catalog", f"traceparent: {sent}\r\n".encode())
        version, trace, span, _flags = (setup.upstream.seen[0].header("traceparent") or "").split("-")
        assert (version, len(trace), len(span)) == ("00", 32, 16)
        assert (trace == sent[3:35]) is continued
        assert span != sent[36:52]


async def test_every_answer_carries_the_browser_rules(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for answer in (
            await setup.ask("GET", "/api/catalog"),
            await setup.ask("GET", "/nothing"),
            await setup.ask("GET", "/livez"),
        ):
            assert answer.header("X-Content-Type-Options") == "nosniff"
            assert answer.header("Referrer-Policy") == "no-referrer"
            assert "default-src 'none'" in (answer.header("Content-Security-Policy") or "")
            assert answer.header("Date")
            assert answer.header("Strict-Transport-Security") is None  # this is not HTTPS


async def test_an_upstreams_own_content_policy_and_caching_stand(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def page(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Security-Policy: default-src 'self'\r\n"
                b"Cache-Control: max-age=60\r\n\r\n"
            )

        setup.upstream.script = page
        answer = await setup.ask("GET", "/api/orders", ALICE)
        assert answer.header("Content-Security-Policy") == "default-src 'self'"
        assert answer.header("Cache-Control") == "max-age=60"


async def test_what_is_for_one_user_is_not_stored_unless_the_upstream_says_so(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        assert (await setup.ask("GET", "/api/orders", ALICE)).header("Cache-Control") == "no-store"
        assert (await setup.ask("GET", "/api/catalog")).header("Cache-Control") is None


# ── framing ─────────────────────────────────────────────────────────────────────────────────────────


async def answer_with(upstream: Upstream, raw: bytes, *, close: bool = False) -> None:
    async def script(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        if close:
            await writer.drain()
            writer.close()

    upstream.script = script


@pytest.mark.parametrize(
    ("method", "raw", "body", "length"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b"", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", "9"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"", "9"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", "0"),
        (
            "GET",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n",
            b"hi",
            None,
        ),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi", "2"),
    ],
)
async def test_answers_keep_their_framing(
    tmp_path: Path, method: str, raw: bytes, body: bytes, length: str | None
):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, raw)
        client = await setup.client()
        for _ in range(2):
            answer = await client.ask(method, "/api/catalog")
            assert answer.body == body
            assert answer.header("Content-Length") == length
        assert setup.upstream.connections == 1


@pytest.mark.parametrize(
    ("method", "start"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n"),
    ],
)
async def test_a_body_where_none_may_be_reaches_nobody(tmp_path: Path, method: str, start: bytes):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, start + b"poison")
        client = await setup.client()
        for _ in range(2):
            answer = await client.ask(method, "/api/catalog")
            assert answer.body == b""
            assert (await client.ask("GET", "/livez")).body == b'{"status":"ok"}'
        assert setup.upstream.connections == 2  # a link with something left on it is not used again


async def test_no_204_has_a_length(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        for method in ("GET", "HEAD"):
            assert (await setup.ask(method, "/api/catalog")).header("Content-Length") is None


async def test_interim_answers_do_not_put_the_deadline_off(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def soon(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(30):
                writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                await asyncio.sleep(0.05)

        setup.upstream.script = soon
        assert (await setup.ask("GET", "/quick/x")).status == 504


async def test_an_answer_that_ends_by_closing_becomes_chunks(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, b"HTTP/1.0 200 OK\r\n\r\nuntil the end", close=True)
        client = await setup.client()
        answer = await client.ask("GET", "/api/catalog")
        assert (answer.body, answer.header("Transfer-Encoding")) == (b"until the end", "chunked")
        assert (await client.ask("GET", "/api/catalog")).body == b"until the end"


async def test_an_old_client_gets_no_chunks(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await answer_with(
            setup.upstream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        raw = await client.rest()
        assert raw.endswith(b"\r\n\r\nhi")
        assert b"chunked" not in raw


async def test_a_chunked_body_goes_on_in_chunks(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(
            b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        await asyncio.sleep(0.02)
        client.send(b"2;x=y\r\nde\r\n0\r\nTrailer: dropped\r\n\r\n")
        answer = await client.answer()
        assert answer.json["body"] == "abcde"
        assert ["transfer-encoding", "chunked"] in answer.json["headers"]
        assert (await client.ask("GET", "/api/catalog")).status == 200


async def test_who_waits_for_100_continue_gets_it_once_the_way_is_clear(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(
            b"POST /api/orders HTTP/1.1\r\n"
            + HOST
            + ALICE
            + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hi")
        answer = await client.answer()
        assert answer.json["body"] == "hi"
        assert setup.upstream.seen[0].header("Expect") is None


async def test_who_waits_for_100_continue_is_refused_without_sending_a_body(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(
            b"POST /api/orders HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert (await client.answer()).status == 401
        assert await client.rest() == b""  # nobody can tell whether the body follows, so this is the end


async def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 1048577\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.code) == (413, "too_large")
        assert await client.rest() == b""
        assert setup.upstream.connections == 0


async def test_a_chunked_body_beyond_the_limit_is_cut_off(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            client.send(b"10000\r\n" + bytes(65_536) + b"\r\n")
        answer = await client.answer()
        assert (answer.status, answer.code) == (413, "too_large")
        assert setup.upstream.seen == []


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def served(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve each connection with a script of its own; give the address."""
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


async def test_two_hundred_megabytes_down_take_no_memory(tmp_path: Path):
    size = 200 * MEGABYTE
    async with running_gateway(tmp_path) as setup:

        async def big(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            piece = bytes(MEGABYTE)
            for _ in range(200):
                writer.write(piece)
                await writer.drain()

        setup.upstream.script = big
        client = await setup.client()
        client.send(b"GET /files/big HTTP/1.1\r\n" + HOST + b"\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        before, got = peak_rss_bytes(), 0
        async with asyncio.timeout(60):
            while got < size:
                got += len(await client.reader.read(262_144))
        assert got == size
        assert peak_rss_bytes() - before < 30 * MEGABYTE


@pytest.mark.parametrize("chunked", [True, False])
async def test_two_hundred_megabytes_up_take_no_memory(tmp_path: Path, chunked: bool):
    size = 200 * MEGABYTE
    async with running_gateway(tmp_path) as setup:
        setup.upstream.keep_bodies = False
        client = await setup.client()
        framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % size
        client.send(b"PUT /files/big HTTP/1.1\r\n" + HOST + framing + b"\r\n")
        piece = bytes(MEGABYTE)
        before = peak_rss_bytes()
        async with asyncio.timeout(60):
            for _ in range(200):
                client.send(b"%x\r\n%b\r\n" % (MEGABYTE, piece) if chunked else piece)
                await client.writer.drain()
        client.send(b"0\r\n\r\n" if chunked else b"")
        assert (await client.answer()).status == 200
        assert setup.upstream.seen[0].size == size
        assert peak_rss_bytes() - before < 30 * MEGABYTE


async def test_a_body_in_tiny_pieces_costs_no_more_than_its_length(tmp_path: Path):
    """Such a body is kept for a second try: what that costs must not grow with each piece."""
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        client.send(b"PUT /files/x HTTP/1.1\r\n" + HOST + b"Content-Length: 40001\r\n\r\nx")
        await eventually(lambda: setup.gateway.requests_under_way == 1)
        (connection,) = setup.gateway.connections
        before_s = time.process_time()
        for _ in range(40_000):
            connection.data_received(b"x")
        assert time.process_time() - before_s < 3
        assert (await client.answer()).json["body"] == "x" * 40_001


async def test_a_link_that_still_holds_bytes_back_is_not_used_again(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answering = asyncio.Event()

        async def wait(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        setup.upstream.script = wait
        asking = asyncio.ensure_future(setup.ask("POST", "/api/catalog", body=b"hi"))
        await eventually(lambda: len(setup.upstream.seen) == 1)
        (link,) = setup.endpoint().pool.connections
        link.pause_writing()  # as its transport says when the upstream takes no more
        answering.set()
        assert (await asking).status == 200
        assert setup.endpoint().pool.idle == 0


async def test_a_client_that_reads_slowly_holds_its_upstream_back(tmp_path: Path):
    written = 0
    async with running_gateway(tmp_path) as setup:

        async def flood(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(1_000):
                writer.write(bytes(100_000))
                await writer.drain()
                written += 100_000

        setup.upstream.script = flood
        client = await setup.client()
        client.transport.pause_reading()
        client.send(b"GET /files/big HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: written)
        assert (
            await stands_still(lambda: written) < 30 * MEGABYTE
        )  # what the kernel's buffers hold, and no more
        client.transport.resume_reading()
        assert len((await client.answer(timeout_s=30)).body) == 100_000_000


async def test_an_upstream_that_reads_slowly_holds_its_client_back(tmp_path: Path):
    listening = asyncio.Event()

    async def lazy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await listening.wait()
        got = 0
        while got < 50 * MEGABYTE:
            got += len(await reader.read(262_144))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with (
        served(lazy) as address,
        running_gateway(tmp_path, routes=lambda _: default_routes(address)) as setup,
    ):
        client = await setup.client()
        client.send(b"PUT /files/x HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (50 * MEGABYTE))
        sent = 0

        async def push() -> None:
            nonlocal sent
            for _ in range(500):
                client.send(bytes(100_000))
                await client.writer.drain()
                sent += 100_000

        pushing = asyncio.ensure_future(push())
        await eventually(lambda: sent)
        assert await stands_still(lambda: sent) < 30 * MEGABYTE
        listening.set()
        await pushing
        assert (await client.answer()).body == b"ok"


async def test_what_arrives_while_a_request_waits_is_read_only_a_little_ahead(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answering = asyncio.Event()

        async def wait(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        setup.upstream.script = wait
        client = await setup.client()
        one = (
            b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"X: " + bytes(4_000).replace(b"\0", b"x") + b"\r\n\r\n"
        )
        for _ in range(5_000):
            client.send(one)
        await eventually(lambda: len(setup.upstream.seen) == 1)
        (connection,) = setup.gateway.connections
        await stands_still(lambda: connection._reader.waiting)
        assert connection._reader.waiting < MEGABYTE
        answering.set()
        for _ in range(20):
            assert (await client.answer()).body == b"ok"


def waiting(setup: Setup) -> int:
    """How many bytes of requests wait for their turn, on all connections."""
    return sum(one._reader.waiting for one in setup.gateway.connections)


async def test_what_one_client_sends_ahead_on_many_connections_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(body, "_KEPT_BYTES_OF_CLIENT", 200_000)
    async with running_gateway(tmp_path) as setup:
        answering = asyncio.Event()

        async def wait(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        setup.upstream.script = wait
        one = b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 4_000 + b"\r\n\r\n"
        clients = [await setup.client() for _ in range(20)]
        for client in clients:
            client.send(one * 15)
        await eventually(lambda: len(setup.upstream.seen) == 20)
        assert await stands_still(lambda: waiting(setup)) < 200_000
        assert setup.gateway.context.kept.size == waiting(setup)
        answering.set()
        answered = Counter([len(await answers(client)) for client in clients])
        assert sorted(answered) == [1, 15], (
            "all of them, or the one that was under way; then the connection ends"
        )
        for client in clients:
            client.close()
        await eventually(lambda: not setup.gateway.connections)
        assert setup.gateway.context.kept.size == 0
        assert (await setup.ask("GET", "/api/catalog")).body == b"ok"


async def answers(client: Client) -> list[bytes]:
    """What the client gets, until it has all fifteen answers or the connection ends."""
    found: list[bytes] = []
    while len(found) < 15 and not client.reader.at_eof():
        try:
            found.append((await client.answer()).body)
        except asyncio.IncompleteReadError:
            break
    return found


async def test_who_takes_no_answers_is_not_kept_for_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(body, "_KEPT_BYTES_OF_CLIENT", 10_000)
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        one = b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n"

        async def push() -> None:
            with suppress(ConnectionError):
                for _ in range(4_000):
                    client.send(one * 100)
                    await client.writer.drain()

        pushing = asyncio.create_task(push())
        await eventually(lambda: not setup.gateway.connections or _lingers(setup))
        assert waiting(setup) <= 10_000
        await cancel(pushing)
        client.close()
        await eventually(lambda: not setup.gateway.connections)
        assert setup.gateway.context.kept.size == 0


def _lingers(setup: Setup) -> bool:
    return all(one._lingering for one in setup.gateway.connections)


async def test_a_stream_goes_on_as_long_as_something_passes_and_nothing_is_kept_back(tmp_path: Path):
    def routes(address: str) -> list[Route]:
        return [Route(name="stream", prefix="/stream", endpoints=(address,), auth="public", kind="stream")]

    async with running_gateway(tmp_path, routes=routes) as setup:
        go_on = asyncio.Queue[None]()

        async def feed(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            while True:
                await go_on.get()
                writer.write(b"data: x\n\n")

        setup.upstream.script = feed
        client = await setup.client()
        client.send(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            go_on.put_nowait(None)
            assert await client.reader.readuntil(b"data: x\n\n\r\n") == b"9\r\ndata: x\n\n\r\n"
            setup.advance(60)
        setup.advance(301)  # silence has an end
        assert await client.rest() == b""


# ── upstreams that fail ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        (b"nonsense", "not HTTP"),
        (b"nonsense\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", "malformed"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "without a request to",
        ),
    ],
)
async def test_an_upstream_that_makes_no_sense_is_a_bad_gateway(tmp_path: Path, raw: bytes, detail: str):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, raw, close=True)
        answer = await setup.ask("POST", "/api/catalog")
        assert (answer.status, answer.code) == (502, "bad_gateway")
        assert detail in answer.json["detail"]
        assert answer.header("Content-Type") == "application/problem+json"


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ],
)
async def test_an_answer_cut_short_never_looks_whole(tmp_path: Path, start: bytes):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, start, close=True)
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        raw = await client.rest()
        assert not raw.endswith(b"0\r\n\r\n")
        assert not raw.endswith(b"Content-Length: 4\r\n\r\nhalf")
        assert setup.lines()[-1]["reason"] == "cut_off"


async def test_bytes_after_an_answer_reach_nobody(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        extra = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
        await answer_with(setup.upstream, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + extra)
        client = await setup.client()
        for _ in range(3):
            assert (await client.ask("GET", "/api/catalog")).body == b"good"
        assert setup.upstream.connections == 3


async def test_a_link_that_speaks_unasked_is_thrown_away(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await setup.ask("GET", "/api/catalog")
        (writer,) = setup.upstream.writers
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        await eventually(lambda: not setup.endpoint().pool.connections)
        assert (await setup.ask("GET", "/api/catalog")).json["method"] == "GET"


@pytest.mark.parametrize(
    ("method", "header", "again"),
    [
        ("GET", b"", True),
        ("DELETE", b"", True),
        ("PUT", b"", True),
        ("POST", b"", False),
        ("POST", b"Idempotency-Key: k1\r\n", True),
    ],
)
async def test_only_what_may_be_sent_twice_is_sent_again_on_a_stale_link(
    tmp_path: Path, method: str, header: bytes, again: bool
):
    async with running_gateway(tmp_path) as setup:
        assert (await setup.ask("GET", "/api/catalog")).status == 200
        bodies: list[bytes] = []

        async def stale_once(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            bodies.append(seen.body)
            if len(bodies) == 1:
                writer.transport.abort()
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        setup.upstream.script = stale_once
        answer = await setup.ask(method, "/api/catalog", header, body=b"twice" if method != "GET" else b"")
        assert answer.status == (200 if again else 502)
        assert len(bodies) == (2 if again else 1)
        assert len(set(bodies)) == 1


async def test_on_a_fresh_link_nothing_is_repeated(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await answer_with(setup.upstream, b"", close=True)
        assert (await setup.ask("GET", "/api/catalog")).status == 502
        assert len(setup.upstream.seen) == 1


async def test_an_upstream_that_is_not_there(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await setup.upstream.stop()
        answer = await setup.ask("GET", "/api/catalog")
        assert (answer.status, answer.code, answer.header("Retry-After")) == (503, "unavailable", "1")
        assert (await setup.ask("GET", "/livez")).status == 200


async def test_an_upstream_that_takes_too_long(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def never(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        setup.upstream.script = never
        answer = await setup.ask("GET", "/quick/x")
        assert (answer.status, answer.code) == (504, "deadline_exceeded")
        await eventually(lambda: not setup.upstream.writers)  # it need not go on


async def test_who_leaves_frees_the_upstream(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def never(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        setup.upstream.script = never
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: len(setup.upstream.seen) == 1)
        client.reset()
        await eventually(lambda: not setup.upstream.writers)
        assert setup.lines()[-1]["status"] == 499


async def test_an_early_answer_ends_the_upload(tmp_path: Path):
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()

    async with (
        served(early) as address,
        running_gateway(tmp_path, routes=lambda _: default_routes(address)) as setup,
    ):
        client = await setup.client()
        client.send(b"PUT /files/x HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + bytes(1_000))
        answer = await client.answer()
        assert (answer.status, answer.body, answer.header("Connection")) == (403, b"no", "close")
        assert await client.rest() == b""


async def test_a_hundred_at_once_share_no_answer(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def mix(seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            number = int(seen.head.target.rpartition(b"/")[2])
            await asyncio.sleep((number * 7 % 10) / 1_000)
            body = b"%d" % number * 50
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

        setup.upstream.script = mix

        async def run(client: Client, start: int) -> None:
            for number in range(start, start + 10):
                assert (await client.ask("GET", f"/api/catalog/{number}")).body == b"%d" % number * 50

        await asyncio.gather(*[run(await setup.client(), start) for start in range(0, 500, 10)])
        assert setup.upstream.connections <= 50


# ── the services' own server ───────────────────────────────────────────────────────────────────────────


async def test_before_the_server_of_the_services(tmp_path: Path):
    app = FastAPI()

    @app.post("/api/orders")
    async def place(body: dict[str, Any], authorization: Annotated[str, Header()]) -> dict[str, Any]:
        return {"got": body, "who": authorization}

    @app.get("/api/orders/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"one ", b"two ", b"three"]))

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"you said {await socket.receive_text()}")
        await socket.close()

    server = RestServer(app, f"unix:{tmp_path / 'services.sock'}")
    await server.start()
    try:
        async with running_gateway(
            tmp_path, routes=lambda _: default_routes(f"unix:{tmp_path / 'services.sock'}")
        ) as setup:
            client = await setup.client()
            for _ in range(3):
                answer = await client.ask(
                    "POST", "/api/orders", ALICE, b"Content-Type: application/json\r\n", body=b'{"a":1}'
                )
                assert answer.json == {"got": {"a": 1}, "who": "Bearer usr_alice"}
                assert (await client.ask("GET", "/api/orders/stream", ALICE)).body == b"one two three"
                assert (await client.ask("GET", "/api/orders/nothing", ALICE)).status == 404
            assert len(setup.endpoint("orders").pool.connections) == 1
            url = f"ws://127.0.0.1:{setup.gateway.port}/live"
            async with connect(url, additional_headers={"Authorization": "Bearer usr_alice"}) as socket:
                await socket.send("hello")
                assert await socket.recv() == "you said hello"
    finally:
        await server.stop()


CHECKOUT = (
    ("POST", "/api/orders"),
    ("POST", "/api/orders/quote"),
    ("POST", "/api/billing/calculate-price"),
    ("GET", "/api/billing/plans"),
    ("GET", "/api/catalog/assets"),
    ("GET", "/api/accounts"),
    ("POST", "/api/transactions"),
    ("POST", "/api/proxy/connect"),
    ("GET", "/api/orders"),
    ("GET", "/api/portfolio"),
)


async def test_whoever_waits_at_a_checkout_for_a_frozen_service_waits_5_s_at_most(tmp_path: Path):
    def routes(address: str) -> list[Route]:
        return platform_routes(TABLE.read_text(), lambda _service: (address,))

    async with running_gateway(tmp_path, routes=routes) as setup:

        async def frozen(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        setup.upstream.script = frozen
        asking = [asyncio.ensure_future(setup.ask(method, path, ALICE)) for method, path in CHECKOUT]
        await eventually(lambda: len(setup.upstream.seen) == len(CHECKOUT))
        setup.advance(4.5)
        assert not any(
            one.done() for one in asking
        )  # the service knows better what it waits for, and says so by now
        setup.advance(0.6)
        answers = [await one for one in asking]
        assert [(one.status, one.code) for one in answers] == [(504, "deadline_exceeded")] * len(CHECKOUT)


async def test_an_old_client_is_not_told_that_a_response_which_just_stops_is_all(tmp_path: Path):
    """Of HTTP/1.0 the end of the connection is the end of a body, so that must not look as if it were whole."""
    async with running_gateway(tmp_path) as setup:

        async def half(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await writer.drain()
            writer.close()

        setup.upstream.script = half
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.0\r\n" + HOST + b"\r\n")
        with pytest.raises(ConnectionResetError):
            while await asyncio.wait_for(client.reader.read(65_536), 30):
                pass
