"""A profile is there when it is needed, and its changes are told."""

import asyncio
import json

import pytest
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.tokens import OTHER, USER
from tollway.fabric.db import tables
from tollway.kit.errors import Conflict, NotFound
from tollway.services.users import store
from tollway.services.users.service import Users


async def published(service: Users) -> list[list[str]]:
    async with service.db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox).order_by(tables.outbox.c.position))
    return [json.loads(row.data)["fields"] for row in rows]


async def test_the_first_use_makes_the_profile_once(service: Users, clock: FakeClock) -> None:
    profiles = await asyncio.gather(*(service.profile(USER) for _ in range(10)))
    assert len(set(map(repr, profiles))) == 1
    assert (profiles[0].display_name, profiles[0].locale, profiles[0].time_zone) == ("", "en", "UTC")
    assert profiles[0].created_at_us == clock.now_us()
    async with service.db.snapshot() as tx:
        assert await tx.scalar(select(func.count()).select_from(store.profile)) == 1
    assert await published(service) == []


async def test_a_change_is_kept_and_told_by_field(service: Users, clock: FakeClock) -> None:
    before = await service.profile(USER)
    clock.advance(60)
    after = await service.change(USER, {"display_name": "Ann", "locale": "en", "time_zone": "Europe/Berlin"})
    assert after == await service.profile(USER)
    assert (after.display_name, after.created_at_us) == ("Ann", before.created_at_us)
    assert after.updated_at_us == clock.now_us()
    assert await published(service) == [["display_name", "time_zone"]]
    assert (await service.profile(OTHER)).display_name == ""


async def test_a_change_of_nothing_is_not_told(service: Users) -> None:
    first = await service.change(USER, {"display_name": "Ann"})
    assert await service.change(USER, {"display_name": "Ann"}) == first
    assert await service.change(USER, {}) == first
    assert len(await published(service)) == 1


async def test_of_two_changes_at_once_none_is_lost_in_silence(service: Users) -> None:
    await service.profile(USER)
    names = [f"Ann {n}" for n in range(6)]
    results = await asyncio.gather(
        *(service.change(USER, {"display_name": n}) for n in names), return_exceptions=True
    )
    done = [one for one in results if not isinstance(one, Conflict)]
    assert len(await published(service)) == len(done) >= 1
    assert (await service.profile(USER)).version == 1 + len(done)


async def test_preferences_are_replaced_whole(service: Users) -> None:
    await service.change(USER, {"preferences": {"theme": "dark", "beta": "on"}})
    assert (await service.change(USER, {"preferences": {"theme": "light"}})).preferences == {"theme": "light"}


async def test_what_is_no_user_has_no_profile(service: Users) -> None:
    for user_id in ("", "usr_1", "acc_01k9w2000000000000000000aa", "x\x00"):
        with pytest.raises(NotFound):
            await service.profile(user_id)
