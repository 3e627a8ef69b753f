"""Several endpoints: one that fails is passed over, when a second arrival does no harm and the budget allows."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.eventually import eventually, stands_still
from tests.kit.gateway import ALICE, HOST, Seen, Setup, Upstream, running_gateway
from tollway.gateway.proxy import body
from tollway.gateway.route.route import Route


@asynccontextmanager
async def two_endpoints(
    folder: Path, others: Sequence[str] = (), **route: Any
) -> AsyncIterator[tuple[Setup, Upstream, Upstream]]:
    """A gateway before two servers of one service; the first one is asked first."""
    async with AsyncExitStack() as stack:
        second = Upstream()
        await second.start()
        stack.push_async_callback(second.stop)

        def routes(first: str) -> list[Route]:
            fields = {"balancer": "round_robin", "auth": "public", **route}
            return [Route(name="both", prefix="/both", endpoints=(first, second.address, *others), **fields)]

        setup = await stack.enter_async_context(running_gateway(folder, routes=routes))
        yield setup, setup.upstream, second


async def die(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def test_requests_are_shared_between_the_endpoints(tmp_path: Path):
    async with two_endpoints(tmp_path) as (setup, first, second):
        for _ in range(6):
            assert (await setup.ask("POST", "/both/x")).status == 200
        assert (len(first.seen), len(second.seen)) == (3, 3)


@pytest.mark.parametrize(
    ("method", "header", "again"),
    [
        ("GET", b"", True),
        ("PUT", b"", True),
        ("POST", b"", False),
        ("POST", b"Idempotency-Key: k1\r\n", True),
    ],
)
async def test_what_may_be_repeated_goes_to_another_endpoint(
    tmp_path: Path, method: str, header: bytes, again: bool
):
    async with two_endpoints(tmp_path) as (setup, first, second):
        first.script = die
        answer = await setup.ask(method, "/both/x", header, body=b"" if method == "GET" else b"twice")
        assert answer.status == (200 if again else 502)
        assert (len(first.seen), len(second.seen)) == (1, int(again))
        if again and method != "GET":
            assert answer.json["body"] == "twice"


async def test_an_endpoint_that_is_not_there_is_passed_over_whatever_the_method(tmp_path: Path):
    """Nothing was sent to it, so nothing can happen twice."""
    async with two_endpoints(tmp_path) as (setup, first, second):
        await first.stop()
        assert [(await setup.ask("POST", "/both/x", body=b"x")).status for _ in range(12)] == [200] * 12
        assert len(second.seen) == 12
        assert setup.endpoint("both").breaker.is_open


async def test_without_retries_nothing_is_sent_twice(tmp_path: Path):
    async with two_endpoints(tmp_path, retries=0) as (setup, first, second):
        first.script = die
        assert (await setup.ask("GET", "/both/x")).status == 502
        assert second.seen == []


async def test_no_more_tries_than_the_route_allows(tmp_path: Path):
    async with two_endpoints(tmp_path, others=("127.0.0.1:1",), retries=1) as (setup, first, second):
        first.script = second.script = die
        assert (await setup.ask("GET", "/both/x")).status == 502
        assert (len(first.seen), len(second.seen)) == (1, 1)


async def test_a_sick_cluster_is_not_asked_twice_as_much(tmp_path: Path):
    async with two_endpoints(tmp_path) as (setup, first, second):
        first.script = second.script = die
        for _ in range(60):
            assert (await setup.ask("GET", "/both/x")).status in {502, 503}
            setup.time.advance(31)  # the breakers admit probes again
        assert 60 < len(first.seen) + len(second.seen) <= 60 + 10 + 12  # the reserve, and a fifth


async def test_what_has_begun_is_not_tried_elsewhere(tmp_path: Path):
    async with two_endpoints(tmp_path) as (setup, first, second):

        async def begin(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await writer.drain()
            writer.close()

        first.script = begin
        client = await setup.client()
        client.send(b"GET /both/x HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.rest()).endswith(b"half")
        assert second.seen == []


async def test_a_body_too_large_to_keep_is_not_sent_again(tmp_path: Path):
    async with two_endpoints(tmp_path) as (setup, first, second):
        first.script = die
        assert (await setup.ask("PUT", "/both/x", body=bytes(100_000))).status == 502
        assert second.seen == []


async def test_no_request_is_counted_as_active_when_all_are_over(tmp_path: Path):
    async with two_endpoints(tmp_path) as (setup, first, second):
        first.script = die
        for method in ("GET", "POST", "GET", "POST"):
            await setup.ask(method, "/both/x")
        client = await setup.client()

        async def never(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        first.script = second.script = never
        client.send(b"GET /both/x HTTP/1.1\r\n" + HOST + b"\r\n")
        cluster = setup.gateway.context.table.routes["both"].cluster
        await eventually(lambda: sum(one.active for one in cluster.endpoints) == 1)
        client.reset()
        await eventually(lambda: sum(one.active for one in cluster.endpoints) == 0)


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────

SMALL = 60_000
HALF_OF_IT = (
    b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % SMALL + bytes(SMALL // 2)
)


async def test_what_all_requests_keep_of_their_bodies_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(body, "_KEPT_BYTES_OF_ALL", 200_000)
    async with running_gateway(tmp_path) as setup:
        slow = [await setup.client() for _ in range(20)]
        for client in slow:
            client.send(HALF_OF_IT)
        kept = setup.gateway.context.kept
        await eventually(lambda: sum(one.exchange is not None for one in setup.gateway.connections) == 20)
        await stands_still(lambda: (kept.size, setup.endpoint().pool.uploads))
        assert 0 < kept.size <= 200_000 + SMALL
        # Those that are not kept are passed on as they come, and nobody else is kept out.
        assert (await setup.ask("POST", "/api/orders", ALICE, body=b"small")).json["body"] == "small"
        for client in slow:
            client.send(bytes(SMALL // 2))
        assert [(await client.answer()).status for client in slow] == [200] * 20
        assert kept.size == 0


async def test_one_client_cannot_take_all_the_room_for_bodies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(body, "_KEPT_BYTES_OF_CLIENT", 100_000)
    async with running_gateway(tmp_path) as setup:
        slow = [await setup.client() for _ in range(10)]
        for client in slow:
            client.send(HALF_OF_IT)
        kept = setup.gateway.context.kept
        await eventually(lambda: sum(one.exchange is not None for one in setup.gateway.connections) == 10)
        await stands_still(lambda: kept.size)
        assert kept.size <= 100_000 + SMALL
        for client in slow:
            client.close()
        await eventually(lambda: not setup.gateway.connections)
        assert kept.size == 0


@pytest.mark.parametrize("end", ["answered", "refused", "client left", "upstream died", "repeated"])
async def test_whatever_ends_a_request_what_was_kept_of_it_is_released(tmp_path: Path, end: str):
    async with two_endpoints(tmp_path) as (setup, first, _):
        kept = setup.gateway.context.kept
        if end in {"upstream died", "repeated"}:
            first.script = die
        client = await setup.client()
        method = "PUT" if end == "repeated" else "POST"
        head = f"{method} /both/x HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 20000\r\n\r\n"
        client.send(head + bytes(10_000))
        await eventually(lambda: kept.size == 10_000)
        if end == "client left":
            client.reset()
        elif end == "refused":
            setup.advance(60)
        else:
            client.send(bytes(10_000))
        await eventually(lambda: kept.size == 0)
