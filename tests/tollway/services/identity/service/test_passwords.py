"""Passwords are hashed well, checked in bounded time, and never a reason for a 500."""

import asyncio
import threading
import unicodedata
from collections.abc import AsyncIterator

import pytest
from pwdlib import PasswordHash
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


async def test_registrations_in_a_crowd_do_not_hold_sign_ins_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    judged = "tollway.services.identity.service.passwords.strength"
    monkeypatch.setattr(judged, lambda *_: (4, "") if gate.wait(60) else (0, ""))
    passwords = Passwords(settings_of(IdentitySettings, hash_memory_kib=64, hash_queue=8))
    stored = await passwords.hash(PASSWORD)
    crowd = [
        asyncio.ensure_future(passwords.check(OTHER_PASSWORD, "a@b.c", ip=f"192.0.2.{n}")) for n in range(9)
    ]
    await asyncio.sleep(0)
    assert await passwords.verify(PASSWORD, stored) == (True, None)
    assert not any(one.done() for one in crowd), "the sign-in did not wait for them"
    with pytest.raises(Unavailable):
        await passwords.check(PASSWORD, "a@b.c", ip="192.0.2.99")
    gate.set()
    await asyncio.gather(*crowd)
    await passwords.stop()


@pytest.mark.parametrize("crowd", ["192.0.2.7", "2001:db8:1:2::7", "::ffff:192.0.2.7"])
async def test_one_network_has_no_more_than_its_share_of_the_queue(crowd: str) -> None:
    passwords = Passwords(settings_of(IdentitySettings, hash_memory_kib=64, hash_per_address=3))
    results = await asyncio.gather(
        *(passwords.hash(PASSWORD, crowd) for _ in range(10)),
        *(passwords.hash(PASSWORD, f"198.51.100.{n}") for n in range(10)),
        return_exceptions=True,
    )
    refused = [isinstance(one, Unavailable) for one in results]
    assert refused == [False] * 3 + [True] * 7 + [False] * 10
    assert await passwords.hash(PASSWORD, crowd), "and after the rush it goes on"
    await passwords.stop()


async def test_work_that_nobody_waits_for_any_more_keeps_its_place_until_it_is_done() -> None:
    passwords = Passwords(settings_of(IdentitySettings, hash_memory_kib=64, hash_queue=1, hash_per_address=2))
    given_up = [asyncio.ensure_future(passwords.hash(PASSWORD, "192.0.2.7")) for _ in range(2)]
    await asyncio.sleep(0)
    given_up[0].cancel()
    with pytest.raises(Unavailable):
        await passwords.hash(PASSWORD, "192.0.2.7")
    await asyncio.gather(*given_up, return_exceptions=True)
    await passwords.stop()


@pytest.mark.parametrize(
    "stored",
    [
        "$2b$31$" + "a" * 53,
        "$2b$15$" + "a" * 53,
        "$argon2id$v=19$m=1073741824,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "a" * 43,
        "$argon2id$v=19$m=64,t=1000000,p=1$c29tZXNhbHRzb21lc2FsdA$" + "a" * 43,
        "$argon2d$m=99999999999,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "a" * 43,
    ],
)
async def test_a_stored_hash_that_is_too_expensive_fits_nothing(passwords: Passwords, stored: str) -> None:
    async with asyncio.timeout(20):
        assert await passwords.verify(PASSWORD, stored) == (False, None)


# ── one password, typed on different systems ────────────────────────────────────────────────────────────

COMPOSED = "Zürich am Fluß, Å"
FORMS = {
    "composed": COMPOSED,
    "decomposed": unicodedata.normalize("NFD", COMPOSED),
    "compatible": COMPOSED.replace("Å", "\u212b"),
    "with a space that does not break": COMPOSED.replace(" ", "\u00a0"),
    "with wide spaces": COMPOSED.replace(" ", "\u3000"),
}


@pytest.mark.parametrize("typed", FORMS)
@pytest.mark.parametrize("set_as", FORMS)
async def test_a_password_fits_however_a_system_spells_it(
    passwords: Passwords, set_as: str, typed: str
) -> None:
    stored = await passwords.hash(FORMS[set_as])
    assert await passwords.verify(FORMS[typed], stored) == (True, None)


@pytest.mark.parametrize(
    ("typed", "hashed"),
    [("composed", "decomposed"), ("decomposed", "decomposed"), *((one, one) for one in FORMS)],
)
async def test_a_hash_from_before_passwords_were_normalized_fits_and_is_replaced(
    passwords: Passwords, typed: str, hashed: str
) -> None:
    old = PasswordHash((Argon2Hasher(1, 64, 1),)).hash(FORMS[hashed])
    good, better = await passwords.verify(FORMS[typed], old)
    assert good
    stored = better or old
    for form in FORMS.values():
        assert await passwords.verify(form, stored) == (True, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Correct Horse Battery", "correct horse battery"),
        ("correct  horse battery", "correct horse battery"),
        ("correct horse battery ", "correct horse battery"),
        ("ｃｏｒｒｅｃｔ horse battery", "correct horse battery"),
        ("ﬁne horses eat hay", "fine horses eat hay"),
        ("maße und gewichte", "masse und gewichte"),
    ],
)
async def test_what_is_another_password_stays_another(passwords: Passwords, one: str, other: str) -> None:
    assert await passwords.verify(one, await passwords.hash(other)) == (False, None)


@pytest.mark.parametrize(
    "password", ["correct\x00horse", "correct\thorse battery", "correct \ud800 horse", "a\x1b[2Jbcdefghi"]
)
async def test_control_characters_are_refused_and_fit_nothing(passwords: Passwords, password: str) -> None:
    with pytest.raises(Invalid, match="control characters"):
        await passwords.check(password, "ann@example.com")
    assert await passwords.verify(password, await passwords.hash(PASSWORD)) == (False, None)


async def test_a_very_long_password_is_judged_quickly(passwords: Passwords) -> None:
    async with asyncio.timeout(10):
        await passwords.check("aB3$xY9!" * 128, "ann@example.com")


async def test_when_too_many_wait_the_rest_are_told_to_come_back() -> None:
    passwords = Passwords(settings_of(IdentitySettings, hash_memory_kib=1024, hash_queue=3))
    results = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(20)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, Unavailable)]
    assert (len(refused), refused[0].extra) == (16, {"retry_after_s": 1})
    assert await passwords.hash(PASSWORD), "and after the rush it goes on"
    await passwords.stop()
