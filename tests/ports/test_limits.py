"""Limits: what is true of every backend, seen from one process."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from tests.kit.redis import redis_url
from tollway.fabric.limits import Key, Limit, LimitDecision, Limits
from tollway.fabric.limits.memory import MemoryLimits
from tollway.fabric.limits.redis import RedisLimits
from tollway.kit.ids import new_id


@pytest.fixture(params=["memory", "redis"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    if request.param == "memory":
        made: Limits = MemoryLimits()
    else:
        made = RedisLimits(redis_url(), answer_s=10, registry=CollectorRegistry())
    await made.start()
    yield made
    await made.stop()


def new_limit(limits: Limits, quota: int, window_s: float) -> Limit:
    return limits.limit(new_id("lim"), quota, window_s)


async def ask(limit: Limit, key: Key = "alice") -> LimitDecision:
    """Ask as a caller that has time."""
    while not (grant := limit.take(key, time.monotonic())).admitted and grant.remaining:
        await limit.synced()
    return grant


async def test_the_first_request_of_anybody_is_admitted_at_once(limits: Limits) -> None:
    grant = new_limit(limits, 100, 60).take("alice", time.monotonic())
    assert (grant.admitted, grant.remaining, grant.retry_in_s) == (True, 99, 0.0)
    assert grant.full_in_s == pytest.approx(0.6, abs=1e-3)


async def test_of_200_at_once_exactly_the_quota_gets_through(limits: Limits) -> None:
    limit = new_limit(limits, 100, 3_600)
    grants = await asyncio.gather(*(ask(limit) for _ in range(200)))
    refused = [grant for grant in grants if not grant.admitted]
    assert len(refused) == 100
    assert {grant.remaining for grant in refused} == {0}
    assert all(30 < grant.retry_in_s <= 36 for grant in refused)
    assert all(3_590 < grant.full_in_s <= 3_601 for grant in refused)


async def test_refused_requests_cost_nothing(limits: Limits) -> None:
    limit = new_limit(limits, 2, 0.4)
    for _ in range(20):
        await ask(limit)
    await asyncio.sleep(0.21)
    assert (await ask(limit)).admitted


async def test_what_retry_says_is_true(limits: Limits) -> None:
    limit = new_limit(limits, 5, 1.0)
    while (grant := await ask(limit)).admitted:
        pass
    assert 0 < grant.retry_in_s <= 0.2
    await asyncio.sleep(grant.retry_in_s + 0.01)
    assert (await ask(limit)).admitted


async def test_clients_and_classes_do_not_share(limits: Limits) -> None:
    one, other = new_limit(limits, 1, 60), new_limit(limits, 1, 60)
    keys: list[Key] = ["alice", "bob", b"\x20\x01\x0d\xb8\x00\x00\x00\x01", b"\xff" * 8]
    for limit in (one, other):
        for key in keys:
            assert (await ask(limit, key)).admitted
            assert not (await ask(limit, key)).admitted


async def test_full_buckets_are_forgotten(limits: Limits) -> None:
    limit = new_limit(limits, 10, 1)
    await ask(limit)
    await ask(limit, "bob")
    assert len(limit) == 2
    limit.forget_full(time.monotonic() + 2)
    assert len(limit) == 0


async def test_stopped_limits_still_limit(limits: Limits) -> None:
    limit = new_limit(limits, 5, 60)
    for _ in range(2):
        assert (await ask(limit)).admitted
    await limits.stop()
    assert [(await ask(limit)).admitted for _ in range(5)] == [True, True, True, False, False]
