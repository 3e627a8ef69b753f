"""The record over REST: for those who may, with filters and pages."""

import pytest

from tests.kit.rest import RestClient, rest
from tests.tollway.services.audit.conftest import Tamper, a_event, record
from tollway.kit.ids import new_id
from tollway.services.audit.http import router
from tollway.services.audit.service import Audit

ADMIN, SUPPORT, CUSTOMER = "usr_a:admin", "usr_s:support", "usr_c"


@pytest.fixture
def client(service: Audit) -> RestClient:
    return rest(router(service))


async def test_an_operator_reads_the_record(client: RestClient, service: Audit) -> None:
    await record(service, *map(a_event, range(5)))
    first = (await client.get("/api/admin/audit?limit=2", SUPPORT)).json
    assert [item["sequence"] for item in first["items"]] == [5, 4]
    assert first["items"][0] == {
        "sequence": 5,
        "event_id": "evt_004",
        "topic": "ORDER_PLACED",
        "source": "identity",
        "subject": "usr_1",
        "actor": "usr_operator",
        "action": "auth:session:open",
        "at": "1970-01-01T00:00:04.000000Z",
        "correlation_id": "cor_4",
        "data": {"user_id": "usr_1", "n": 4},
        "hash": first["items"][0]["hash"],
    }
    rest_of_it = await client.get(f"/api/admin/audit?limit=9&cursor={first['next_cursor']}", ADMIN)
    assert [item["sequence"] for item in rest_of_it.json["items"]] == [3, 2, 1]
    found = await client.get("/api/admin/audit?subject=usr_1&topic=USER_LOGGED_IN", ADMIN)
    assert [item["event_id"] for item in found.json["items"]] == ["evt_001"]
    late = await client.get("/api/admin/audit?since=1970-01-01T00:00:03Z&until=1970-01-01T00:00:04Z", ADMIN)
    assert [item["event_id"] for item in late.json["items"]] == ["evt_003"]
    nobody = await client.get(f"/api/admin/audit?user_id={new_id('usr')}", ADMIN)
    assert (nobody.status, nobody.json["items"]) == (200, [])
    for query in ("user_id=x", "since=yesterday"):
        assert (await client.get(f"/api/admin/audit?{query}", ADMIN)).status == 422


async def test_an_operator_has_it_verified_by_work_that_takes_as_long_as_it_takes(
    client: RestClient, service: Audit, tamper: Tamper
) -> None:
    path = "/api/admin/audit/verify"
    assert (await client.get(path, SUPPORT)).json["state"] == "never"
    await record(service, *map(a_event, range(3)))
    asked = await client.post(path, None, ADMIN)
    assert (asked.status, asked.json["state"], asked.json["verdict"]) == (202, "waiting", None)
    assert (await client.post(path, None, SUPPORT)).json["id"] == asked.json["id"], "one at a time"
    await service.verification.work()
    whole = (await client.get(path, SUPPORT)).json
    # The request is an entry of its own.
    assert (whole["state"], whole["verdict"]["ok"], whole["verdict"]["entries"]) == ("done", True, 4)
    [wanted, verified] = (await client.get("/api/admin/audit", ADMIN)).json["items"][1::-1]
    assert (wanted["topic"], wanted["actor"]) == ("AUDIT_VERIFICATION_REQUESTED", "usr_a")
    assert wanted["action"] == "audit:trail:verify"
    assert (verified["topic"], verified["data"]["ok"]) == ("AUDIT_VERIFIED", True)
    await tamper("UPDATE entry SET data = 'not json' WHERE sequence = 2")
    await client.post(path, None, ADMIN)
    await service.verification.work()
    broken = (await client.get(path, ADMIN)).json["verdict"]
    assert (broken["ok"], len(broken["findings"])) == (False, 1)
    shown = (await client.get("/api/admin/audit", ADMIN)).json
    assert next(one for one in shown["items"] if one["sequence"] == 2)["data"] == "not json"
    assert (await client.post(path, None, CUSTOMER)).status == 403


@pytest.mark.parametrize("path", ["/api/admin/audit", "/api/admin/audit/verify"])
async def test_customers_have_no_business_here(client: RestClient, path: str) -> None:
    assert (await client.get(path)).status == 401
    assert (await client.get(path, CUSTOMER)).status == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=rubbish", "cursor=WyJ4Il0"])
async def test_a_wrong_page_is_refused(client: RestClient, query: str) -> None:
    assert (await client.get(f"/api/admin/audit?{query}", ADMIN)).status == 422
