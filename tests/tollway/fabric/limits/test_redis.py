"""Limits shared through a real server: what several processes admit together, and what an outage does."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from redis.asyncio import Redis

from tests.kit.eventually import eventually
from tests.kit.redis import RedisServer, redis_url
from tollway.fabric.limits import Limit, LimitDecision, Outage
from tollway.fabric.limits.redis import RedisLimits
from tollway.kit.ids import new_id

PATIENT_S = 10.0  # where no outage is meant, a busy machine must not look like one


@asynccontextmanager
async def sharing(url: str, *, answer_s: float = PATIENT_S) -> AsyncIterator[RedisLimits]:
    limits = RedisLimits(url, answer_s=answer_s, registry=CollectorRegistry())
    await limits.start()
    yield limits
    await limits.stop()


@asynccontextmanager
async def processes(
    count: int, url: str, quota: int, window_s: float, outage: Outage = "local", answer_s: float = PATIENT_S
) -> AsyncIterator[tuple[list[RedisLimits], list[Limit]]]:
    """As many parties that know each other through the server only; each has the same limit."""
    name = new_id("lim")
    all_limits = [RedisLimits(url, answer_s=answer_s, registry=CollectorRegistry()) for _ in range(count)]
    made = [limits.limit(name, quota, window_s, outage) for limits in all_limits]
    await asyncio.gather(*(limits.start() for limits in all_limits))
    yield all_limits, list(made)
    await asyncio.gather(*(limits.stop() for limits in all_limits))


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that this test may ill-treat."""
    one = RedisServer().start()
    yield one
    one.remove()


async def ask(limit: Limit, key: str = "alice") -> LimitDecision:
    while not (grant := limit.take(key, time.monotonic())).admitted and grant.remaining:
        await limit.synced()
    return grant


async def admitted_of(requests: int, limits: list[Limit]) -> int:
    """Send that many requests through each at once; how many got through."""
    grants = await asyncio.gather(*(ask(limit) for limit in limits for _ in range(requests)))
    return sum(grant.admitted for grant in grants)


# ── together ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_together_they_admit_no_more_than_is_promised_and_no_less_than_the_quota(count: int) -> None:
    async with processes(count, redis_url(), 100, 3_600) as (_, limits):
        began = time.monotonic()
        admitted = await admitted_of(200, limits)
        refill = int((time.monotonic() - began) * 100 / 3_600)
    assert 100 <= admitted <= 100 + (count - 1) * 10 + refill


async def test_so_do_processes_of_the_operating_system() -> None:
    program = """
import asyncio, json, sys, time
from tollway.fabric.limits.redis import RedisLimits

async def main(url, name):
    limits = RedisLimits(url, answer_s=10)
    limit = limits.limit(name, 100, 3600)
    await limits.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async def ask():
        while not (grant := limit.take("alice", time.monotonic())).admitted and grant.remaining:
            await limit.synced()
        return grant.admitted
    print(json.dumps(sum(await asyncio.gather(*(ask() for _ in range(200))))), flush=True)
    await limits.stop()

asyncio.run(main(*sys.argv[1:]))
"""
    name, pipe = new_id("lim"), asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, redis_url(), name, stdin=pipe, stdout=pipe
        )
        for _ in range(3)
    ]
    for one in started:
        assert one.stdout is not None
        assert await one.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(one.communicate(b"go\n") for one in started))
    admitted = [json.loads(output) for output, _ in outputs]
    assert 100 <= sum(admitted) <= 100 + 2 * 10


async def test_what_one_admitted_the_others_know_soon() -> None:
    async with processes(2, redis_url(), 20, 3_600) as (_, limits):
        assert await admitted_of(18, limits[:1]) == 18
        await asyncio.sleep(0.2)
        assert (await ask(limits[1])).admitted
        await limits[1].synced()
        assert limits[1].take("alice", time.monotonic()).remaining == 0


async def test_many_clients_go_in_few_calls() -> None:
    async with processes(1, redis_url(), 100, 60) as ([limits], [limit]):
        for client in range(3_000):
            assert limit.take(f"client {client}", time.monotonic()).admitted
        await limit.synced()
        assert b"tollway_limits_calls_total 2.0" in generate_latest(limits._registry)  # the knock, and one


