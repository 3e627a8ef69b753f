"""What access does when others publish something."""

import asyncio
from contextlib import aclosing
from time import monotonic

import pytest

from tests.kit.metering import USER, Stage
from tollway.contracts.errors import ResourceInactive
from tollway.contracts.events import UserStateChanged
from tollway.fabric.events import bind
from tollway.services.access import subscribers
from tollway.services.access.credentials import Presented
from tollway.services.access.manifest import MANIFEST

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)


async def hear(here: Stage, state: str) -> None:
    event = UserStateChanged(user_id=USER, state=state, reason="fraud")
    async with here.db.transaction() as tx:
        await SUBSCRIBERS[UserStateChanged](here.access, tx, event)


async def test_a_suspension_reaches_live_flows_within_a_second_and_closes_the_api(here: Stage) -> None:
    issued = await here.customer(1000)
    async with aclosing(here.access.changes.follow("edge-1", 0)) as following:
        await anext(following)
        began = monotonic()
        await hear(here, "suspended")
        async with asyncio.timeout(5):
            change = await anext(following)
        assert monotonic() - began < 1
    assert (change.kind, change.user_id) == ("user_suspended", USER)
    with pytest.raises(ResourceInactive, match="suspended"):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )
    assert (await here.access.usage.status(USER)).suspended


async def test_hearing_it_twice_says_it_once(here: Stage) -> None:
    await here.customer(1000)
    for _ in range(2):
        await hear(here, "suspended")
    assert await here.access.changes.head() == 1
    assert [one.state for one in await here.events("RESOURCE_STATE_CHANGED")] == ["suspended"]


async def test_an_active_account_may_go_on_but_not_past_the_operators_stop(here: Stage) -> None:
    issued = await here.customer(1000)
    await hear(here, "suspended")
    await hear(here, "active")
    await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "http"
    )
    await here.access.suspensions.stop(issued.resource.id, "abuse")
    await hear(here, "suspended")
    await hear(here, "active")
    with pytest.raises(ResourceInactive):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )


async def test_a_customer_without_any_access_can_be_suspended(here: Stage) -> None:
    await hear(here, "active")
    await hear(here, "suspended")
    assert (await here.access.usage.status(USER)).suspended
