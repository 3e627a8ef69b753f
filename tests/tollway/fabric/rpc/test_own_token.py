"""A service's own token: fetched once, renewed in good time, and used on while no other can be had."""

import asyncio

import pytest

from tests.kit.clock import FakeClock
from tollway.fabric.rpc.own_token import OwnToken
from tollway.kit.errors import Unavailable
from tollway.kit.times import SECOND_US

HOUR_S = 3_600


class Issuer:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.issued = 0
        self.asked = 0
        self.away = False

    async def __call__(self) -> tuple[str, int]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        self.issued += 1
        return f"token {self.issued}", self.clock.now_us() + HOUR_S * SECOND_US


def own(clock: FakeClock) -> tuple[OwnToken, Issuer]:
    issuer = Issuer(clock)
    return OwnToken(("ledger.Post",), issuer, clock), issuer


def test_it_is_for_the_methods_that_are_declared() -> None:
    token, _ = own(FakeClock())
    assert token.is_for("ledger", "Post")
    assert not token.is_for("ledger", "Reverse")
    assert not token.is_for("tokens", "Post")


async def test_many_that_need_it_at_once_fetch_it_once() -> None:
    token, issuer = own(FakeClock())
    assert set(await asyncio.gather(*(token.get() for _ in range(50)))) == {"token 1"}
    assert issuer.asked == 1


async def test_it_is_renewed_long_before_it_expires() -> None:
    clock = FakeClock()
    token, issuer = own(clock)
    for passed_s, wanted in ((0, "token 1"), (1_700, "token 1"), (200, "token 2"), (1_000, "token 2")):
        clock.advance(passed_s)
        assert await token.get() == wanted
    assert issuer.asked == 2


async def test_while_the_issuer_is_away_the_old_one_serves_until_it_expires() -> None:
    clock = FakeClock()
    token, issuer = own(clock)
    await token.get()
    issuer.away = True
    clock.advance(2_000)
    assert [await token.get() for _ in range(20)] == ["token 1"] * 20
    assert issuer.asked == 2, "an issuer that is away is not asked for each call"
    clock.advance(1_601)
    with pytest.raises(Unavailable):
        await token.get()
    issuer.away = False
    assert await token.get() == "token 2"


async def test_one_that_was_refused_serves_no_more_and_many_refusals_fetch_one() -> None:
    token, issuer = own(FakeClock())
    await token.get()
    for _ in range(3):
        token.forget("token 1")
        assert await token.get() == "token 2"
    issuer.away = True
    token.forget("token 2")
    with pytest.raises(Unavailable):
        await token.get()
