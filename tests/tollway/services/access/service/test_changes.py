"""The change log as nodes follow it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Any

import pytest

from tests.kit.clock import RushingTimer
from tests.kit.eventually import A_SECOND_S
from tests.kit.metering import USER, AccessSetup
from tollway.contracts.errors import UnknownNode
from tollway.services.access import store
from tollway.services.access.service import Access
from tollway.services.access.service.changes import Changes
from tollway.services.access.store.changes import Change
from tollway.services.access.store.tables import node as node_table


async def write(here: AccessSetup, *names: str) -> None:
    async with here.db.transaction() as tx:
        await store.changes.add(tx, *(Change("resource_stopped", resource_id=name) for name in names))


async def read(following: AsyncGenerator[Change, Any], count: int) -> list[Change]:
    """Take `count` changes, without heartbeats."""
    taken: list[Change] = []
    async with asyncio.timeout(20):
        async for change in following:
            if change.sequence:
                taken.append(change)
            if len(taken) == count:
                return taken
    raise AssertionError("the changes ended")


async def test_a_follower_gets_what_it_missed_and_then_what_comes(here: AccessSetup) -> None:
    await here.node()
    await write(here, "a", "b", "c")
    async with aclosing(here.access.changes.follow("edge-1", 1)) as following:
        assert [one.resource_id for one in await read(following, 2)] == ["b", "c"]
        await write(here, "d")
        (fresh,) = await read(following, 1)
    assert (fresh.resource_id, fresh.sequence, fresh.at_us) == ("d", 4, here.clock.now_us())


async def test_numbers_have_no_gaps_and_appear_in_order_under_many_writers(here: AccessSetup) -> None:
    await here.node()

    async def follow(service: Access) -> list[int]:
        async with aclosing(service.changes.follow("edge-1", 0)) as following:
            return [one.sequence for one in await read(following, 60)]

    followers = [asyncio.ensure_future(follow(service)) for service in (here.access, here.another())]
    await asyncio.gather(*(write(here, f"one {n}", f"two {n}") for n in range(30)))
    assert await asyncio.gather(*followers) == [list(range(1, 61))] * 2


async def test_a_transaction_that_fails_leaves_no_hole(here: AccessSetup) -> None:
    with pytest.raises(RuntimeError):
        async with here.db.transaction() as tx:
            await store.changes.add(tx, Change("resource_stopped"))
            raise RuntimeError
    await write(here, "a")
    assert await here.access.changes.head() == 1


async def test_stopping_wakes_a_follower_at_once(here: AccessSetup) -> None:
    issued = await here.customer(1)
    async with aclosing(here.access.changes.follow("edge-1", 0)) as following:
        assert (await anext(following)).sequence == 0
        began = monotonic()
        waiting = asyncio.ensure_future(read(following, 1))
        await here.access.resources.deactivate(USER, issued.resource.id)
        (change,) = await waiting
        assert monotonic() - began < A_SECOND_S
    assert (change.kind, change.resource_id) == ("resource_left", issued.resource.id)


async def test_a_change_on_one_replica_reaches_the_followers_of_another_within_a_second(
    here: AccessSetup,
) -> None:
    issued = await here.customer(1)
    async with aclosing(here.access.changes.follow("edge-1", 0)) as following:
        assert (await anext(following)).sequence == 0
        waiting = asyncio.ensure_future(read(following, 1))
        began = monotonic()
        await here.another().suspensions.stop(issued.resource.id, "abuse")
        await waiting
        assert monotonic() - began < A_SECOND_S


async def test_silence_is_filled_with_heartbeats_and_the_node_stays_online(here: AccessSetup) -> None:
    await here.node()
    changes = Changes(here.db, RushingTimer())
    async with aclosing(changes.follow("edge-1", 0)) as following:
        assert (await anext(following)).sequence == 0
        here.clock.advance(100)
        beats = [await anext(following) for _ in range(10)]
    assert {one.sequence for one in beats} == {0}
    ((node, _, online),) = await here.access.nodes.all()
    assert online
    assert node.seen_at_us == here.clock.now_us()


async def test_a_number_from_the_future_starts_at_the_end(here: AccessSetup) -> None:
    await here.node()
    await write(here, "a")
    async with aclosing(here.access.changes.follow("edge-1", 99)) as following:
        assert (await anext(following)).sequence == 0
        await write(here, "b")
        assert [one.resource_id for one in await read(following, 1)] == ["b"]


async def test_a_node_that_is_not_known_is_told_so_and_opens_itself(here: AccessSetup) -> None:
    changes = Changes(here.db, RushingTimer())
    with pytest.raises(UnknownNode):
        await anext(changes.follow("edge-1", 0))
    await here.node()
    async with aclosing(changes.follow("edge-1", 0)) as following:
        assert (await anext(following)).sequence == 0
        async with here.db.transaction() as tx:
            await tx.run(node_table.delete())
        with pytest.raises(UnknownNode):
            for _ in range(10):
                await anext(following)
