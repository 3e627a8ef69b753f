"""What was used and what is left, as a customer sees it."""

from typing import Any

import pytest
from sqlalchemy import event

from tests.kit.metering import HTTP_ONLY, STANDARD, USER, AccessSetup, report
from tollway.kit.errors import Invalid, Unavailable
from tollway.kit.paging import encode_cursor
from tollway.services.access.service.holdings import Allowance
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.store.usage import Filter, Total

DAY_S = 24 * 3600


async def use(here: AccessSetup, resource_id: str, *flows: tuple[str, int, dict[str, Any]]) -> None:
    """Report flows on a fresh lease: name, octets to the customer, and more."""
    lease_id, _ = await here.lease(resource_id, 100_000)
    records = [report(resource_id, name, octets, **{"sequence": 1} | more) for name, octets, more in flows]
    await here.access.reports.report("edge-1", lease_id, records, release=False)


async def test_a_stranger_has_nothing(here: AccessSetup) -> None:
    status = await here.access.usage.status("usr_9")
    assert (status.resources, status.open_flows, status.suspended) == ([], 0, False)
    assert status.allowances == [Allowance(STANDARD, 0, 0)]
    stats = await here.access.usage.stats("usr_9")
    assert stats.all_time == Total("", 0, 0, 0, 0)
    assert await here.access.usage.monthly("usr_9", "") == []


async def test_status_shows_what_is_left_of_each_asset_and_what_goes_on(here: AccessSetup) -> None:
    issued = await here.customer(1_000_000)
    here.ledger.give(USER, HTTP_ONLY, 7)
    await here.access.resources.connect(USER, ConnectRequest(asset=HTTP_ONLY))
    await use(here, issued.resource.id, ("flw_1", 30_000, {}), ("flw_2", 5, {"stopped": True}))
    status = await here.access.usage.status(USER)
    assert status.allowances == [Allowance(HTTP_ONLY, 7, 0), Allowance(STANDARD, 969_995, 69_995)]
    assert status.open_flows == 1
    assert status.all_time.output_octets == 30_005


async def test_status_says_so_when_the_ledger_is_away(here: AccessSetup) -> None:
    here.faults.add("ledger")
    with pytest.raises(Unavailable):
        await here.access.usage.status(USER)


async def test_sums_are_kept_by_day_month_and_protocol(here: AccessSetup) -> None:
    """The clock stands at 22 November 2026."""
    issued = await here.customer(10**9)
    more = {"input_octets": 10, "requests": 2, "protocol": "http"}
    await use(here, issued.resource.id, ("flw_1", 100, more), ("flw_2", 1000, {"protocol": "socks5"}))
    here.clock.advance(DAY_S)
    await here.node()
    await use(here, issued.resource.id, ("flw_3", 5, {"protocol": "http"}))
    stats = await here.access.usage.stats(USER)
    assert stats.all_time == Total("", 10, 1105, 2, 3)
    assert stats.this_month == Total("", 10, 1105, 2, 3)
    assert stats.today == Total("", 0, 5, 0, 1)
    assert stats.by_protocol == [Total("http", 10, 105, 2, 2), Total("socks5", 0, 1000, 0, 1)]
    assert stats.open_flows == 3
    here.clock.advance(30 * DAY_S)
    await here.node()
    await use(here, issued.resource.id, ("flw_3", 105, {"protocol": "http", "sequence": 2}))
    assert await here.access.usage.monthly(USER, "") == [
        Total("2026-12", 0, 100, 0, 0),
        Total("2026-11", 10, 1105, 2, 3),
    ]
    assert await here.access.usage.monthly(USER, HTTP_ONLY) == []
    assert (await here.access.usage.stats(USER)).this_month.output_octets == 100


