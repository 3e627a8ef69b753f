"""What operators see of a gateway, as its own routes give it."""

from pathlib import Path

from tests.kit.gateway import ALICE, running_gateway
from tests.kit.rest import rest
from tollway.gateway.http import router

SUPPORT = "usr_op:support"


async def test_it_shows_limits_endpoints_and_who_asks_most(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as setup:
        for _ in range(3):
            await setup.ask("GET", "/api/orders", ALICE)
        await setup.ask("GET", "/nothing")
        api = rest(router(setup.gateway))
        seen = (await api.get("/api/admin/gateway", SUPPORT)).json
        assert seen["routes_error"] == ""
        assert ":" in seen["name"]
        assert {one["name"] for one in seen["limits"]} == {"default", "login", "verification", "webhooks"}
        endpoint = next(one for one in seen["endpoints"] if one["address"] == setup.upstream.address)
        assert endpoint["breaker"] == "closed"
        callers = {one["caller"]: (one["requests"], one["refused"]) for one in seen["callers"]}
        assert callers["usr_alice"] == (3, 0)
        assert callers["127.0.0.1"] == (1, 1)
        assert int(seen["callers"][0]["bytes_total"]) > 0
        assert (await api.get("/api/admin/gateway", "usr_ann")).status == 403


async def test_it_lists_the_routes_in_force(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as setup:
        api = rest(router(setup.gateway))
        listed = (await api.get("/api/admin/gateway/routes", SUPPORT)).json
        assert len(listed["items"]) == len(setup.gateway.context.table.routes)
        paths = [one["path"] for one in listed["items"]]
        assert paths == sorted(paths)
        some = (await api.get("/api/admin/gateway/routes?q=orders", SUPPORT)).json["items"]
        assert some
        assert all("orders" in one["path"] or "orders" in one["owner"] for one in some)
