"""The timed work of access runs by its names."""

from tests.kit.metering import USER, AccessSetup, report
from tollway.services.access.jobs import TIMED


async def test_the_sweep_gives_back_what_a_vanished_node_held(here: AccessSetup) -> None:
    issued = await here.customer(1_000_000)
    lease_id, _ = await here.lease(issued.resource.id, 1000)
    await here.access.reports.report(
        "edge-1", lease_id, [report(issued.resource.id, "flw_1", 7, 1)], release=False
    )
    here.clock.advance(3 * 24 * 3600)
    await TIMED["close_abandoned"].run(here.access)
    assert (await here.access.usage.status(USER)).allowances[0].reserved == 0
    await TIMED["delete_ended"].run(here.access)
    ((_, load, _),) = await here.access.nodes.all()
    assert (load.flows, load.leases) == (0, 0)
