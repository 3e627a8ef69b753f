"""Upstreams: the pool, the breaker at work, and the budget for repetitions."""

import asyncio
from pathlib import Path

from tests.kit.eventually import eventually
from tests.kit.gateway import HOST, Seen, default_routes, echo, running_gateway
from tollway.gateway.route.route import Route


async def test_links_are_used_again(tmp_path: Path):
    async with running_gateway(tmp_path, unix=True) as setup:
        for _ in range(10):
            assert (await setup.ask("GET", "/api/catalog")).status == 200
        assert setup.upstream.connections == 1


async def test_idle_links_are_closed_before_the_upstream_does_it(tmp_path: Path):
    async with running_gateway(tmp_path, upstream_idle_timeout_s=30) as setup:
        await setup.ask("GET", "/api/catalog")
        setup.advance(31)
        await eventually(lambda: not setup.upstream.writers)
        assert setup.endpoint().pool.idle == 0


async def test_a_dead_upstream_is_left_alone_and_comes_back(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def die(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        setup.upstream.script = die
        statuses = [(await setup.ask("POST", "/api/catalog")).status for _ in range(8)]
        assert statuses == [502] * 5 + [503] * 3
        assert len(setup.upstream.seen) == 5
        setup.upstream.script = echo
        setup.advance(1.1)
        assert (await setup.ask("GET", "/api/catalog")).status == 200
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_a_sick_upstream_is_not_asked_twice_as_much(tmp_path: Path):
    """Every link goes stale just as it is used: repetitions stop when their budget is gone."""
    async with running_gateway(tmp_path) as setup:
        turn = 0

        async def alternate(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal turn
            turn += 1
            if turn % 2:
                await echo(seen, reader, writer)
            else:
                writer.transport.abort()

        setup.upstream.script = alternate
        statuses: list[int] = []
        for _ in range(40):
            statuses.append((await setup.ask("GET", "/api/catalog")).status)
            await asyncio.sleep(0)
        assert statuses.count(502) >= 10
        assert 8 <= statuses.count(200) - 20 <= 20


async def test_a_stopping_upstream_loses_nothing_that_waits_between_requests(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        client = await setup.client()
        for _ in range(5):
            client.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
            assert (await client.answer()).status == 200
            setup.upstream.hang_up()
            await eventually(lambda: not setup.endpoint().pool.connections)


async def test_clients_that_are_slow_or_leave_do_not_open_the_breaker(tmp_path: Path):
    async with running_gateway(tmp_path, body_grace_s=0.2, body_bytes_per_s=1_000) as setup:
        head = b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n"
        for number in range(8):
            client = await setup.client()
            client.send(head + b"x")
            if number % 2:
                await asyncio.sleep(0.02)
                client.close()
            else:
                assert (await client.answer()).status == 408
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_a_probe_that_its_client_spoils_does_not_block_the_next(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:

        async def die(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        setup.upstream.script = die
        for _ in range(5):
            await setup.ask("POST", "/api/catalog")
        setup.upstream.script = echo
        setup.advance(1.1)
        spoiler = await setup.client()
        spoiler.send(b"POST /api/catalog HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert (await spoiler.answer()).status == 400
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_silence_in_the_middle_of_an_answer_has_an_end(tmp_path: Path):
    def routes(address: str) -> list[Route]:
        return [route.model_copy(update={"idle_timeout_s": 0.3}) for route in default_routes(address)]

    async with running_gateway(tmp_path, routes=routes) as setup:

        async def stop_half_way(
            _seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await reader.read()

        setup.upstream.script = stop_half_way
        client = await setup.client()
        client.send(b"GET /files/x HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.rest()).endswith(b"\r\n\r\nhalf")
        assert setup.lines()[-1]["reason"] == "cut_off"
