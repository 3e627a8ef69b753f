"""The HTTP proxy: plain requests, CONNECT, upgrades, refusals, and clients that misbehave."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.kit.edges import Client, EdgeSetup, Origin, echo, edge_setup, pattern, web
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


async def refused(client: Client) -> tuple[int, str, dict[str, str]]:
    """Read a refusal of ours: status, our code, headers; and check its form and that the connection ends."""
    status, headers, body = await client.response()
    document = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert headers["proxy-status"].startswith("tollway; error=")
    assert f'details="{document["code"]}"' in headers["proxy-status"]
    assert document["type"] == "about:blank", "a path would lead into the site that was asked for"
    assert headers["connection"] == "close"
    assert await client.rest() == b""
    await client.close()
    return status, document["code"], headers


# ── plain requests ──────────────────────────────────────────────────────────────────────────────────


async def test_one_connection_reaches_many_origins(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here, Origin(web).serving() as other:
        client = await here.client()
        for port, size in ((here.origin.port, 10), (other.port, 20), (here.origin.port, 30)):
            await client.send(here.get(f"/bytes/{size}", port=port))
            assert (await client.response())[2] == pattern(size)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire
        (usage,) = here.access.usage.values()
        assert usage.requests == 3
        assert (here.origin.connections, other.connections) == (1, 1)


async def test_requests_sent_ahead_are_answered_in_order(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(b"".join(here.get(f"/bytes/{size}") for size in (5, 0, 100_000, 7)))
        for size in (5, 0, 100_000, 7):
            assert (await client.response())[2] == pattern(size)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_requests_that_come_while_another_is_answered_wait_for_their_turn(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)

    async with edge_setup(tmp_path, slow) as here, Origin(slow).serving() as other:
        client = await here.client()
        for port in (here.origin.port, other.port):  # their connections are kept from now on
            await client.send(here.get("/", port=port))
            await client.response()
        ahead = [here.get(f"/{n}", port=(here.origin.port, other.port)[n % 2]) for n in range(4)]
        await client.send(ahead[0] + ahead[1])
        for request in ahead[2:]:
            await asyncio.sleep(0.01)
            await client.send(request)
        assert [(await client.response())[2] for _ in ahead] == [b"/0", b"/1", b"/2", b"/3"]


async def test_more_requests_than_fit_into_one_read_are_answered_though_the_client_has_finished(
    tmp_path: Path,
) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(b"".join(here.get(f"/bytes/{number}") for number in range(1000)))
        client.writer.write_eof()
        for number in range(1000):
            assert (await client.response())[::2] == (200, pattern(number))
        assert await client.rest() == b""
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_what_ends_at_a_proxy_does_not_go_on_and_nothing_tells_of_the_client(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(
            here.get(
                "/headers",
                "Proxy-Connection: keep-alive",
                "Connection: keep-alive, X-Secret",
                "Keep-Alive: timeout=5",
                "X-Secret: mine",
                "TE: trailers",
                "X_Under_Score: fine",
                "Accept: */*",
            )
        )
        _, headers, body = await client.response()
        sent = body.decode().lower()
        for gone in ("proxy-", "keep-alive", "x-secret", "te:", "via", "forwarded", "s3cret"):
            assert gone not in sent
        assert sent.startswith("get /headers http/1.1\r\n")
        assert f"host: 127.0.0.1:{here.origin.port}" in sent
        assert "x_under_score: fine" in sent
        assert "via" not in headers
        await client.close()


async def test_the_host_is_the_urls_whatever_the_client_says(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        request = here.get("/headers").replace(b"Host: 127.0.0.1", b"Host: other.example")
        await client.send(request)
        body = (await client.response())[2].decode()
        assert body.lower().count("host:") == 1
        assert f"Host: 127.0.0.1:{here.origin.port}" in body
        await client.close()


async def test_via_is_added_when_the_operator_wants_it_and_ends_loops(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web, via="edge-1") as here:
        client = await here.client()
        await client.send(here.get("/headers"))
        _, headers, body = await client.response()
        assert "Via: 1.1 edge-1" in body.decode()
        assert headers["via"] == "1.1 edge-1"
        await client.send(here.get("/headers", "Via: 1.0 other, 1.1 edge-1"))
        assert (await refused(client))[:2] == (502, "PROXY_LOOP")


async def test_head_and_no_content_have_no_body(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/bytes/123", method="HEAD"))
        head = await client.head()
        assert b"Content-Length: 123" in head
        await client.send(here.get("/nothing"))
        assert (await client.head()).startswith(b"HTTP/1.1 204 ")
        await client.send(here.get("/bytes/3"))
        assert (await client.response())[2] == pattern(3)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_an_old_origin_ends_its_answer_by_closing(tmp_path: Path, size: int) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get(f"/old/{size}"))
        head = await client.head()
        assert b"Connection: close" in head
        assert await client.rest() == pattern(size)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_an_old_client_hears_no_chunks(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/chunked/30000").replace(b"HTTP/1.1", b"HTTP/1.0"))
        head = await client.head()
        assert b"chunked" not in head.lower()
        assert await client.rest() == pattern(30_000)
        await client.close()


@pytest.mark.parametrize("size", [0, 1, 5_000, 400_000])
@pytest.mark.parametrize("piece", [50, 1_000, 70_000])
async def test_a_chunked_upload_arrives_and_is_charged_as_sent(tmp_path: Path, size: int, piece: int) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", "Transfer-Encoding: chunked", method="POST"))
        body = pattern(size)
        for at in range(0, size, piece):
            part = body[at : at + piece]
            await client.send(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
        await client.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        assert (await client.response())[2] == b"%d" % size
        await client.send(here.get("/bytes/9"))
        assert (await client.response())[2] == pattern(9)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_client_that_waits_for_continue_gets_it_from_the_origin(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"abcde")
        assert (await client.response())[2] == b"5"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_an_origin_may_refuse_an_upload_before_it_has_come(tmp_path: Path) -> None:
    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with edge_setup(tmp_path, full) as here:
        client = await here.client()
        await client.send(here.get("/", "Content-Length: 1000000", method="POST"))
        await client.send(bytes(100_000))
        status, headers, body = await client.response()
        assert (status, headers["connection"], body) == (413, "close", b"big")
        assert await client.rest() == b""
        await client.close()


async def test_a_kept_connection_that_died_is_replaced_without_a_word(tmp_path: Path) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request, promises to go on, and closes on the next."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")

    async with edge_setup(tmp_path, once) as here:
        client = await here.client()
        for _ in range(4):
            await client.send(here.get("/"))
            assert (await client.response())[2] == b"ok"
        await client.close()
        await here.settled()
        assert here.origin.connections == 4
        assert here.access.used() == here.on_the_wire


async def test_a_request_that_changes_something_is_never_sent_twice(tmp_path: Path) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")

    async with edge_setup(tmp_path, once) as here:
        client = await here.client()
        await client.send(here.get("/"))
        await client.response()
        await client.send(here.get("/", "Content-Length: 0", method="DELETE"))
        assert (await client.response())[0] == 200
        assert here.origin.connections == 2, "it goes over a connection that cannot be dead"
        await client.close()


async def test_an_idle_origin_that_speaks_up_is_not_used_again(tmp_path: Path) -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    async with edge_setup(tmp_path, talkative) as here:
        client = await here.client()
        for _ in range(2):
            await client.send(here.get("/"))
            assert (await client.response())[2] == b"ok"
            await asyncio.sleep(0.1)
        assert here.origin.connections == 2
        await client.close()


async def test_an_answer_with_more_than_it_promised_poisons_nobody(tmp_path: Path) -> None:
    async def long_winded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )
        await reader.read()

    async with edge_setup(tmp_path, long_winded) as here:
        client = await here.client()
        for _ in range(2):
            await client.send(here.get("/"))
            assert (await client.response())[2] == b"ok"
        assert here.origin.connections == 2
        await client.close()


async def test_customers_do_not_share_connections_to_an_origin(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    access.add("bob", "b0b")
    async with edge_setup(tmp_path, web, access) as here:
        for login in (basic("alice", "s3cret"), basic("bob", "b0b")):
            client = await here.client()
            await client.send(here.get("/bytes/1", login=login))
            await client.response()
            await client.close()
        assert here.origin.connections == 2


async def test_another_login_on_the_same_connection_is_another_flow(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    access.add("bob", "b0b")
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        await client.send(here.get("/bytes/1000"))
        await client.response()
        middle = here.on_the_wire
        await client.send(here.get("/bytes/50", login=basic("bob", "b0b")))
        await client.response()
        await client.close()
        await here.settled()
        assert access.used("alice") == middle
        assert access.used("bob") == here.on_the_wire - middle


# ── upgrades and tunnels ────────────────────────────────────────────────────────────────────────────


async def test_a_websocket_becomes_a_tunnel(tmp_path: Path) -> None:
    async def upgrading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Upgrade: websocket" in head
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst"
        )
        await echo(reader, writer)

    async with edge_setup(tmp_path, upgrading) as here:
        client = await here.client()
        await client.send(here.get("/", "Connection: Upgrade", "Upgrade: websocket"))
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Upgrade: websocket" in head
        assert await client.exactly(5) == b"first"
        await client.send(b"frame")
        assert await client.exactly(5) == b"frame"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_what_a_client_says_right_behind_connect_is_not_lost(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await here.client()
        await client.send(here.connect_head() + b"too early")
        assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        assert await client.exactly(9) == b"too early"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ("", "PROXY_AUTH_REQUIRED"),
        (basic("alice", "wrong"), "PROXY_AUTH_FAILED"),
        (basic("nobody", "s3cret"), "PROXY_AUTH_FAILED"),
        ("Bearer abc", "PROXY_AUTH_FAILED"),
        ("Basic !!!", "PROXY_AUTH_FAILED"),
        ("Basic", "PROXY_AUTH_FAILED"),
    ],
)
async def test_407_is_for_credentials_and_costs_nothing(tmp_path: Path, login: str, code: str) -> None:
    async with edge_setup(tmp_path, web) as here:
        for request in (here.get("/bytes/1", login=login), here.connect_head(login=login)):
            client = await here.client()
            await client.send(request)
            status, found, headers = await refused(client)
            assert (status, found) == (407, code)
            assert headers["proxy-authenticate"] == 'Basic realm="tollway", charset="UTF-8"'
        assert here.access.usage == {}


async def refusal_of(here: EdgeSetup, request: bytes) -> tuple[int, str]:
    client = await here.client()
    await client.send(request)
    status, code, headers = await refused(client)
    assert "proxy-authenticate" not in headers
    return status, code


async def test_each_cause_has_its_status(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web, denied_domains=["bad.example"], lookup_timeout_s=5) as here:
        free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        closed_port = free.sockets[0].getsockname()[1]
        free.close()
        for request, expected in [
            (here.get("/", login=basic("user-alice-country-us", "s3cret")), (503, "PROXY_NO_EXIT")),
            (here.get("/", login=basic("user-alice-planet-mars", "s3cret")), (400, "PROXY_BAD_USERNAME")),
            (here.connect_head("10.0.0.1:443"), (403, "PROXY_DENIED_ADDRESS")),
            (here.connect_head("[::ffff:127.0.0.1]:443"), (403, "PROXY_DENIED_ADDRESS")),
            (here.connect_head("127.0.0.1:25"), (403, "PROXY_DENIED_PORT")),
            (here.connect_head("www.bad.example:443"), (403, "PROXY_DENIED_DOMAIN")),
            (here.connect_head(f"127.0.0.1:{here.edge.ports['http']}"), (403, "PROXY_DENIED_ADDRESS")),
            (here.connect_head("nothing.invalid:443"), (502, "PROXY_NAME_UNKNOWN")),
            (here.connect_head(f"127.0.0.1:{closed_port}"), (502, "PROXY_CONNECTION_REFUSED")),
            (here.connect_head("127.0.0.1:0"), (400, "PROXY_BAD_REQUEST")),
            (here.connect_head("127.0.0.1:99999"), (400, "PROXY_BAD_REQUEST")),
            (here.get("/").replace(b"http://", b"https://"), (400, "PROXY_BAD_REQUEST")),
            (here.get("/").replace(b"http://", b"http://user:pass@"), (400, "PROXY_BAD_REQUEST")),
            (
                here.get("/").replace(f"http://127.0.0.1:{here.origin.port}".encode(), b""),
                (400, "PROXY_BAD_REQUEST"),
            ),
            (here.get("/", method="TRACE"), (405, "PROXY_BAD_REQUEST")),
        ]:
            assert await refusal_of(here, request) == expected
        assert here.origin.connections == 0


async def test_one_connection_too_many_is_429_with_a_time_to_wait(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add(max_flows=1)
    async with edge_setup(tmp_path, echo, access) as here:
        first = await here.tunnel()
        client = await here.client()
        await client.send(here.connect_head())
        status, code, headers = await refused(client)
        assert (status, code, headers["retry-after"]) == (429, "PROXY_TOO_MANY_FLOWS", "1")
        await first.close()


async def test_without_allowance_402(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add(holding=0)
    async with edge_setup(tmp_path, web, access) as here:
        assert await refusal_of(here, here.get("/bytes/1")) == (402, "PROXY_NO_ALLOWANCE")
        assert access.usage == {}


async def test_while_the_access_service_is_away_new_logins_hear_503(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        here.access.unavailable = True
        assert await refusal_of(here, here.get("/bytes/1")) == (503, "PROXY_UNAVAILABLE")
        here.access.unavailable = False


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "PROXY_ORIGIN_LOST"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "PROXY_ORIGIN_LOST"),
        (b"220 smtp ready\r\n\r\n", "PROXY_ORIGIN_MALFORMED"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "PROXY_ORIGIN_MALFORMED",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 140_000, "PROXY_ORIGIN_MALFORMED"),
    ],
    ids=["nothing", "half", "smtp", "both lengths", "endless"],
)
async def test_an_origin_that_breaks_the_rules_is_502(tmp_path: Path, answer: bytes, code: str) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with edge_setup(tmp_path, rude) as here:
        assert await refusal_of(here, here.get("/")) == (502, code)


async def test_an_origin_that_never_answers_is_504(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with edge_setup(tmp_path, silent, idle_timeout_s=0.3) as here:
        assert await refusal_of(here, here.get("/")) == (504, "PROXY_ORIGIN_TIMEOUT")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(200_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld",
    ],
    ids=["length", "chunked", "malformed"],
)
async def test_an_answer_that_is_cut_short_is_cut_short_for_the_client_too(
    tmp_path: Path, answer: bytes
) -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with edge_setup(tmp_path, dying) as here:
        client = await here.client()
        await client.send(here.get("/"))
        received = await client.rest()
        assert not received.endswith(b"0\r\n\r\n")
        assert len(received) < 300_000
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


# ── clients that misbehave ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET http://a/ HTTP/1.1\nHost: a\n\n",
        b"GET http://a/" + b"a" * 140_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT /path HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["no host", "two lengths", "nul", "bare lf", "long", "connect path"],
)
async def test_a_request_that_breaks_the_rules_is_refused_and_free(tmp_path: Path, request_: bytes) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(request_)
        status, code, _ = await refused(client)
        assert 400 <= status < 502
        assert code == "PROXY_BAD_REQUEST"
        assert here.access.usage == {}


async def test_64_kb_of_rubbish_costs_one_closed_connection(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        for rubbish in (bytes(65_536), b"A" * 65_536, b"\r\n" * 32_768, bytes(range(256)) * 256):
            client = await here.client()
            await client.send(rubbish)
            answer = await client.rest()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
            await client.close()
        client = await here.client()
        await client.send(here.get("/bytes/1"))
        assert (await client.response())[0] == 200
        await client.close()


async def test_a_slow_head_is_answered_408_and_costs_nothing(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web, head_timeout_s=0.3) as here:
        client = await here.client()
        await client.send(b"GET http://a/ HT")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        assert not here.access.usage
        await client.close()


async def test_dripping_a_later_head_does_not_buy_time(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web, head_timeout_s=0.5) as here:
        client = await here.client()
        await client.send(here.get("/bytes/1"))
        await client.response()

        async def drip() -> None:
            try:
                for byte in here.get("/bytes/1"):
                    await client.send(bytes((byte,)))
                    await asyncio.sleep(0.1)
            except ConnectionError:
                pass

        dripping = asyncio.ensure_future(drip())
        async with asyncio.timeout(20):
            assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        await client.close()


async def test_bytes_behind_a_refused_request_are_neither_carried_nor_charged(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", "Content-Length: 1000", port=25, method="POST") + bytes(1000))
        status, code, _ = await refused(client)
        assert (status, code) == (403, "PROXY_DENIED_PORT")
        await here.settled()
        assert here.access.used() == here.on_the_wire - 1000


async def test_a_client_that_leaves_in_the_middle_of_an_upload_ends_its_flow(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        for framing, started in (
            ("Content-Length: 1000", bytes(10)),
            ("Transfer-Encoding: chunked", b"5\r\nab"),
        ):
            client = await here.client()
            await client.send(here.get("/", framing, method="POST") + started)
            await asyncio.sleep(0.05)
            await client.close()
        await here.settled()
        assert {use.terminate_cause for use in here.access.usage.values()} == {"Lost-Carrier"}


async def test_a_client_with_its_back_turned_holds_the_origin_up(tmp_path: Path) -> None:
    sent = 0

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2_000):
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
            await writer.drain()
            sent += 65_536
        writer.write(b"0\r\n\r\n")

    async with edge_setup(tmp_path, generous) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.get("/"))
        await client.head()
        await eventually(lambda: sent > 1_000_000)
        await asyncio.sleep(0.3)
        before = sent
        await asyncio.sleep(0.2)
        assert sent == before < 50_000_000
        client.reset()
        await here.settled()