async def test_the_server_forgets_full_buckets() -> None:
    async with processes(1, redis_url(), 10, 0.5) as (_, [limit]):
        client = Redis.from_url(redis_url())
        for _ in range(5):
            await ask(limit)
        await limit.synced()
        found = [key async for key in client.scan_iter(f"tollway:limit:{limit.name}:*")]  # type: ignore[attr-defined]
        assert len(found) == 1
        assert 0 < await client.pttl(found[0]) <= 251
        await client.aclose()


async def test_what_was_admitted_last_is_told_when_stopping() -> None:
    name = new_id("lim")
    async with sharing(redis_url()) as first:
        assert first.limit(name, 10, 3_600).take("alice", time.monotonic()).admitted is True
        limit = first._limits[name]
        limit.join()
        assert limit.take("alice", time.monotonic()).admitted
    async with processes(1, redis_url(), 1, 1) as _:
        client = Redis.from_url(redis_url())
        assert await client.exists(f"tollway:limit:{name}:alice")
        await client.aclose()


# ── the server goes away ────────────────────────────────────────────────────────────────────────────────────


async def test_killed_in_the_middle_each_goes_on_alone_and_comes_back(server: RedisServer) -> None:
    async with processes(3, server.url, 50, 3_600) as (parties, limits):
        grants: list[LimitDecision] = []
        took_s: list[float] = []

        async def client(limit: Limit) -> None:
            for _ in range(40):
                began = time.monotonic()
                grants.append(await ask(limit))
                took_s.append(time.monotonic() - began)
                await asyncio.sleep(0.005)

        work = asyncio.gather(*(client(limit) for limit in limits for _ in range(10)))
        await asyncio.sleep(0.03)
        server.kill()
        await work
        for limit in limits:
            assert (await ask(limit, "carol")).admitted
        await eventually(lambda: not any(party.reached for party in parties))
        assert 50 <= sum(grant.admitted for grant in grants) <= 3 * 50
        assert max(took_s) < 1.0  # a dead server is known at once; the rest is for a busy machine

        server.start()
        await eventually(lambda: all(party.reached for party in parties))
        grants = [await ask(limit, "bob") for limit in limits for _ in range(60)]
        assert 50 <= sum(grant.admitted for grant in grants) <= 50 + 2 * 5


async def test_nobody_waits_longer_than_declared_for_a_server_that_hangs(server: RedisServer) -> None:
    async with processes(1, server.url, 100, 3_600, answer_s=0.1) as ([party], [limit]):
        server.freeze()
        began = time.monotonic()
        assert await admitted_of(200, [limit]) == 100
        assert 0.09 < time.monotonic() - began < 1.0
        assert not party.reached
        server.thaw()
        await eventually(lambda: party.reached)
        assert (await ask(limit, "bob")).admitted


async def test_declared_to_refuse_nobody_gets_through_without_the_server(server: RedisServer) -> None:
    async with processes(1, server.url, 10, 3_600, "refuse") as ([party], [limit]):
        assert (await ask(limit)).admitted
        server.kill()
        await admitted_of(2, [limit])
        await eventually(lambda: not party.reached)
        assert await admitted_of(5, [limit]) == 0
        server.start()
        await eventually(lambda: party.reached)
        assert (await ask(limit)).admitted


async def test_a_server_that_cannot_write_is_as_good_as_none(server: RedisServer) -> None:
    async with processes(2, server.url, 10, 3_600) as (parties, limits):
        client = Redis.from_url(server.url)
        await client.config_set("maxmemory", "1")
        assert await admitted_of(20, limits) == 2 * 10
        assert not any(party.reached for party in parties)
        await asyncio.sleep(0.3)
        assert not any(party.reached for party in parties)
        await client.config_set("maxmemory", "0")
        await client.aclose()
        await eventually(lambda: all(party.reached for party in parties))


async def test_who_starts_without_a_server_finds_it_later(server: RedisServer) -> None:
    server.kill()
    async with processes(1, server.url, 10, 3_600) as ([party], [limit]):
        assert not party.reached
        assert await admitted_of(20, [limit]) == 10
        server.start()
        await eventually(lambda: party.reached)


async def test_the_figures_tell_of_an_outage(server: RedisServer) -> None:
    async with processes(1, server.url, 10, 3_600) as ([party], [limit]):
        assert b"tollway_limits_shared 1.0" in generate_latest(party._registry)
        server.kill()
        await admitted_of(5, [limit])
        figures = generate_latest(party._registry)
    assert b"tollway_limits_shared 0.0" in figures
    assert b"tollway_limits_failures_total 0.0" not in figures
    assert b"tollway_limits_waits_total 4.0" in figures
