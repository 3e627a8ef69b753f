"""What is known of a location: its nodes, their load, how often one was up; and nothing that is not."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import USER, AccessSetup, access_setup, report
from tests.kit.rest import RestClient, rest
from tollway.kit.locations import Location
from tollway.services.access.http import router
from tollway.services.access.jobs import TIMED
from tollway.services.access.service.locations import LocationFigures, Locations
from tollway.services.access.store.nodes import NodeEndpoint

PLACES = (Location(id="direct", name="Here"), Location(id="fra", name="Frankfurt", country="DE"))
DAY_S = 24 * 3600


def locations(here: AccessSetup) -> Locations:
    return Locations(here.db, here.clock, PLACES, here.access.nodes)


async def up(here: AccessSetup, name: str, *, location: str = "", capacity: int = 0) -> None:
    endpoints = [
        NodeEndpoint(protocol, "127.0.0.1", port, location, capacity)
        for protocol, port in (("http", 3128), ("socks5", 1080))
    ]
    await here.access.nodes.open(name, "boot-1", endpoints)


async def figures(here: AccessSetup) -> Sequence[LocationFigures]:
    return await locations(here).all()


async def carry(here: AccessSetup, count: int) -> None:
    """Have edge-1 carry so many flows."""
    issued = await here.customer(10**9)
    lease_id, _ = await here.lease(issued.resource.id, 100_000)
    records = [report(issued.resource.id, f"flw_{number}", 1, 1) for number in range(count)]
    await here.access.reports.report("edge-1", lease_id, records, release=False)


async def test_what_nobody_said_is_not_known(here: AccessSetup) -> None:
    await carry(here, 2)
    direct, frankfurt = await figures(here)
    assert (direct.nodes_up, direct.load, direct.presence) == (1, None, None)
    assert (frankfurt.nodes_up, frankfurt.load, frankfurt.presence) == (0, None, None)


async def test_load_is_of_all_nodes_of_a_location_and_known_when_each_says_its_capacity(
    here: AccessSetup,
) -> None:
    await carry(here, 3)
    await up(here, "edge-1", capacity=8)
    await up(here, "edge-2", capacity=4)
    await up(here, "edge-3", location="fra", capacity=10)
    direct, frankfurt = await figures(here)
    assert (direct.nodes_up, direct.load) == (2, 0.25)
    assert (frankfurt.nodes_up, frankfurt.load) == (1, 0.0)
    await up(here, "edge-4")
    assert (await figures(here))[0].load is None


async def test_a_node_that_is_silent_counts_as_down(here: AccessSetup) -> None:
    await up(here, "edge-1", capacity=8)
    here.clock.advance(100)
    (direct, _) = await figures(here)
    assert (direct.nodes_up, direct.load) == (0, None)


async def test_uptime_is_what_was_seen_in_thirty_days(here: AccessSetup) -> None:
    await up(here, "edge-1")
    await locations(here).look()
    await locations(here).look()
    here.clock.advance(100)
    await locations(here).look()
    (direct, frankfurt) = await figures(here)
    assert direct.presence is not None
    assert (direct.presence.up, direct.presence.looks, direct.presence.since) == (2, 3, "2026-11-22")
    assert frankfurt.presence is None  # no node ever served it, so it was not down
    here.clock.advance(29 * DAY_S)
    await up(here, "edge-1")
    await locations(here).look()
    (direct, _) = await figures(here)
    assert direct.presence is not None
    assert (direct.presence.up, direct.presence.looks) == (3, 4)
    here.clock.advance(DAY_S)
    (direct, _) = await figures(here)
    assert direct.presence is not None
    assert (direct.presence.up, direct.presence.looks, direct.presence.since) == (1, 1, "2026-12-21")


async def test_the_looks_are_timed_and_old_ones_are_deleted(simple: AccessSetup) -> None:
    await simple.node()
    await TIMED["look_at_locations"].run(simple.access)
    (direct,) = await simple.access.locations.all()
    assert direct.presence is not None
    assert direct.presence.looks == 1
    simple.clock.advance(41 * DAY_S)
    await TIMED["delete_ended"].run(simple.access)
    simple.clock.advance(-41 * DAY_S)
    (direct,) = await simple.access.locations.all()
    assert direct.presence is None


async def test_a_location_that_nobody_serves_is_not_looked_at(simple: AccessSetup) -> None:
    await locations(simple).look()
    assert [one.presence for one in await figures(simple)] == [None, None]


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[tuple[AccessSetup, RestClient]]:
    async with access_setup("sqlite", tmp_path, clock) as here:
        yield here, rest(router(here.access))


async def test_the_list_says_what_is_known_and_null_for_the_rest(
    api: tuple[AccessSetup, RestClient],
) -> None:
    here, client = api
    await here.node()
    await here.access.locations.look()
    shown = (await client.get("/api/proxy/locations", USER)).json["items"]
    assert shown == [
        {
            "id": "direct",
            "name": "The server's own address",
            "country": "",
            "region": "",
            "city": "",
            "nodes_up": 1,
            "load": None,
            "uptime": 1.0,
            "uptime_since": "2026-11-22",
        }
    ]


async def test_connections_are_ended_over_rest(api: tuple[AccessSetup, RestClient]) -> None:
    here, client = api
    issued = await here.customer(10**9)
    lease_id, _ = await here.lease(issued.resource.id, 100_000)
    names = [f"flw_{digit * 26}" for digit in "12"]
    records = [report(issued.resource.id, name, 1, 1) for name in names]
    await here.access.reports.report("edge-1", lease_id, records, release=False)
    path = "/api/access/connections/end"
    assert (await client.post(path, {"ids": names}, USER)).json == {"ended": names}
    assert (await client.post(path, {"ids": names}, "usr_2")).status == 404
    for ids in ([], ["x"], [names[0]] * 101, "flw"):
        assert (await client.post(path, {"ids": ids}, USER)).status == 422
