"""Guessing is slow for everybody, in parallel too, and never ends in a lock for good."""

import asyncio
from collections import Counter

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, World
from tollway.contracts.errors import AccountLocked, BadLogin
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.services.identity.model import Source
from tollway.services.identity.service import Identity

ANN = "ann@example.com"


async def guess(
    service: Identity, email: str = ANN, password: str = OTHER_PASSWORD, ip: str = "192.0.2.1"
) -> str:
    try:
        await service.login.login(email, password, "program", Source(ip))
    except (AccountLocked, BadLogin) as refusal:
        return refusal.code
    return "in"


async def test_five_wrong_tries_lock_the_account_for_half_a_minute(town: World) -> None:
    user_id = await town.sign_up(ANN)
    assert [await guess(town.service) for _ in range(6)] == ["bad_login"] * 5 + ["account_locked"]
    assert await guess(town.service, password=PASSWORD) == "account_locked", "the right password too"
    with pytest.raises(AccountLocked) as refusal:
        await town.service.login.login(ANN, PASSWORD, "program", Source("198.51.100.9"))
    assert refusal.value.extra == {"retry_after_s": 30}
    [locked] = await town.published(AccountWasLocked)
    assert (locked.user_id, locked.until_us) == (user_id, town.clock.now_us() + 30_000_000)
    assert len(await town.mailed("account_locked", ANN)) == 1
    town.clock.advance(30)
    assert await guess(town.service, password=PASSWORD) == "in"


async def test_each_further_failure_doubles_the_lock_up_to_a_quarter_of_an_hour(town: World) -> None:
    await town.sign_up(ANN)
    waits = []
    for _ in range(4):
        await guess(town.service)
    for _ in range(8):
        assert await guess(town.service) == "bad_login"
        with pytest.raises(AccountLocked) as refusal:
            await town.service.login.login(ANN, PASSWORD, "program", Source("192.0.2.1"))
        waits.append(refusal.value.extra["retry_after_s"])
        town.clock.advance(waits[-1])
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert len(await town.mailed("account_locked")) == 1, "one mail for the row of them"
    assert await guess(town.service, password=PASSWORD) == "in", "and the owner gets in after all"


async def test_parallel_guesses_get_no_more_tries_than_one_by_one(town: World) -> None:
    await town.sign_up(ANN)
    answers = Counter(await asyncio.gather(*(guess(town.service, ip=f"192.0.2.{n}") for n in range(40))))
    assert answers == {"bad_login": 5, "account_locked": 35}


async def test_replicas_share_the_count(town: World) -> None:
    await town.sign_up(ANN)
    services = [town.replica() for _ in range(4)]
    answers = Counter(await asyncio.gather(*(guess(service) for service in services * 5)))
    assert answers == {"bad_login": 5, "account_locked": 15}
    for service in services:
        await service.stop()


async def test_an_address_without_account_locks_just_the_same(town: World) -> None:
    await town.sign_up(ANN)
    known = [await guess(town.service, ANN) for _ in range(7)]
    unknown = [await guess(town.service, "nobody@example.com", ip="192.0.2.2") for _ in range(7)]
    nonsense = [await guess(town.service, "no address\x00", ip="192.0.2.3") for _ in range(7)]
    assert known == unknown == nonsense
    assert [event.user_id for event in await town.published(AccountWasLocked)] == [
        (await town.service.people.get_by_email(ANN)).id
    ]


async def test_a_good_login_clears_the_account_but_not_the_address(town: World) -> None:
    """One who owns an account must not be able to wash the count of their guesses at others."""
    await town.sign_up("mallory@example.com")
    for n in range(30):
        victim = f"victim{n}@example.com"
        assert await guess(town.service, victim, ip="203.0.113.5") == "bad_login"
        if n < 29:
            assert await guess(town.service, "mallory@example.com", PASSWORD, ip="203.0.113.5") == "in"
    assert await guess(town.service, "mallory@example.com", PASSWORD, ip="203.0.113.5") == "account_locked"
    assert await guess(town.service, "mallory@example.com", PASSWORD, ip="203.0.113.6") == "in"


async def test_a_whole_ipv6_network_counts_as_one(town: World) -> None:
    for n in range(30):
        await guess(town.service, f"victim{n}@example.com", ip=f"2001:db8:1:2::{n:x}")
    assert await guess(town.service, "other@example.com", ip="2001:db8:1:2:ffff::1") == "account_locked"
    assert await guess(town.service, "other@example.com", ip="2001:db8:1:3::1") == "bad_login"


async def test_good_logins_never_lock_their_own_address(town: World) -> None:
    await town.sign_up(ANN)
    assert [await guess(town.service, password=PASSWORD) for _ in range(40)] == ["in"] * 40


async def test_mistyping_a_few_times_does_not_add_up_over_hours(town: World) -> None:
    await town.sign_up(ANN)
    for _ in range(4):
        for _ in range(4):
            assert await guess(town.service) == "bad_login"
        town.clock.advance(3601)
    assert await town.published(AccountWasLocked) == []


async def test_a_locked_try_is_not_told_as_a_failure(town: World) -> None:
    await town.sign_up(ANN)
    for _ in range(12):
        await guess(town.service)
    assert len(await town.published(LoginFailed)) == 5
