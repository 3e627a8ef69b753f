"""The dashboard: gathered from access and the ledger, whole or with a part left out."""

import pytest

from tests.kit.metering import HTTP_ONLY, STANDARD, USER, AccessSetup, report
from tollway.contracts import ledger_pb2 as pb
from tollway.kit.errors import DeadlineExceeded, Problem, Unavailable
from tollway.services.access.service.dashboard import FirstStep
from tollway.services.access.service.holdings import DatedAllowance, HeldCash
from tollway.services.access.store.usage import Total

DAY_S = 24 * 3600


async def use(here: AccessSetup, resource_id: str, *names: str, octets: int = 100) -> None:
    lease_id, _ = await here.lease(resource_id, 100_000)
    records = [
        report(resource_id, name, octets, 1, started_at_us=here.clock.now_us() + place)
        for place, name in enumerate(names)
    ]
    await here.access.reports.report("edge-1", lease_id, records, release=True)


async def test_a_stranger_sees_what_to_do_first(simple: AccessSetup) -> None:
    await simple.node()
    found = await simple.access.dashboards.read(USER)
    assert found.standing == ("stopped", "no_data")
    assert found.steps == [
        FirstStep("top_up", done=False),
        FirstStep("buy", done=False),
        FirstStep("connect", done=False),
    ]
    assert found.held is not None
    assert (found.held.allowances, found.held.cash, found.connections) == ([], [], [])


async def test_steps_are_done_once_and_for_all(simple: AccessSetup) -> None:
    simple.ledger.give(USER, "USD", 5_000_000)
    found = await simple.access.dashboards.read(USER)
    assert found.steps is not None
    assert [one.done for one in found.steps] == [True, False, False]
    issued = await simple.customer(1000)
    await use(simple, issued.resource.id, "flw_1")
    found = await simple.access.dashboards.read(USER)
    assert found.steps is not None
    assert [one.done for one in found.steps] == [True, True, True]


async def test_who_was_given_data_needs_no_money(simple: AccessSetup) -> None:
    simple.ledger.give(USER, STANDARD, 1000)
    steps = (await simple.access.dashboards.read(USER)).steps
    assert steps is not None
    assert [one.done for one in steps] == [True, True, False]


async def test_it_says_what_is_left_and_what_of_it_expires_first(here: AccessSetup) -> None:
    issued = await here.customer(1_000_000)
    here.ledger.give(USER, "USD", 24_100_000)
    here.ledger.give(USER, HTTP_ONLY, 7)
    soon, later = here.clock.now_us() + 5, here.clock.now_us() + 9
    here.ledger.lots = [
        (USER, pb.Lot(asset=STANDARD, remaining=300, expires_at_us=later)),
        (USER, pb.Lot(asset=STANDARD, remaining=200, expires_at_us=soon)),
        (USER, pb.Lot(asset=STANDARD, remaining=50, expires_at_us=soon)),
        (USER, pb.Lot(asset=STANDARD, remaining=0, expires_at_us=1)),
        (USER, pb.Lot(asset=STANDARD, remaining=9)),
        ("usr_2", pb.Lot(asset=STANDARD, remaining=9, expires_at_us=1)),
    ]
    await here.lease(issued.resource.id, 100_000)
    found = await here.access.dashboards.read(USER)
    assert found.standing == ("working", None)
    assert found.held is not None
    assert found.held.allowances == [
        DatedAllowance(HTTP_ONLY, "byte", 7, 0, 0, 0),
        DatedAllowance(STANDARD, "byte", 1_000_000, 100_000, 250, soon),
    ]
    assert found.held.cash == [HeldCash("USD", 24_100_000, 24_100_000)]


async def test_it_compares_today_with_the_day_before(here: AccessSetup) -> None:
    issued = await here.customer(10**9)
    await use(here, issued.resource.id, "flw_1", "flw_2")
    here.clock.advance(DAY_S)
    await here.node()
    await use(here, issued.resource.id, "flw_3")
    found = await here.access.dashboards.read(USER)
    assert found.stats.today == Total("", 0, 100, 0, 1)
    assert found.previous_day == Total("2026-11-22", 0, 200, 0, 2)


async def test_the_five_newest_connections_come_with_it(simple: AccessSetup) -> None:
    issued = await simple.customer(10**9)
    await use(simple, issued.resource.id, *(f"flw_{n}" for n in range(7)))
    found = await simple.access.dashboards.read(USER)
    assert [one.flow.session_id for one in found.connections] == [f"flw_{n}" for n in (6, 5, 4, 3, 2)]


@pytest.mark.parametrize("problem", [Unavailable, DeadlineExceeded])
@pytest.mark.parametrize("method", ["ListAssets", "ListAccounts", "ListLots"])
async def test_a_ledger_that_is_away_takes_its_own_parts_only(
    simple: AccessSetup, method: str, problem: type[Problem]
) -> None:
    issued = await simple.customer(1000)
    await use(simple, issued.resource.id, "flw_1")
    simple.faults.add(f"ledger.{method}", problem("it is away"))
    found = await simple.access.dashboards.read(USER)
    assert found.standing == ("unknown", "balance_unknown")
    assert (found.held, found.steps) == (None, None)
    assert found.stats.all_time.output_octets == 100
    assert len(found.connections) == 1
    assert found.endpoints
