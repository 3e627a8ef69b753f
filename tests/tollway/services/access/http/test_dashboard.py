"""The dashboard on the wire."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import STANDARD, USER, AccessSetup, access_setup, report
from tests.kit.rest import RestClient, rest
from tollway.contracts import ledger_pb2 as pb
from tollway.services.access.http import router

Api = tuple[AccessSetup, RestClient]


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Api]:
    async with access_setup("sqlite", tmp_path, clock) as here:
        yield here, rest(router(here.access))


async def test_one_answer_has_all_that_the_first_page_shows(api: Api) -> None:
    here, client = api
    issued = await here.customer(10_000)
    here.ledger.give(USER, "USD", 24_100_000)
    here.ledger.lots = [(USER, pb.Lot(asset=STANDARD, remaining=9, expires_at_us=1_795_996_800_000_000))]
    lease_id, _ = await here.lease(issued.resource.id, 5000)
    record = report(issued.resource.id, "flw_1", 4000, 1, input_octets=96)
    await here.access.reports.report("edge-1", lease_id, [record], release=True)
    shown = (await client.get("/api/dashboard", USER)).json
    assert (shown["state"], shown["reason"], shown["unavailable"]) == ("working", None, [])
    assert shown["allowances"] == [
        {
            "asset": STANDARD,
            "unit": "byte",
            "left": "5904",
            "reserved": "0",
            "expiring": "9",
            "expires_at": "2026-11-30T00:00:00.000000Z",
        }
    ]
    assert shown["cash"] == [{"currency": "USD", "balance": "24.10", "available": "24.10"}]
    assert shown["usage"]["today"]["bytes_total"] == "4096"
    assert shown["previous_day"]["bytes_total"] == "0"
    assert shown["endpoints"][0] == {"protocol": "http", "host": "127.0.0.1", "port": 3128}
    assert [one["target"] for one in shown["connections"]] == ["example.com:443"]
    assert shown["steps"] == [
        {"name": "top_up", "done": True},
        {"name": "buy", "done": True},
        {"name": "connect", "done": True},
    ]


async def test_a_part_that_cannot_be_had_is_named(api: Api) -> None:
    here, client = api
    await here.customer(10_000)
    here.faults.add("ledger.ListLots")
    reply = await client.get("/api/dashboard", USER)
    assert reply.status == 200
    shown = reply.json
    assert (shown["state"], shown["reason"]) == ("unknown", "balance_unknown")
    assert [shown[part] for part in ("allowances", "cash", "steps")] == [None, None, None]
    assert shown["unavailable"] == ["allowances", "cash", "steps"]
    assert shown["usage"]["all_time"]["connections"] == 0


async def test_a_stranger_s_things_are_not_shown(api: Api) -> None:
    here, client = api
    await here.customer(10_000)
    shown = (await client.get("/api/dashboard", "usr_2")).json
    assert (shown["state"], shown["reason"]) == ("stopped", "no_data")
    assert shown["allowances"] == shown["cash"] == shown["connections"] == []
