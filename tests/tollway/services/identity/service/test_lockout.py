"""Guessing is slow for everybody, in parallel too, and never ends in a lock for good."""

import asyncio
import re
from collections import Counter

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.clients import PROGRAM
from tollway.contracts.errors import AccountLocked, BadLogin
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.services.identity.jobs import delete_expired
from tollway.services.identity.model import SignInClient
from tollway.services.identity.service import Identity

ANN = "ann@example.com"


async def guess(
    service: Identity,
    email: str = ANN,
    password: str = OTHER_PASSWORD,
    ip: str = "192.0.2.1",
    device: str = "",
) -> str:
    try:
        await service.signin.with_password(email, password, PROGRAM, SignInClient(ip, device=device))
    except (AccountLocked, BadLogin) as refusal:
        return refusal.code
    return "in"


async def test_five_wrong_tries_lock_the_account_for_half_a_minute(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    assert [await guess(identity.service) for _ in range(6)] == ["bad_login"] * 5 + ["account_locked"]
    assert await guess(identity.service, password=PASSWORD) == "account_locked", "the right password too"
    with pytest.raises(AccountLocked) as refusal:
        await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, SignInClient("192.0.2.1"))
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
    answers = Counter(await asyncio.gather(*(guess(identity.service) for _ in range(40))))
    assert answers == {"bad_login": 5, "account_locked": 35}


