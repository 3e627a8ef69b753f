"""Analytics as a customer reads them."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import USER, AccessSetup, access_setup, report
from tests.kit.rest import RestClient, rest
from tollway.services.access.http import router

Api = tuple[AccessSetup, RestClient]
TRENDS, TARGETS, EXPORT = (f"/api/analytics/{name}" for name in ("usage-trends", "targets", "export"))


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Api]:
    """The service with its routes, and a customer who used something."""
    async with access_setup("sqlite", tmp_path, clock) as here:
        await here.node()
        resource_id = (await here.customer(10**9)).resource.id
        lease_id, _ = await here.lease(resource_id, 100_000)
        flows = [
            report(resource_id, f"flw_{n}", 100 * n, 1, protocol=protocol, target=f"{protocol}.example:443")
            for n, protocol in enumerate(("http", "socks5"), 1)
        ]
        await here.access.reports.report("edge-1", lease_id, flows, release=True)
        yield here, rest(router(here.access))


async def get(client: RestClient, path: str, who: str = USER) -> Any:
    reply = await client.get(path, who)
    assert reply.status == 200, reply.json
    return reply.json


async def test_the_last_thirty_days_come_by_day(api: Api) -> None:
    _, client = api
    found = await get(client, TRENDS)
    assert (len(found["starts_at"]), found["time_zone"]) == (31, "UTC")
    assert found["total"]["bytes_total"] == "300"
    assert found["previous"]["bytes_total"] == "0"
    [series] = found["series"]
    assert (series["group"], series["points"][-1]["bytes_total"]) == (None, "300")


async def test_series_by_protocol_come_largest_first(api: Api) -> None:
    _, client = api
    found = await get(client, f"{TRENDS}?group_by=protocol&interval=month")
    assert [(one["group"], one["total"]["bytes_received"]) for one in found["series"]] == [
        ("socks5", "200"),
        ("http", "100"),
    ]


async def test_nobody_sees_what_another_customer_used(api: Api) -> None:
    _, client = api
    assert (await get(client, TRENDS, "usr_7"))["total"]["bytes_total"] == "0"
    assert (await get(client, TARGETS, "usr_7"))["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("time_zone=Europe/Atlantis", "time_zone"),
        ("time_zone=", "time_zone"),
        ("since=yesterday", "since"),
        ("since=2026-11-01", "since"),
        ("since=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z", "until"),
        ("since=2020-11-02T00:00:00Z", "until"),
        ("since=9999-12-31T23:59:59Z&until=9999-12-31T23:59:59Z", "since"),
        ("interval=hour&since=2026-01-01T00:00:00Z", "interval"),
        ("interval=year", "interval"),
        ("group_by=target", "group_by"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(api: Api, query: str, field: str) -> None:
    _, client = api
    reply = await client.get(f"{TRENDS}?{query}", USER)
    assert reply.status == 422, reply.json
    assert field in [one["field"] for one in reply.json["errors"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("until=9999-12-31T23:59:59Z", "since"),
        ("since=9999-12-31T23:59:59Z&until=9999-12-31T23:59:59Z", "since"),
        ("since=1970-01-01T00:00:00Z&until=1970-01-02T00:00:00Z", "since"),
        ("until=1970-01-01T00:00:00Z", "since"),
        ("since=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z", "until"),
        ("since=2020-11-02T00:00:00Z", "until"),
        ("since=2026-11-01", "since"),
        ("limit=0", "limit"),
    ],
)
async def test_targets_of_no_period_are_refused_by_name(api: Api, query: str, field: str) -> None:
    _, client = api
    reply = await client.get(f"{TARGETS}?{query}", USER)
    assert reply.status == 422, reply.json
    assert field in [one["field"] for one in reply.json["errors"]]


async def test_targets_come_largest_first(api: Api) -> None:
    _, client = api
    found = await get(client, f"{TARGETS}?limit=1")
    assert [(one["target"], one["bytes_total"]) for one in found["items"]] == [("socks5.example", "200")]


async def test_the_records_come_as_a_file_that_adds_up(api: Api) -> None:
    _, client = api
    reply = await client.get(EXPORT, USER)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))
    assert [row["target"] for row in rows] == ["http.example:443", "socks5.example:443"]
    assert sum(int(row["charged_units"]) for row in rows) == 300
    assert (await client.get(f"{EXPORT}?until=2020-01-01T00:00:00Z&format=json", USER)).json == []
    assert (await client.get(f"{EXPORT}?format=xlsx", USER)).status == 422
