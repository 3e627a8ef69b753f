"""The customer's own messages and choices over REST."""

import pytest

from tests.kit.rest import RestClient, rest
from tollway.services.notifications.http import router
from tollway.services.notifications.service import EmailRequest, Notifications


@pytest.fixture
def client(service: Notifications) -> RestClient:
    return rest(router(service))


async def test_a_customer_sees_their_own_messages_only(client: RestClient, service: Notifications) -> None:
    for number in range(3):
        await service.send_email(EmailRequest(f"k{number}", "welcome", {}, "usr_1"), "ada@example.com")
    await service.send_email(EmailRequest("other", "welcome", {}, "usr_2"), "bob@example.com")
    first = (await client.get("/api/notifications?limit=2", "usr_1")).json
    rest_of_it = (await client.get(f"/api/notifications?limit=2&cursor={first['next_cursor']}", "usr_1")).json
    assert (len(first["items"]), len(rest_of_it["items"]), rest_of_it["next_cursor"]) == (2, 1, "")
    assert first["items"][0] == {
        "id": first["items"][0]["id"],
        "channel": "email",
        "template": "welcome",
        "subject": "Your account is ready",
        "state": "queued",
        "created_at": "2026-11-22T00:00:00.000000Z",
        "sent_at": None,
    }
    assert len((await client.get("/api/notifications", "usr_3")).json["items"]) == 0


async def test_choices_are_kept(client: RestClient) -> None:
    path = "/api/notifications/settings"
    assert (await client.get(path, "usr_1")).json == {
        "email": {"security": True, "receipts": True, "product": True}
    }
    changed = await client.post(path, {"email": {"receipts": False}}, "usr_1")
    assert (changed.status, changed.json["email"]["receipts"]) == (200, False)
    assert not (await client.get(path, "usr_1")).json["email"]["receipts"]
    assert (await client.get(path, "usr_2")).json["email"]["receipts"]


@pytest.mark.parametrize(
    "body",
    [
        {"email": {"security": False}},
        {"email": {"spam": True}},
        {"email": {"receipts": "no"}},
        {"email": {"receipts": 0}},
        {"push": {}},
        {},
        [],
    ],
)
async def test_a_wrong_choice_is_refused(client: RestClient, body: object) -> None:
    reply = await client.post("/api/notifications/settings", body, "usr_1")
    assert (reply.status, reply.json["code"]) == (422, "invalid")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=rubbish"])
async def test_a_wrong_page_is_refused(client: RestClient, query: str) -> None:
    assert (await client.get(f"/api/notifications?{query}", "usr_1")).status == 422


@pytest.mark.parametrize("path", ["/api/notifications", "/api/notifications/settings"])
async def test_it_is_for_customers_who_are_signed_in(client: RestClient, path: str) -> None:
    assert (await client.get(path)).status == 401
