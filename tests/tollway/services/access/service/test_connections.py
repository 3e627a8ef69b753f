"""Customers end connections of their own."""

import pytest

from tests.kit.metering import USER, AccessSetup, report
from tollway.kit.errors import NotFound
from tollway.services.access import store


async def use(here: AccessSetup, user_id: str, *flows: tuple[str, bool]) -> None:
    issued = await here.customer(10**9, user_id)
    lease_id, _ = await here.lease(issued.resource.id, 100_000)
    records = [report(issued.resource.id, name, 1, 1, stopped=stopped) for name, stopped in flows]
    await here.access.reports.report("edge-1", lease_id, records, release=False)


async def left(here: AccessSetup) -> list[tuple[str, str]]:
    """What the nodes were told to end."""
    async with here.db.snapshot() as tx:
        changes = await store.changes.after(tx, 0, 100)
    return [(one.node, one.session_id) for one in changes if one.kind == "flow_left"]


async def test_those_that_are_open_end_and_the_others_are_left_alone(here: AccessSetup) -> None:
    await use(here, USER, ("flw_1", False), ("flw_2", True), ("flw_3", False), ("flw_4", False))
    ended = await here.access.connections.end(USER, ["flw_3", "flw_2", "flw_1", "flw_3"])
    assert ended == ["flw_3", "flw_1"]
    assert await left(here) == [("edge-1", "flw_3"), ("edge-1", "flw_1")]
    events = await here.events("CONNECTION_ENDED")
    assert [(one.session_id, one.user_id, one.reason) for one in events] == [
        ("flw_3", USER, "ended by the customer"),
        ("flw_1", USER, "ended by the customer"),
    ]


async def test_another_s_among_them_and_nothing_ends(here: AccessSetup) -> None:
    await use(here, USER, ("flw_1", False))
    await use(here, "usr_2", ("flw_9", False))
    for stranger in ("flw_9", "flw_none"):
        with pytest.raises(NotFound, match=f"no connection {stranger}"):
            await here.access.connections.end(USER, ["flw_1", stranger])
    assert await left(here) == []
    assert await here.events("CONNECTION_ENDED") == []
