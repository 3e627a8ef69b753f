"""Profiles and preferences over REST."""

from typing import Any

import pytest

from tests.kit.rest import RestClient, rest
from tests.kit.tokens import OTHER, USER
from tollway.services.users.http import router
from tollway.services.users.service import Users


@pytest.fixture
def client(service: Users) -> RestClient:
    return rest(router(service))


async def test_a_user_sees_and_changes_their_profile(client: RestClient) -> None:
    fresh = await client.get("/api/users/me", USER)
    assert (fresh.status, fresh.json["user_id"], fresh.headers["etag"]) == (200, USER, '"1"')
    changed = await client.call(
        "PATCH", "/api/users/me", {"display_name": " Ann ", "time_zone": "Europe/Berlin"}, USER
    )
    assert (changed.status, changed.json["display_name"], changed.headers["etag"]) == (200, "Ann", '"2"')
    again = await client.get("/api/users/me", USER)
    assert again.json == changed.json
    assert again.json["locale"] == "en"
    assert (await client.get("/api/users/me", OTHER)).json["display_name"] == ""


async def test_preferences_are_replaced_as_a_whole(client: RestClient) -> None:
    path = "/api/users/me/preferences"
    assert (await client.get(path, USER)).json == {"preferences": {}}
    for wanted in ({"theme": "dark", "beta": "on"}, {"theme": "light"}, {}):
        put = await client.call("PUT", path, {"preferences": wanted}, USER)
        assert (put.status, put.json) == (200, {"preferences": wanted})
        assert (await client.get(path, USER)).json == {"preferences": wanted}


async def test_bad_profiles_are_refused_and_change_nothing(client: RestClient) -> None:
    before = (await client.get("/api/users/me", USER)).json
    bodies: list[Any] = [
        {"display_name": 7},
        {"display_name": None},
        {"display_name": "x" * 101},
        {"display_name": "a\x00b"},
        {"display_name": "Ann", "locale": "english"},
        {"time_zone": "../../etc/passwd"},
        {"user_id": OTHER},
        {"email": "x@example.com"},
        b'{"display_name": "\\ud800"}',
        b"[]",
    ]
    for body in bodies:
        reply = await client.call("PATCH", "/api/users/me", body, USER)
        assert (reply.status, reply.json["code"]) == (422, "invalid"), body
    assert (await client.call("PATCH", "/api/users/me", b"{", USER)).status == 400
    assert (await client.get("/api/users/me", USER)).json == before


async def test_bad_preferences_are_refused(client: RestClient) -> None:
    path = "/api/users/me/preferences"
    for body in (
        {},
        {"preferences": None},
        {"preferences": []},
        {"preferences": {"a": 1}},
        {"preferences": {"A": "x"}},
        {"preferences": {"a": "x" * 501}},
        {"preferences": {f"p{n}": "" for n in range(51)}},
        {"preferences": {}, "more": 1},
    ):
        assert (await client.call("PUT", path, body, USER)).status == 422


async def test_nobody_is_nobody(client: RestClient) -> None:
    for method, path in (
        ("GET", "/api/users/me"),
        ("PATCH", "/api/users/me"),
        ("PUT", "/api/users/me/preferences"),
    ):
        assert (await client.call(method, path, {})).status == 401