async def test_records_come_in_pages_and_add_up_to_the_sums(here: AccessSetup) -> None:
    issued = await here.customer(10**9)
    start = 1_795_305_600_000_000
    flows: list[tuple[str, int, dict[str, Any]]] = [
        (f"flw_{n}", 10 * n, {"started_at_us": start + n // 2}) for n in range(1, 8)
    ]
    await use(here, issued.resource.id, *flows)
    for newest_first in (False, True):
        seen: list[str] = []
        octets, cursor = 0, ""
        while True:
            page = await here.access.usage.records(USER, Filter(), 3, cursor, newest_first=newest_first)
            seen += [one.flow.session_id for one in page.items]
            octets += sum(one.flow.octets for one in page.items)
            cursor = page.next_cursor
            if not cursor:
                break
        expected = [name for name, _, _ in flows]
        assert seen == (expected[::-1] if newest_first else expected)
        assert octets == 280 == (await here.access.usage.stats(USER)).all_time.output_octets


async def test_records_can_be_narrowed(here: AccessSetup) -> None:
    issued = await here.customer(10**9)
    other, _ = await here.access.resources.connect(USER, ConnectRequest(asset=HTTP_ONLY))
    here.ledger.give(USER, HTTP_ONLY, 1000)
    await use(here, issued.resource.id, ("flw_1", 1, {"started_at_us": 10}), ("flw_2", 1, {"stopped": True}))
    await use(here, other.resource.id, ("flw_3", 1, {"started_at_us": 20}))

    async def names(only: Filter) -> set[str]:
        page = await here.access.usage.records(USER, only, 10, "")
        return {one.flow.session_id for one in page.items}

    assert await names(Filter(resource_id=other.resource.id)) == {"flw_3"}
    assert await names(Filter(stopped=True)) == {"flw_2"}
    assert await names(Filter(stopped=False)) == {"flw_1", "flw_3"}
    assert await names(Filter(since_us=11)) == {"flw_2", "flw_3"}
    assert await names(Filter(until_us=20)) == {"flw_1"}
    page = await here.access.usage.records("usr_2", Filter(), 10, "")
    assert page.items == []


@pytest.mark.parametrize("key", [["x", "y"], [1, 2], [-1, "flw"], [2**64, "flw"], [1, "a\0b"]])
async def test_a_cursor_that_was_not_given_out_is_refused(simple: AccessSetup, key: list[str | int]) -> None:
    with pytest.raises(Invalid, match="cursor"):
        await simple.access.usage.records(USER, Filter(), 10, encode_cursor(key))


async def test_operators_see_what_nodes_carry(here: AccessSetup) -> None:
    issued = await here.customer(10**9)
    await here.node("edge-2", "boot-9")
    await use(here, issued.resource.id, ("flw_1", 40_000, {}), ("flw_2", 1, {"stopped": True}))
    one, two = await here.access.nodes.all()
    assert (one[0].name, one[1].flows, one[1].leases, one[1].remaining) == ("edge-1", 1, 1, 59_999)
    assert (two[0].name, two[0].boot_id, two[1].flows, two[1].leases) == ("edge-2", "boot-9", 0, 0)
    assert [online for _, _, online in (one, two)] == [True, True]


async def test_running_totals_are_the_sums_of_all_flows_and_say_how_new_they_are(here: AccessSetup) -> None:
    issued = await here.customer(1_000_000)
    assert (await here.access.usage.stats(USER)).as_of_us == 0
    lease_id, _ = await here.lease(issued.resource.id, 100_000)
    for day in range(40):
        record = report(issued.resource.id, f"flw_{day}", 100 + day, 1, stopped=day % 2 == 0)
        await here.access.reports.report("edge-1", lease_id, [record], release=False)
        await here.access.reports.report("edge-1", lease_id, [record], release=False)  # a repeat adds nothing
        here.clock.advance(86_400)
    stats = await here.access.usage.stats(USER)
    assert stats.all_time.output_octets == sum(100 + day for day in range(40))
    assert (stats.all_time.flows, stats.open_flows) == (40, 20)
    assert stats.by_protocol[0].output_octets == stats.all_time.output_octets
    assert stats.this_month.output_octets < stats.all_time.output_octets
    assert stats.as_of_us == here.clock.now_us() - 86_400 * 1_000_000
    status = await here.access.usage.status(USER)
    assert (status.all_time, status.as_of_us) == (stats.all_time, stats.as_of_us)


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_no_answer_looks_at_all_of_a_customer_s_flows(here: AccessSetup) -> None:
    """By the engine's plans: flows are found by an index that holds no others than those that are asked for."""
    asked: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    engine: Any = here.db.engine
    event.listen(engine._readers.sync_engine, "before_cursor_execute", note)
    await here.access.usage.stats(USER)
    await here.access.usage.status(USER)
    for only in (Filter(stopped=False), Filter(resource_id="res_1"), Filter()):
        await here.access.usage.records(USER, only, 50, "", newest_first=True)
    event.remove(engine._readers.sync_engine, "before_cursor_execute", note)
    used: list[str] = []
    async with here.db.snapshot() as tx:
        for statement, parameters in asked:
            if " flow" in statement or "usage_" in statement:
                plan = await tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                steps = [tuple(row)[3] for row in plan]
                assert not any("SCAN" in step or "TEMP B-TREE FOR ORDER" in step for step in steps), steps
                used += steps
    for index in ("ix_flow_user_open", "ix_flow_resource", "ix_flow_user "):
        assert any(index in f"{step} " for step in used), (index, used)
