"""Guessing is slow for everybody, in parallel too, and never ends in a lock for good."""

import asyncio
from collections import Counter

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.clients import PROGRAM
from tollway.contracts.errors import AccountLocked, BadLogin
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.services.identity.model import SignInClient
from tollway.services.identity.service import Identity

ANN = "ann@example.com"


async def guess(
    service: Identity, email: str = ANN, password: str = OTHER_PASSWORD, ip: str = "192.0.2.1"
) -> str:
    try:
        await service.signin.with_password(email, password, PROGRAM, SignInClient(ip))
    except (AccountLocked, BadLogin) as refusal:
        return refusal.code
    return "in"


async def test_five_wrong_tries_lock_the_account_for_half_a_minute(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    assert [await guess(identity.service) for _ in range(6)] == ["bad_login"] * 5 + ["account_locked"]
    assert await guess(identity.service, password=PASSWORD) == "account_locked", "the right password too"
    with pytest.raises(AccountLocked) as refusal:
        await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, SignInClient("198.51.100.9"))
    assert refusal.value.extra == {"retry_after_s": 30}
    [locked] = await identity.published(AccountWasLocked)
    assert (locked.user_id, locked.until_us) == (user_id, identity.clock.now_us() + 30_000_000)
    assert len(await identity.mailed("account_locked", ANN)) == 1
    identity.clock.advance(30)
    assert await guess(identity.service, password=PASSWORD) == "in"


async def test_each_further_failure_doubles_the_lock_up_to_a_quarter_of_an_hour(
    identity: IdentityFixture,
) -> None:
    await identity.sign_up(ANN)
    waits = []
    for _ in range(4):
        await guess(identity.service)
    for _ in range(8):
        assert await guess(identity.service) == "bad_login"
        with pytest.raises(AccountLocked) as refusal:
            await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, SignInClient("192.0.2.1"))
        waits.append(refusal.value.extra["retry_after_s"])
        identity.clock.advance(waits[-1])
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert len(await identity.mailed("account_locked")) == 1, "one mail for the row of them"
    assert await guess(identity.service, password=PASSWORD) == "in", "and the owner gets in after all"


async def test_parallel_guesses_get_no_more_tries_than_one_by_one(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    answers = Counter(await asyncio.gather(*(guess(identity.service, ip=f"192.0.2.{n}") for n in range(40))))
    assert answers == {"bad_login": 5, "account_locked": 35}


async def test_replicas_share_the_count(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    services = [identity.replica() for _ in range(4)]
    answers = Counter(await asyncio.gather(*(guess(service) for service in services * 5)))
    assert answers == {"bad_login": 5, "account_locked": 15}
    for service in services:
        await service.stop()


async def test_an_address_without_account_locks_just_the_same(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    known = [await guess(identity.service, ANN) for _ in range(7)]
    unknown = [await guess(identity.service, "nobody@example.com", ip="192.0.2.2") for _ in range(7)]
    nonsense = [await guess(identity.service, "no address\x00", ip="192.0.2.3") for _ in range(7)]
    assert known == unknown == nonsense
    assert [event.user_id for event in await identity.published(AccountWasLocked)] == [
        (await identity.service.accounts.get_by_email(ANN)).id
    ]


async def test_a_good_login_clears_the_account_but_not_the_address(identity: IdentityFixture) -> None:
    """One who owns an account must not be able to wash the count of their guesses at others."""
    await identity.sign_up("mallory@example.com")
    for n in range(30):
        victim = f"victim{n}@example.com"
        assert await guess(identity.service, victim, ip="203.0.113.5") == "bad_login"
        if n < 29:
            assert await guess(identity.service, "mallory@example.com", PASSWORD, ip="203.0.113.5") == "in"
    assert (
        await guess(identity.service, "mallory@example.com", PASSWORD, ip="203.0.113.5") == "account_locked"
    )
    assert await guess(identity.service, "mallory@example.com", PASSWORD, ip="203.0.113.6") == "in"


async def test_a_whole_ipv6_network_counts_as_one(identity: IdentityFixture) -> None:
    for n in range(30):
        await guess(identity.service, f"victim{n}@example.com", ip=f"2001:db8:1:2::{n:x}")
    assert await guess(identity.service, "other@example.com", ip="2001:db8:1:2:ffff::1") == "account_locked"
    assert await guess(identity.service, "other@example.com", ip="2001:db8:1:3::1") == "bad_login"


async def test_good_logins_never_lock_their_own_address(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    assert [await guess(identity.service, password=PASSWORD) for _ in range(40)] == ["in"] * 40


async def test_mistyping_a_few_times_does_not_add_up_over_hours(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(4):
        for _ in range(4):
            assert await guess(identity.service) == "bad_login"
        identity.clock.advance(3601)
    assert await identity.published(AccountWasLocked) == []


async def test_a_locked_try_is_not_told_as_a_failure(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(12):
        await guess(identity.service)
    assert len(await identity.published(LoginFailed)) == 5
