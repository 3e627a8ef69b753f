"""Judging a password takes bounded time, whatever it is made of."""

import time
from collections.abc import Callable
from random import Random

import pytest

from tollway.services.identity.model import normalize_password
from tollway.services.identity.service.strength import strength


def cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


SUBSTITUTES = "4a@8b({[<c3e6g9q1il!|7o0s$5+t%x2z"
EXPENSIVE = {
    "substitutes": SUBSTITUTES * 2,
    "substitutes, as long as allowed": (SUBSTITUTES * 32)[:1024],
    "all substitutes of each letter": "4@8({[<36910!|7$5+%2" * 51,
    "ambiguous ones": "1|7" * 341,
    "repeats": "ab" * 512,
    "repeats of repeats": ("aaab" * 8 + "c") * 31,
    "keyboard": "qwertyuiop[]asdfghjkl;'zxcvbnm,./" * 31,
    "dates": "2020-01-01 " * 93,
    "words": "correcthorsebatterystaple" * 40,
    "words in substitutes": "c0rr3cth0r5eb4tt3ry5t4p1e" * 40,
    "marks": "e" + "\u0301\u0323" * 511,
    "Hangul": "\u1112\u1161\u11ab" * 341,
    "astral": "\U0001d15f" * 1024,
    "spaces": "\u2003 \u00a0" * 341,
    "surrogates": "\ud800" * 1024,
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_no_password_is_expensive_to_judge(name: str) -> None:
    strength("warm up the dictionaries", "ann@example.com")
    plain_s = min(cpu_s(lambda: strength("staple of the tortoise", "ann@example.com")) for _ in range(5))
    password = normalize_password(EXPENSIVE[name])
    taken_s = min(cpu_s(lambda: strength(password, "ann@example.com")) for _ in range(2))
    assert taken_s < 60 * max(plain_s, 0.002), f"{taken_s:.3f} s beside {plain_s:.3f} s"


def test_a_random_password_is_not_expensive_either() -> None:
    random = Random(20)
    pool = "4@8({[<3691!|70$5+%2" + "abcegilostxz"
    for _ in range(40):
        password = "".join(random.choices(pool, k=64))
        assert cpu_s(lambda text=password: strength(text, "ann@example.com")) < 0.5


def test_common_passwords_in_substitutes_are_still_found() -> None:
    for password in ("p4$$w0rd12", "P@ssw0rd!!", "1l0v3y0u11", "dr4g0n1234"):
        assert strength(password, "ann@example.com")[0] < 2, password
