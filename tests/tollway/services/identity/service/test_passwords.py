"""Passwords are hashed well, checked in bounded time, and never a reason for a 500."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from tests.kit.identity import OTHER_PASSWORD, PASSWORD
from tests.kit.typing import settings_of
from tollway.kit.errors import Invalid, Unavailable
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.settings import IdentitySettings

SMALL = settings_of(IdentitySettings, hash_memory_kib=64)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(SMALL)
    yield made
    await made.stop()


async def test_a_password_is_known_again_and_another_is_not(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, stored) == (True, None)
    assert await passwords.verify(OTHER_PASSWORD, stored) == (False, None)


async def test_the_default_is_argon2id_as_owasp_advises() -> None:
    passwords = Passwords(settings_of(IdentitySettings))
    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    await passwords.stop()


async def test_older_hashes_are_accepted_and_replaced(passwords: Passwords) -> None:
    for old in (BcryptHasher(rounds=4).hash(PASSWORD), Argon2Hasher(1, 32, 1).hash(PASSWORD)):
        good, better = await passwords.verify(PASSWORD, old)
        assert good
        assert better is not None
        assert await passwords.verify(PASSWORD, better) == (True, None)


@pytest.mark.parametrize("password", ["x" * 73, "é" * 40, "x" * 5000, ""])
async def test_a_long_password_against_a_bcrypt_hash_is_wrong_and_no_failure(
    passwords: Passwords, password: str
) -> None:
    stored = BcryptHasher(rounds=4).hash("x" * 72)
    assert await passwords.verify(password, stored) == (False, None)


@pytest.mark.parametrize("stored", ["", "plain", "$1$abc", "$argon2id$broken", "$2b$04$broken"])
async def test_a_stored_hash_of_an_unknown_kind_fits_nothing(passwords: Passwords, stored: str) -> None:
    assert (await passwords.verify(PASSWORD, stored))[0] is False


async def test_without_an_account_the_same_work_is_done_and_the_answer_is_no(passwords: Passwords) -> None:
    assert await passwords.verify("nobody has this password", None) == (False, None)
    assert await passwords.verify(PASSWORD, None) == (False, None)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        OTHER_PASSWORD,
        "x7#mQ!v2Lp9z",
        "ein langer Satz mit Umlauten äöü",
        "密码很长而且没有人猜得到它",
    ],
)
async def test_a_good_password_is_accepted_whatever_it_is_made_of(
    passwords: Passwords, password: str
) -> None:
    await passwords.check(password, "ann@example.com")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "at least 10"),
        ("y" * 1025, "at most 1024"),
        ("password123", "easy to guess"),
        ("aaaaaaaaaaaa", "easy to guess"),
        ("qwertyuiop", "easy to guess"),
        ("annabelle-lee@example.com", "easy to guess"),
        ("tollwaytollway", "easy to guess"),
    ],
)
async def test_a_bad_password_is_refused_with_the_reason(
    passwords: Passwords, password: str, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        await passwords.check(password, "annabelle-lee@example.com")


async def test_a_very_long_password_is_judged_quickly(passwords: Passwords) -> None:
    async with asyncio.timeout(2):
        await passwords.check("aB3$xY9!" * 128, "ann@example.com")


async def test_when_too_many_wait_the_rest_are_told_to_come_back() -> None:
    passwords = Passwords(settings_of(IdentitySettings, hash_memory_kib=1024, hash_workers=1, hash_queue=3))
    results = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(20)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, Unavailable)]
    assert (len(refused), refused[0].extra) == (16, {"retry_after_s": 1})
    assert await passwords.hash(PASSWORD), "and after the rush it goes on"
    await passwords.stop()
