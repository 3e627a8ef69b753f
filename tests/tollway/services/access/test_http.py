"""Access over REST: what a customer and an operator see on the wire."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.clock import FakeClock
from tests.kit.metering import HTTP_ONLY, STANDARD, USER, AccessSetup, access_setup, report
from tests.kit.rest import RestClient, rest
from tollway.kit.ids import new_id
from tollway.services.access import store
from tollway.services.access.credentials import Presented
from tollway.services.access.http import router
from tollway.services.access.store.nodes import NodeEndpoint

ADMIN = "usr_9:admin"
Api = tuple[AccessSetup, RestClient]


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Api]:
    """The service with its routes, and a node that is up."""
    async with access_setup("sqlite", tmp_path, clock) as here:
        await here.node()
        yield here, rest(router(here.access))


async def connect(client: RestClient, **body: Any) -> Any:
    reply = await client.post("/api/proxy/connect", body or None, USER)
    assert reply.status == 201, reply.json
    return reply.json


async def use(here: AccessSetup, resource_id: str, octets: int, name: str = "flw_1", **more: Any) -> None:
    lease_id, _ = await here.lease(resource_id, 100_000)
    record = report(resource_id, name, octets, 1, **more)
    await here.access.reports.report("edge-1", lease_id, [record], release=True)


# ── connecting ──────────────────────────────────────────────────────────────────────────────────────


async def test_connecting_gives_everything_a_client_needs(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 1000)
    given = await connect(client)
    secret = f"{given['username']}:{given['password']}"
    assert [one["url"] for one in given["proxies"]] == [
        f"http://{secret}@127.0.0.1:3128",
        f"socks5h://{secret}@127.0.0.1:1080",
    ]
    assert {one["protocol"]: one["command"] for one in given["examples"]} == {
        "http": f"curl -x http://{secret}@127.0.0.1:3128 http://example.com/",
        "https": f"curl -x http://{secret}@127.0.0.1:3128 https://example.com/",
        "socks5": f"curl -x socks5h://{secret}@127.0.0.1:1080 https://example.com/",
    }
    assert given["resource"]["state"] == "active"
    assert given["resource"]["limits"] == {"max_flows": 0, "rate_limit_bytes_s": "0"}
    await here.access.authentication.authenticate(
        "password", Presented(given["username"], given["password"]), "http"
    )


async def test_the_wanted_protocol_comes_first(api: Api) -> None:
    _, client = api
    given = await connect(client, protocol="socks5", location="direct", label="laptop")
    assert [one["protocol"] for one in given["proxies"]] == ["socks5", "http"]
    assert given["credential"]["label"] == "laptop"


async def test_an_address_of_version_six_is_written_as_one(api: Api) -> None:
    here, client = api
    await here.access.nodes.open("edge-1", "boot-2", [NodeEndpoint("http", "::1", 3128)])
    given = await connect(client, asset=HTTP_ONLY)
    assert given["proxies"][0]["url"].endswith("@[::1]:3128")
    assert [one["protocol"] for one in given["examples"]] == ["http"]


async def test_the_password_is_shown_once(api: Api) -> None:
    _, client = api
    given = await connect(client)
    for path in ("/api/proxy/status", "/api/proxy/config", "/api/access/resources"):
        reply = await client.get(path, USER)
        assert reply.status == 200
        assert given["password"].encode() not in reply.body
    config = (await client.get("/api/proxy/config", USER)).json
    assert config["resources"][0]["credentials"][0]["username"] == given["username"]
    assert config["endpoints"][0] == {"protocol": "http", "host": "127.0.0.1", "port": 3128}


async def test_status_follows_the_day(api: Api) -> None:
    here, client = api
    assert (await client.get("/api/proxy/status", USER)).json["state"] == "disconnected"
    here.ledger.give(USER, STANDARD, 10_000)
    given = await connect(client)
    await use(here, given["resource"]["id"], 4000, input_octets=96)
    status = (await client.get("/api/proxy/status", USER)).json
    assert status["state"] == "connected"
    assert status["allowances"] == [{"asset": STANDARD, "balance": "5904", "reserved": "0"}]
    assert (status["bytes_sent"], status["bytes_received"], status["bytes_total"]) == ("96", "4000", "4096")
    assert status["open_connections"] == 1
    gone = await client.post("/api/proxy/disconnect", token=USER)
    assert [one["state"] for one in gone.json["resources"]] == ["inactive"]
    assert (await client.get("/api/proxy/status", USER)).json["state"] == "disconnected"
    async with here.db.transaction() as tx:
        await here.access.suspensions.customer_changed(tx, USER, stopped=True, reason="")
    assert (await client.get("/api/proxy/status", USER)).json["state"] == "suspended"
    refused = await client.post("/api/proxy/connect", token=USER)
    assert (refused.status, refused.json["code"]) == (403, "account_suspended")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        ({"asset": "bandwidth.none"}, 404, "unknown_asset"),
        ({"asset": "No Such\0"}, 422, "invalid"),
        ({"asset": 7}, 422, "invalid"),
        ({"location": "mars"}, 422, "invalid"),
        ({"protocol": "gopher"}, 422, "invalid"),
        ({"protocol": "socks5", "asset": HTTP_ONLY}, 422, "invalid"),
        ({"label": "x" * 101}, 422, "invalid"),
        ({"label": "a\nb"}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
    ],
)
async def test_bad_requests_are_problems(api: Api, body: Any, status: int, code: str) -> None:
    _, client = api
    reply = await client.post("/api/proxy/connect", body, USER)
    assert (reply.status, reply.json["code"]) == (status, code)


async def test_without_a_node_the_answer_is_try_again(api: Api) -> None:
    here, client = api
    here.clock.advance(100)
    reply = await client.post("/api/proxy/connect", token=USER)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


# ── accesses and credentials ────────────────────────────────────────────────────────────────────────


async def test_an_access_lives_from_post_to_delete(api: Api) -> None:
    _, client = api
    asked = {"kind": "proxy", "label": "server", "max_flows": 5, "rate_limit_bytes_s": "1000000"}
    made = await client.post("/api/access/resources", asked, USER)
    assert made.status == 201
    path = f"/api/access/resources/{made.json['id']}"
    assert made.json["limits"] == {"max_flows": 5, "rate_limit_bytes_s": "1000000"}
    patched = await client.call("PATCH", path, {"rate_limit_bytes_s": "0", "label": "new"}, USER)
    assert patched.json["limits"] == {"max_flows": 5, "rate_limit_bytes_s": "0"}
    assert patched.json["label"] == "new"
    issued = await client.post(f"{path}/credentials", {"label": "cron"}, USER)
    assert issued.status == 201
    shown = await client.get(path, USER)
    assert [one["id"] for one in shown.json["credentials"]] == [issued.json["credential"]["id"]]
    unchanged = await client.get(path, USER, if_none_match=shown.headers["etag"])
    assert unchanged.status == 304
    credential = f"{path}/credentials/{issued.json['credential']['id']}"
    assert (await client.call("DELETE", credential, token=USER)).status == 204
    assert (await client.post(f"{path}/deactivate", token=USER)).json["state"] == "inactive"
    assert (await client.post(f"{path}/activate", token=USER)).json["state"] == "active"
    assert (await client.call("DELETE", path, token=USER)).status == 204
    assert (await client.get(path, USER)).status == 404
    assert (await client.get("/api/access/resources", USER)).json == {"items": []}


async def test_anothers_access_is_not_there(api: Api) -> None:
    _, client = api
    given = await connect(client)
    path = f"/api/access/resources/{given['resource']['id']}"
    credential = f"{path}/credentials/{given['credential']['id']}"
    for method, target, body in (
        ("GET", path, None),
        ("PATCH", path, {"label": "mine"}),
        ("DELETE", path, None),
        ("POST", f"{path}/activate", None),
        ("POST", f"{path}/deactivate", None),
        ("POST", f"{path}/credentials", {}),
        ("DELETE", credential, None),
    ):
        reply = await client.call(method, target, body, "usr_2")
        assert (reply.status, reply.json["code"]) == (404, "not_found"), (method, target)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"max_flows": -1},
        {"max_flows": 1001},
        {"max_flows": "5"},
        {"max_flows": 1.5},
        {"rate_limit_bytes_s": 5},
        {"rate_limit_bytes_s": "-5"},
        {"rate_limit_bytes_s": "5.5"},
        {"rate_limit_bytes_s": "99999999999999999999"},
        {"state": "active"},
    ],
)
async def test_bad_changes_are_refused(api: Api, body: Any) -> None:
    _, client = api
    given = await connect(client)
    reply = await client.call("PATCH", f"/api/access/resources/{given['resource']['id']}", body, USER)
    assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_an_operators_stop_is_a_conflict_for_the_customer(api: Api) -> None:
    _, client = api
    given = await connect(client)
    resource_id = given["resource"]["id"]
    stopped = await client.post(f"/api/admin/resources/{resource_id}/stop", {"reason": "abuse"}, ADMIN)
    assert (stopped.json["state"], stopped.json["user_id"]) == ("suspended", USER)
    reply = await client.post(f"/api/access/resources/{resource_id}/activate", token=USER)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    resumed = await client.post(f"/api/admin/resources/{resource_id}/resume", token=ADMIN)
    assert resumed.json["state"] == "active"


async def test_an_operator_looks_into_a_customers_accesses_and_ends_what_is_open(api: Api) -> None:
    here, client = api
    support, ann = "usr_op:support", new_id("usr")
    here.ledger.give(ann, STANDARD, 10**6)
    reply = await client.post("/api/proxy/connect", None, ann)
    resource_id, username = reply.json["resource"]["id"], reply.json["username"]
    flow, old = new_id("flw"), new_id("flw")
    await use(here, resource_id, 10, flow)
    await use(here, resource_id, 20, old, stopped=True)

    (access,) = (await client.get(f"/api/admin/users/{ann}/resources", support)).json["items"]
    (credential,) = access["credentials"]
    assert (access["id"], credential["username"]) == (resource_id, username)
    assert reply.json["password"] not in str(access)
    usage = (await client.get(f"/api/admin/users/{ann}/usage", support)).json
    assert (usage["all_time"]["bytes_total"], usage["months"][0]["bytes_total"]) == ("30", "30")
    path = f"/api/admin/users/{ann}/connections"
    assert {one["id"] for one in (await client.get(path, support)).json["items"]} == {flow, old}
    (closed,) = (await client.get(f"{path}?state=closed", support)).json["items"]
    assert closed["id"] == old
    (one,) = (await client.get("/api/admin/connections?node=edge-1", support)).json["items"]
    assert (one["id"], one["user_id"], one["node"], one["credential_id"]) == (flow, ann, "edge-1", "crd_1")
    assert (await client.get("/api/admin/connections?node=edge-2", support)).json["items"] == []

    end, why = f"/api/admin/connections/{flow}/end", {"reason": "a scan of ports"}
    assert (await client.post(end, {}, support)).status == 422
    assert (await client.post(end, why, support)).status == 204
    revoke = f"/api/admin/credentials/{credential['id']}/revoke"
    for _ in range(2):
        assert (await client.post(revoke, why, support)).status == 204
    (access,) = (await client.get(f"/api/admin/users/{ann}/resources", support)).json["items"]
    assert access["credentials"] == []
    async with here.db.snapshot() as tx:
        changes = [
            (one.kind, one.node, one.session_id, one.credential_id)
            for one in await store.changes.after(tx, 0, 9)
        ]
    assert changes == [
        ("flow_ended", "edge-1", flow, ""), ("credential_revoked", "", "", credential["id"]),
    ]  # fmt: skip
    (ended,) = await here.events("CONNECTION_ENDED")
    (revoked,) = await here.events("CREDENTIAL_REVOKED")
    assert (ended.session_id, ended.user_id, ended.reason, revoked.reason) == (
        flow, ann, "a scan of ports", "a scan of ports",
    )  # fmt: skip
    for gone in (f"connections/{new_id('flw')}/end", f"credentials/{new_id('crd')}/revoke"):
        assert (await client.post(f"/api/admin/{gone}", why, support)).status == 404
    # What has stopped already stays as it is.
    assert (await client.post(f"/api/admin/connections/{old}/end", why, support)).status == 204
    for refused in (path, "/api/admin/connections", f"/api/admin/users/{ann}/resources"):
        assert (await client.get(refused, ann)).status == 403


# ── usage ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bill_can_be_recomputed_from_the_records(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    for n in range(1, 6):
        await use(here, given["resource"]["id"], 1000 * n, f"flw_{n}", input_octets=n, stopped=n > 2)
    charged, cursor = 0, ""
    while True:
        page = (await client.get(f"/api/usage/records?limit=2&cursor={cursor}", USER)).json
        charged += sum(int(one["charged_units"]) for one in page["items"])
        cursor = page["next_cursor"]
        if not cursor:
            break
    stats = (await client.get("/api/usage/stats", USER)).json
    assert charged == 15_015 == int(stats["all_time"]["bytes_total"]) == here.ledger.consumed
    assert stats["open_connections"] == 2
    assert stats["by_protocol"][0]["protocol"] == "connect"
    months = (await client.get("/api/usage/monthly", USER)).json["items"]
    assert [(one["month"], one["bytes_total"]) for one in months] == [("2026-11", "15015")]


async def test_a_record_speaks_radius(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    await use(here, given["resource"]["id"], 10, stopped=True, terminate_cause="User-Request")
    (record,) = (await client.get("/api/usage/records", USER)).json["items"]
    assert record["session_id"] == "flw_1"
    assert (record["status"], record["terminate_cause"]) == ("Stop", "User-Request")
    assert (record["input_octets"], record["output_octets"]) == ("0", "10")
    assert record["calling_station_id"] == "192.0.2.1:50000"
    assert record["started_at"] == "2026-11-22T00:00:00.000000Z"


async def test_connections_can_be_narrowed_and_belong_to_their_customer(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    await use(here, given["resource"]["id"], 10, "flw_1")
    await use(here, given["resource"]["id"], 10, "flw_2", stopped=True)

    async def ids(query: str, user: str = USER) -> list[str]:
        reply = await client.get(f"/api/access/connections{query}", user)
        return [one["id"] for one in reply.json["items"]]

    assert await ids("") == ["flw_2", "flw_1"]
    assert await ids("?state=open") == ["flw_1"]
    assert await ids("?state=closed") == ["flw_2"]
    assert await ids(f"?resource_id={new_id('res')}") == []
    assert await ids("", "usr_2") == []
    since = (await client.get("/api/usage/records?since=2027-01-01T00:00:00Z", USER)).json
    assert since["items"] == []


async def test_connections_are_found_by_target_and_protocol(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    for name, target, protocol in (
        ("flw_1", "www.example.com:443", "connect"),
        ("flw_2", "example.org:80", "http"),
        ("flw_3", "100%_sure.test:80", "socks5"),
    ):
        await use(here, given["resource"]["id"], 10, name, target=target, protocol=protocol)

    async def ids(**query: str) -> list[str]:
        reply = await client.get(f"/api/access/connections?{urlencode(query)}", USER)
        assert reply.status == 200, reply.json
        return [one["id"] for one in reply.json["items"]]

    assert await ids(target="example") == ["flw_2", "flw_1"]
    assert await ids(target=" EXAMPLE.com ") == ["flw_1"]
    # What is special to a database stands for itself.
    assert await ids(target="%_") == ["flw_3"]
    assert await ids(target="_") == ["flw_3"]
    assert await ids(protocol="http") == ["flw_2"]
    assert await ids(target="example", protocol="socks5") == []
    assert await ids(protocol="gopher") == []
    first = (await client.get("/api/access/connections?target=example&limit=1", USER)).json
    rest_of_them = await ids(target="example", cursor=first["next_cursor"])
    assert ([one["id"] for one in first["items"]], rest_of_them) == (["flw_2"], ["flw_1"])


async def test_the_records_of_the_sessions_that_a_transaction_charged_are_found(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    for name in ("flw_1", "flw_2", "flw_3"):
        await use(here, given["resource"]["id"], 10, name)

    async def found(query: str, user: str = USER) -> list[str]:
        reply = await client.get(f"/api/usage/records?{query}", user)
        return [one["session_id"] for one in reply.json["items"]]

    assert await found("session_id=flw_1&session_id=flw_3&session_id=flw_other") == ["flw_1", "flw_3"]
    assert await found("session_id=flw_1", "usr_2") == []
    assert (await client.get("/api/usage/records?" + "&".join(["session_id=x"] * 101), USER)).status == 422


@pytest.mark.parametrize(
    "path",
    [
        "/api/usage/records?limit=0",
        "/api/usage/records?limit=1000",
        "/api/usage/records?cursor=zzz",
        "/api/usage/records?cursor=WyJ4IiwieSJd",
        "/api/usage/records?since=yesterday",
        "/api/usage/records?since=2026-11-01T00:00:00",
        "/api/usage/records?until=0001-01-01T00:00:00Z&since=9999-12-31T00:00:00%2B99:00",
        "/api/usage/records?since=0001-01-01T00:00:00%2B14:00",
        "/api/usage/records?resource_id=x",
        "/api/usage/monthly?asset=%00",
        "/api/access/connections?state=half",
        "/api/access/connections?target=%00",
        "/api/access/connections?protocol=",
        "/api/access/connections?protocol=HTTP%2F1.1",
        f"/api/access/connections?target={'x' * 101}",
    ],
)
async def test_bad_queries_are_refused(api: Api, path: str) -> None:
    _, client = api
    reply = await client.get(path, USER)
    assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_what_cannot_be_an_id_is_no_such_thing(api: Api) -> None:
    _, client = api
    reply = await client.get("/api/access/resources/%00", USER)
    assert (reply.status, reply.json["code"]) == (404, "not_found")


# ── operators ───────────────────────────────────────────────────────────────────────────────────────


async def test_operators_see_nodes_and_customers_do_not(api: Api) -> None:
    here, client = api
    here.ledger.give(USER, STANDARD, 10**6)
    given = await connect(client)
    await here.lease(given["resource"]["id"], 5000)
    (node,) = (await client.get("/api/admin/nodes", ADMIN)).json["items"]
    assert (node["name"], node["online"], node["leases"], node["reserved_bytes"]) == (
        "edge-1",
        True,
        1,
        "5000",
    )
    assert (await client.get("/api/admin/nodes", USER)).status == 403
    assert (await client.post("/api/admin/resources/res_1/stop", token=USER)).status == 403
    assert (await client.post("/api/admin/resources/res_1/stop", token=ADMIN)).status == 404


async def test_nothing_is_shown_to_strangers(api: Api) -> None:
    _, client = api
    for path in ("/api/proxy/status", "/api/usage/records", "/api/access/resources", "/api/admin/nodes"):
        assert (await client.get(path)).status == 401
