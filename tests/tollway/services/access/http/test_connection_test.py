"""Connection tests on the wire."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import USER, AccessSetup, access_setup
from tests.kit.rest import RestClient, rest
from tollway.kit.ids import new_id
from tollway.services.access.http import router
from tollway.services.access.model.connection_test import StepResult

Api = tuple[AccessSetup, RestClient]


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Api]:
    async with access_setup("sqlite", tmp_path, clock) as here:
        yield here, rest(router(here.access))


async def test_a_test_is_started_and_looked_at(api: Api) -> None:
    here, client = api
    issued = await here.customer(1000)
    started = await client.post("/api/proxy/test", {"resource_id": issued.resource.id}, USER)
    assert started.status == 202
    test = started.json
    assert (test["state"], test["node"], test["steps"]) == ("running", "edge-1", [])
    await here.access.connection_tests.begin("edge-1", test["id"])
    steps = [
        StepResult("resolve", True, 4100, "127.0.0.1", ""),
        StepResult("connect", True, 300, "127.0.0.1:3128", ""),
        StepResult("login", False, 2500, "The allowance is used up", "PROXY_NO_ALLOWANCE"),
    ]
    await here.access.connection_tests.report("edge-1", test["id"], steps, finished=True)
    shown = (await client.get(f"/api/proxy/test/{test['id']}", USER)).json
    assert shown["state"] == "failed"
    assert [(one["name"], one["ok"], one["ms"]) for one in shown["steps"]] == [
        ("resolve", True, 4.1),
        ("connect", True, 0.3),
        ("login", False, 2.5),
    ]
    assert shown["steps"][-1]["code"] == "PROXY_NO_ALLOWANCE"
    assert "buy more" in shown["steps"][-1]["hint"]


async def test_nobody_names_a_target(api: Api) -> None:
    here, client = api
    issued = await here.customer(1000)
    for more in ({"target": "10.0.0.1:80"}, {"url": "http://10.0.0.1/"}, {"location": "mars"}):
        reply = await client.post("/api/proxy/test", {"resource_id": issued.resource.id, **more}, USER)
        assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_what_cannot_be_tested_is_a_problem(api: Api) -> None:
    here, client = api
    await here.node()
    gone = await client.post("/api/proxy/test", {"resource_id": new_id("res")}, USER)
    assert gone.status == 404
    assert (await client.get(f"/api/proxy/test/{new_id('tst')}", USER)).status == 404
    issued = await here.customer(1000)
    body = {"resource_id": issued.resource.id}
    for _ in range(6):
        assert (await client.post("/api/proxy/test", body, USER)).status == 202
    reply = await client.post("/api/proxy/test", body, USER)
    assert (reply.status, reply.headers["retry-after"]) == (429, "60")
