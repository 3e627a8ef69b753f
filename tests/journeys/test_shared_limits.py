"""Two gateways are one to their clients: a limit counts both, and neither depends on the server that joins them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, Setup, running_gateway
from tests.kit.redis import RedisServer
from tollway.fabric.limits.redis import RedisLimits

QUOTA, CREDIT = 20, 2
BOB = b"Authorization: Bearer usr_bob\r\n"
CAROL = b"Authorization: Bearer usr_carol\r\n"


class Pair:
    """Two gateways on one server."""

    def __init__(self, server: RedisServer, limits: list[RedisLimits], gateways: list[Setup]) -> None:
        self.server = server
        self.limits = limits
        self.gateways = gateways

    async def burst(self, requests: int, who: bytes, gateways: list[Setup]) -> Counter[int]:
        """Send that many at once to each gateway; how often which status came back."""
        asks = [one.ask("GET", "/api/orders", who) for one in gateways for _ in range(requests)]
        answers = await asyncio.gather(*asks)
        assert all(answer.header("Retry-After") for answer in answers if answer.status == 429)
        return Counter(answer.status for answer in answers)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    server = RedisServer().start()
    async with AsyncExitStack() as stack:
        stack.callback(server.remove)
        all_limits: list[RedisLimits] = []
        gateways: list[Setup] = []
        settings = {
            "default": {"quota": QUOTA, "window_s": 3_600},
            "login": {"quota": 5, "window_s": 3_600, "by": "ip"},
        }
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            limits = RedisLimits(server.url, answer_s=5, registry=CollectorRegistry())
            gateways.append(
                await stack.enter_async_context(
                    running_gateway(tmp_path / name, shared_limits=limits, limits=settings)
                )
            )
            await limits.start()
            stack.push_async_callback(limits.stop)
            all_limits.append(limits)
        yield Pair(server, all_limits, gateways)


async def test_a_burst_within_the_quota_is_not_refused_at_one_gateway(pair: Pair) -> None:
    assert await pair.burst(QUOTA, ALICE, pair.gateways[:1]) == {200: QUOTA}
    assert await pair.burst(5, ALICE, pair.gateways[:1]) == {429: 5}


async def test_a_limit_counts_what_both_let_through(pair: Pair) -> None:
    counted = await pair.burst(3 * QUOTA, ALICE, pair.gateways)
    assert QUOTA <= counted[200] <= QUOTA + CREDIT
    assert counted[200] + counted[429] == 6 * QUOTA


async def test_without_the_server_each_goes_on_alone_until_it_is_back(pair: Pair) -> None:
    pair.server.kill()
    assert await pair.burst(2 * QUOTA, ALICE, pair.gateways) == {200: 2 * QUOTA, 429: 2 * QUOTA}
    pair.server.start()
    await eventually(lambda: all(limits.reached for limits in pair.limits))
    counted = await pair.burst(2 * QUOTA, BOB, pair.gateways)
    assert QUOTA <= counted[200] <= QUOTA + CREDIT
    assert await pair.burst(1, CAROL, pair.gateways) == {200: 2}