async def test_guesses_from_many_networks_are_bounded_in_all(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    answers = Counter(await asyncio.gather(*(guess(identity.service, ip=f"192.0.2.{n}") for n in range(40))))
    assert answers == {"bad_login": 20, "account_locked": 20}
    assert len(await identity.mailed("account_locked")) == 1
    assert await guess(identity.service, password=PASSWORD, ip="192.0.2.99") == "account_locked"
    identity.clock.advance(30)
    assert await guess(identity.service, password=PASSWORD, ip="192.0.2.99") == "in"


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


# ── nobody is locked out by somebody else ───────────────────────────────────────────────────────────────

STRANGERS = [f"203.0.113.{n}" for n in range(1, 30)]


async def attack(identity: IdentityFixture, email: str = ANN) -> None:
    """Strangers guess from many networks until nobody may try any more."""
    for ip in STRANGERS:
        for _ in range(6):
            await guess(identity.service, email, ip=ip)


async def browser(identity: IdentityFixture, email: str = ANN, password: str = PASSWORD) -> str:
    """Sign a browser in; return the cookie by which it is known."""
    reply = await identity.log_in(email, password, path="login", ip="198.51.100.1")
    assert reply.status == 200, reply.body
    return cookies(reply.headers["set-cookie"])["__Host-device"]


def cookies(header: str) -> dict[str, str]:
    return dict(re.findall(r"(__Host-\w+)=([^;]*);", header))


async def test_a_browser_that_signed_in_before_goes_on(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    known = await browser(identity)
    await attack(identity)
    assert await guess(identity.service, password=PASSWORD, ip="192.0.2.50") == "account_locked"
    for ip in ("192.0.2.50", STRANGERS[0]):
        assert await guess(identity.service, password=PASSWORD, ip=ip, device=known) == "in"


async def test_a_known_browser_is_recognized_by_its_cookie_over_rest(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    reply = await identity.log_in(path="login")
    attributes = reply.headers["set-cookie"].partition("__Host-device=")[2].split("; ")[1:]
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure", "Max-Age=34560000"} == set(attributes)
    known = cookies(reply.headers["set-cookie"])
    await attack(identity)
    body = {"email": ANN, "password": PASSWORD}
    headers = {"x-forwarded-for": "192.0.2.77", "cookie": f"__Host-device={known['__Host-device']}"}
    assert (await identity.client.call("POST", "/api/auth/login", body, headers=headers)).status == 200
    headers["cookie"] = "__Host-device=" + "x" * 22 + "." + "y" * 43
    assert (await identity.client.call("POST", "/api/auth/login", body, headers=headers)).status == 429


async def test_a_network_that_signed_in_before_goes_on(identity: IdentityFixture) -> None:
    """As a program does, which has no cookie."""
    await identity.sign_up(ANN)
    assert await guess(identity.service, password=PASSWORD, ip="2001:db8:1:2::1") == "in"
    identity.clock.advance(80 * 86_400)
    await delete_expired(identity.service)
    await attack(identity)
    assert await guess(identity.service, password=PASSWORD, ip="2001:db8:1:2::ffff") == "in"
    assert await guess(identity.service, password=PASSWORD, ip="2001:db8:1:3::1") == "account_locked"


async def test_four_requests_an_hour_lock_nobody_out(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(24):
        answers = [await guess(identity.service, ip="203.0.113.1") for _ in range(4)]
        assert answers[0] == "bad_login"
        assert await guess(identity.service, password=PASSWORD, ip="192.0.2.9") == "in"
        identity.clock.advance(3600)


async def test_a_known_browser_has_no_more_tries_than_anybody(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    known = await browser(identity)
    answers = Counter(
        await asyncio.gather(*(guess(identity.service, ip=f"192.0.2.{n}", device=known) for n in range(20)))
    )
    assert answers == {"bad_login": 5, "account_locked": 15}
    assert await guess(identity.service, password=PASSWORD, ip="192.0.2.99") == "in", (
        "others do not wait for it"
    )


@pytest.mark.parametrize("forged", ["", "x", "another's", "cut", "longer", "of an older password"])
async def test_what_proves_no_known_browser_counts_as_a_strangers(
    identity: IdentityFixture, forged: str
) -> None:
    await identity.sign_up(ANN)
    await identity.sign_up("bob@example.com")
    known = await browser(identity)
    cookie = {
        "another's": await browser(identity, "bob@example.com"),
        "cut": known[:-1],
        "longer": known + "A",
        "of an older password": known,
    }.get(forged, forged)
    if forged == "of an older password":
        identity.clock.advance(1)
        await identity.service.recovery.forgot(ANN)
        await identity.service.recovery.reset(await identity.mail_token("password_reset"), PASSWORD)
    await attack(identity)
    assert await guess(identity.service, password=PASSWORD, ip="192.0.2.1", device=cookie) == "account_locked"


async def test_one_address_with_failures_does_not_lock_those_behind_it(identity: IdentityFixture) -> None:
    """Many people share an address: an office, a carrier's NAT."""
    office = "203.0.113.5"
    for name in ("ann", "bob"):
        await identity.sign_up(f"{name}@example.com")
    assert await guess(identity.service, password=PASSWORD, ip=office) == "in"
    for n in range(60):
        assert await guess(identity.service, f"victim{n}@example.com", ip=office) == "bad_login"
    assert await guess(identity.service, "bob@example.com", PASSWORD, ip=office) == "in", "a newcomer"
    assert await guess(identity.service, ip=office) == "bad_login", "who signed in from here may mistype"
    assert await guess(identity.service, password=PASSWORD, ip=office) == "in"


async def test_where_many_fail_an_account_has_one_try_at_a_time(identity: IdentityFixture) -> None:
    crowd = "203.0.113.5"
    for n in range(30):
        assert await guess(identity.service, f"victim{n}@example.com", ip=crowd) == "bad_login"
    answers = [await guess(identity.service, "next@example.com", ip=crowd) for _ in range(3)]
    assert answers == ["bad_login", "account_locked", "account_locked"]
    assert await guess(identity.service, "next@example.com", ip="203.0.113.6") == "bad_login"


async def test_a_good_login_does_not_wash_the_networks_count(identity: IdentityFixture) -> None:
    """One who owns an account must not be able to wash the count of their guesses at others."""
    await identity.sign_up("mallory@example.com")
    for n in range(30):
        assert await guess(identity.service, f"victim{n}@example.com", ip="203.0.113.5") == "bad_login"
        assert await guess(identity.service, "mallory@example.com", PASSWORD, ip="203.0.113.5") == "in"
    answers = [await guess(identity.service, "next@example.com", ip="203.0.113.5") for _ in range(2)]
    assert answers == ["bad_login", "account_locked"]


async def test_a_whole_ipv6_network_counts_as_one(identity: IdentityFixture) -> None:
    for n in range(5):
        await guess(identity.service, ip=f"2001:db8:1:2::{n:x}")
    assert await guess(identity.service, ip="2001:db8:1:2:ffff::1") == "account_locked"
    assert await guess(identity.service, ip="2001:db8:1:3::1") == "bad_login"


async def test_a_session_that_proves_its_password_is_not_locked_by_strangers(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await attack(identity)
    await identity.service.recovery.change(
        user_id, "ses_mine", PASSWORD, OTHER_PASSWORD, SignInClient(STRANGERS[0])
    )


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
