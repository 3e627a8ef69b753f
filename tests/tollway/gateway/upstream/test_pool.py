"""Shares of an upstream's connections, measured by what another customer sees."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, HOST, Answer, Client, Seen, Setup, running_gateway

HEAD = b"POST /hooks/stripe HTTP/1.1\r\n" + HOST
ELSEWHERE = ("127.0.0.2", 0)


@asynccontextmanager
async def waiting_gateway(folder: Path, **settings: Any) -> AsyncIterator[tuple[Setup, asyncio.Event]]:
    """A gateway whose upstream answers what is below /api/catalog when it may, and all else at once."""
    may_answer = asyncio.Event()

    async def answer(seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if seen.head.target.startswith(b"/api/catalog"):
            await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with running_gateway(folder, **settings) as setup:
        setup.upstream.script = answer
        yield setup, may_answer
        may_answer.set()


async def elsewhere(setup: Setup, method: str = "GET", path: str = "/api/orders") -> Answer:
    """A request of another customer, from another address."""
    client = await Client.connect(setup.gateway.port, local_addr=ELSEWHERE)
    setup.clients.append(client)
    return await client.ask(method, path, ALICE)


UPLOADS = {
    "small": HEAD + b"Content-Length: 2000\r\n\r\n{",
    "large": HEAD + b"Content-Length: 1000000\r\n\r\n{",
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "chunked and large": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n11170\r\n"
    + bytes(70_000)
    + b"\r\n1\r\n{",
    "expected": HEAD + b"Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n",
    "large and expected": HEAD + b"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n",
}


@pytest.mark.parametrize("kind", UPLOADS)
async def test_many_slow_uploads_of_one_client_take_nothing_from_anybody(tmp_path: Path, kind: str):
    async with waiting_gateway(tmp_path, max_upstream_connections=32) as (setup, _):
        slow = [await setup.client() for _ in range(100)]
        for client in slow:
            client.send(UPLOADS[kind])
        await eventually(lambda: len(setup.gateway.connections) == 100)
        await eventually(
            lambda: all(one.exchange is None or _arrived(one) for one in setup.gateway.connections)
        )
        others = [(await elsewhere(setup)).status for _ in range(50)]
        assert others == [200] * 50
        # Nor is the same client shut out with what it sends completely.
        assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200
        assert len(setup.endpoint("hooks").pool.connections) <= 4


def _arrived(connection: Any) -> bool:
    request = connection.exchange.request
    return request.bytes_in > request.head.size or request.head.expect_continue


async def test_uploads_of_many_clients_leave_half_to_what_is_complete(tmp_path: Path):
    async with waiting_gateway(tmp_path, max_upstream_connections=8) as (setup, _):
        for number in range(20):
            client = await Client.connect(setup.gateway.port, local_addr=(f"127.0.1.{number + 1}", 0))
            setup.clients.append(client)
            client.send(UPLOADS["large"])
        await eventually(lambda: setup.endpoint("hooks").pool.uploads == 4)
        assert [(await elsewhere(setup)).status for _ in range(20)] == [200] * 20


async def test_a_client_whose_share_is_taken_waits_for_its_own_responses(tmp_path: Path):
    async with waiting_gateway(tmp_path, max_upstream_connections=16) as (setup, may_answer):
        first = [asyncio.ensure_future(setup.ask("GET", "/api/catalog")) for _ in range(2)]
        await eventually(lambda: len(setup.upstream.seen) == 2)
        answer = await setup.ask("GET", "/api/catalog")
        assert (answer.status, answer.code, answer.header("Retry-After")) == (429, "too_many_requests", "1")
        assert (await elsewhere(setup)).status == 200
        may_answer.set()
        assert [(await one).status for one in first] == [200, 200]
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_a_slow_route_leaves_connections_to_the_others(tmp_path: Path):
    async with waiting_gateway(tmp_path, max_upstream_connections=8) as (setup, _):
        for number in range(12):
            client = await Client.connect(setup.gateway.port, local_addr=(f"127.0.1.{number + 1}", 0))
            setup.clients.append(client)
            client.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: setup.endpoint().routes["catalog"].active == 6)
        assert [(await elsewhere(setup)).status for _ in range(20)] == [200] * 20


async def test_websockets_take_no_connection_from_requests(tmp_path: Path):
    async def switch(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if _seen.head.target == b"/live":
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            await reader.read()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with running_gateway(tmp_path, max_upstream_connections=8) as setup:
        setup.upstream.script = switch
        for number in range(1, 21):
            client = await setup.client()
            client.send(
                b"GET /live HTTP/1.1\r\n"
                + HOST
                + ALICE
                + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
            await eventually(lambda number=number: len(setup.gateway.context.tunnels) == number)
        assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200
        assert not any(one.active for one in setup.gateway.context.endpoints)


async def test_a_pool_has_no_more_connections_than_it_may(tmp_path: Path):
    async with waiting_gateway(tmp_path, max_upstream_connections=2) as (setup, may_answer):
        clients = [
            await Client.connect(setup.gateway.port, local_addr=(f"127.0.1.{number}", 0))
            for number in (1, 2, 3)
        ]
        setup.clients.extend(clients)
        asking = [asyncio.ensure_future(one.ask("GET", "/api/catalog")) for one in clients[:1]]
        await eventually(lambda: len(setup.upstream.seen) == 1)
        assert (await clients[1].ask("GET", "/api/catalog")).status == 503  # this route has its share
        assert (await clients[2].ask("GET", "/api/orders", ALICE)).status == 200
        may_answer.set()
        assert [(await one).status for one in asking] == [200]
        assert setup.upstream.connections == 2


async def test_a_burst_of_timeouts_of_one_route_closes_the_way_to_none(tmp_path: Path):
    async def slow(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if seen.head.target.startswith(b"/quick"):
            await reader.read()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with running_gateway(tmp_path) as setup:
        setup.upstream.script = slow
        statuses = await asyncio.gather(*(setup.ask("GET", "/quick/x") for _ in range(30)))
        assert {one.status for one in statuses} == {504}
        assert (await setup.ask("GET", "/api/catalog")).status == 200
        assert not setup.endpoint("quick").is_open
        for _ in range(5):
            await setup.ask("GET", "/quick/x")
        assert setup.endpoint("quick").is_open
        assert (await setup.ask("GET", "/quick/x")).status == 503
        assert (await setup.ask("GET", "/api/catalog")).status == 200
