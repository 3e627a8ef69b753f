"""Logins: asked once, remembered as long as allowed, forgotten when something changes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.kit.clock import FakeMonotonic
from tests.kit.edges import edge_setup
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.contracts.access_pb2 import Change, Grant
from tollway.edge import refusal
from tollway.edge.access_client import AccessClient
from tollway.edge.credential import password
from tollway.edge.credential_cache import AuthResult, CredentialCache, affects
from tollway.edge.metrics import EdgeMetrics
from tollway.fabric.clock import SystemClock


def make_cache(
    access: FakeAccess, failed_ttl_s: float = 5.0, monotonic: Callable[[], float] = time.monotonic
) -> CredentialCache:
    metrics = EdgeMetrics()
    made = CredentialCache(
        access=AccessClient(access.stub(), "edge-1", metrics),
        clock=SystemClock(),
        failed_ttl_s=failed_ttl_s,
        metrics=metrics,
        monotonic=monotonic,
    )
    made.open = True
    return made


async def ask(cache: CredentialCache, login: str = "alice", secret: str = "s3cret") -> AuthResult:
    results: list[AuthResult] = []
    credential = password(login, secret)
    key = cache.key(credential)
    cached = cache.cached(key)
    if cached is not None:
        return cached
    cache.lookup(key, credential, "http", "192.0.2.1:1", results.append)
    await eventually(lambda: results)
    return results[0]


def some_access(**more: float) -> FakeAccess:
    access = FakeAccess(**more)  # type: ignore[arg-type]
    access.add()
    return access


async def test_a_login_is_asked_once_and_then_answered_at_once() -> None:
    access = some_access()
    cache = make_cache(access)
    first = await ask(cache)
    assert isinstance(first, Grant)
    assert cache.cached(cache.key(password("alice", "s3cret"))) == first
    assert cache.cached(cache.key(password("alice", "s3cre"))) is None
    assert access.authentications == 1


async def test_many_at_once_are_one_question() -> None:
    access = some_access(delay_s=0.02)
    cache = make_cache(access)
    results = await asyncio.gather(*(ask(cache) for _ in range(50)))
    assert all(result == results[0] for result in results)
    assert access.authentications == 1


async def test_a_verdict_is_remembered_no_longer_than_allowed() -> None:
    access, clock = some_access(cache_s=60), FakeMonotonic()
    cache = make_cache(access, monotonic=clock)
    await ask(cache)
    clock.advance(59)
    await ask(cache)
    assert access.authentications == 1
    clock.advance(2)
    await ask(cache)
    assert access.authentications == 2


async def test_wrong_credentials_are_remembered_for_a_moment_only() -> None:
    access, clock = some_access(), FakeMonotonic()
    cache = make_cache(access, failed_ttl_s=2, monotonic=clock)
    assert await ask(cache, secret="wrong") is refusal.BAD_CREDENTIALS
    assert await ask(cache, secret="wrong") is refusal.BAD_CREDENTIALS
    assert access.authentications == 1
    assert isinstance(await ask(cache), Grant)
    clock.advance(2.1)
    await ask(cache, secret="wrong")
    assert access.authentications == 3


async def test_that_the_service_is_away_is_not_remembered() -> None:
    access = some_access()
    cache = make_cache(access)
    access.unavailable = True
    assert await ask(cache) is refusal.UNAVAILABLE
    access.unavailable = False
    assert isinstance(await ask(cache), Grant)


async def test_nobody_is_let_in_before_the_node_is_known() -> None:
    cache = make_cache(some_access())
    cache.open = False
    assert await ask(cache) is refusal.UNAVAILABLE


async def test_a_change_forgets_whom_it_touches() -> None:
    access = some_access()
    access.add("bob", "b0b")
    cache = make_cache(access)
    await ask(cache)
    await ask(cache, "bob", "b0b")
    cache.invalidate(Change(sequence=1, kind="policy_changed", resource_id="res_alice"))
    await ask(cache, "bob", "b0b")
    assert access.authentications == 2
    await ask(cache)
    assert access.authentications == 3


async def test_an_answer_that_a_change_overtook_is_asked_for_again() -> None:
    access = some_access(delay_s=0.05)
    cache = make_cache(access)
    asking = asyncio.ensure_future(ask(cache))
    await asyncio.sleep(0.07)
    asking2 = asyncio.ensure_future(ask(cache, secret="wrong"))
    await asyncio.sleep(0.02)
    await asking
    cache.invalidate(Change(sequence=1, kind="user_suspended", user_id="usr_alice"))
    access.resources["res_alice"].active = False
    assert await asking2 is refusal.BAD_CREDENTIALS

    overtaken = asyncio.ensure_future(ask(cache))
    access.resources["res_alice"].active = True
    await asyncio.sleep(0.02)
    cache.invalidate(Change(sequence=2, kind="user_suspended", user_id="usr_alice"))
    await asyncio.sleep(0.04)
    access.resources["res_alice"].active = False
    assert await overtaken is refusal.INACTIVE


async def test_a_flood_of_guesses_does_not_queue_up_without_end() -> None:
    access = some_access(delay_s=0.05)
    cache = make_cache(access)
    results = await asyncio.gather(*(ask(cache, secret=f"guess{n}") for n in range(400)))
    assert results.count(refusal.BAD_CREDENTIALS) == 256
    assert results.count(refusal.UNAVAILABLE) == 144


async def test_no_secret_stays_in_memory() -> None:
    cache = make_cache(some_access())
    await ask(cache)
    assert b"s3cret" not in repr(vars(cache)).encode()


def test_the_most_particular_id_decides_whom_a_change_touches() -> None:
    grant = Grant(user_id="usr_1", resource_id="res_1", credential_id="crd_1")
    assert affects(Change(user_id="usr_1"), grant)
    assert not affects(Change(user_id="usr_2"), grant)
    assert affects(Change(user_id="usr_1", resource_id="res_1"), grant)
    assert not affects(Change(user_id="usr_1", resource_id="res_2"), grant)
    assert not affects(Change(user_id="usr_1", resource_id="res_1", credential_id="crd_2"), grant)
    assert not affects(Change(), grant)


async def test_a_revoked_credential_is_refused_at_the_next_login(tmp_path: Path) -> None:
    access = some_access()
    async with edge_setup(tmp_path, access=access) as here:
        client = await here.tunnel()
        access.resources["res_alice"].secret = "changed"
        access.announce("credential_revoked", credential_id="crd_alice")
        assert await client.rest() == b""
        await client.close()
        again = await here.client()
        await again.send(here.connect_head())
        assert (await again.head()).startswith(b"HTTP/1.1 407 ")
        await again.close()
