"""Tokens and sessions over REST, checked with the keys that the service itself publishes."""

import pytest

from tests.kit.clock import FakeClock
from tests.kit.rest import ROLES, RestClient, rest
from tests.kit.tokens import OTHER, USER, verifier_of
from tollway.contracts.clients import BROWSER, PROGRAM, ClientRef
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.db import Database, tables
from tollway.fabric.rest import build_app
from tollway.kit.errors import Unauthenticated
from tollway.kit.ids import new_id
from tollway.services.tokens.http import router
from tollway.services.tokens.service import IssuedTokens, Tokens


@pytest.fixture
def client(service: Tokens, clock: FakeClock) -> RestClient:
    return RestClient(
        build_app([router(service)], verifier_of(service, clock), Revocations(clock), roles=ROLES)
    )


async def sign_in(service: Tokens, user_id: str = USER, client: ClientRef = PROGRAM) -> IssuedTokens:
    return await service.open_session(
        user_id, client, roles=["customer"], amr=["pwd"], user_agent="curl/8", ip="192.0.2.7"
    )


async def test_a_program_refreshes_its_tokens(
    service: Tokens, client: RestClient, verifier: Verifier
) -> None:
    held = await sign_in(service)
    reply = await client.post("/api/auth/refresh", {"refresh_token": held.refresh_token})
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("Bearer", 300)
    assert (await verifier.verify(reply.json["access_token"])).session_id == held.session.id
    assert reply.json["refresh_token"] != held.refresh_token


async def test_a_reused_refresh_token_tells_so_and_ends_the_session(
    service: Tokens, client: RestClient, clock: FakeClock
) -> None:
    held = await sign_in(service)
    await service.refresh(held.refresh_token)
    clock.advance(61)
    reused = await client.post("/api/auth/refresh", {"refresh_token": held.refresh_token})
    assert (reused.status, reused.json["code"]) == (401, "token_reused")
    ended = await client.post("/api/auth/refresh", {"refresh_token": held.refresh_token})
    assert (ended.status, ended.json["code"]) == (401, "session_ended")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"refresh_token": 7}, 422),
        ({"refresh_token": "x" * 201}, 422),
        ({"refresh_token": "x", "more": 1}, 422),
        (b"{", 400),
        (b"[]", 422),
        ({"refresh_token": "rubbish\x00"}, 401),
    ],
)
async def test_a_bad_refresh_request_is_refused(client: RestClient, body: object, status: int) -> None:
    assert (await client.post("/api/auth/refresh", body)).status == status


async def test_logging_out_ends_the_session_and_clears_the_cookie(
    service: Tokens, client: RestClient
) -> None:
    browser = await sign_in(service, client=BROWSER)
    reply = await client.post("/api/auth/logout", token=browser.access_token)
    assert reply.status == 204
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith('__Host-sid=""')
    for part in ("Max-Age=0", "Path=/", "Secure", "HttpOnly", "SameSite=lax"):
        assert part in cookie
    assert (await service.sessions(USER, 10, "")).items == []


async def test_a_user_lists_and_ends_their_sessions(service: Tokens, client: RestClient) -> None:
    here, there = await sign_in(service), await sign_in(service, client=BROWSER)
    await sign_in(service, OTHER)
    listed = (await client.get("/api/auth/sessions", here.access_token)).json
    assert {item["id"]: item["current"] for item in listed["items"]} == {
        here.session.id: True,
        there.session.id: False,
    }
    assert {item["client"] for item in listed["items"]} == {"program", "browser"}
    assert listed["items"][0]["ip"] == "192.0.2.7"
    path = f"/api/auth/sessions/{there.session.id}"
    assert (await client.call("DELETE", path, token=here.access_token)).status == 204
    assert (await client.call("DELETE", path, token=here.access_token)).status == 404


async def test_a_user_signs_out_everywhere_else_and_then_everywhere(
    service: Tokens, client: RestClient, clock: FakeClock
) -> None:
    here, there = await sign_in(service, client=BROWSER), await sign_in(service)
    foreign = await sign_in(service, OTHER)
    kept = await client.post("/api/auth/sessions/end", {"keep_current": True}, token=here.access_token)
    assert (kept.status, "set-cookie" in kept.headers) == (204, False)
    assert [one.id for one in (await service.sessions(USER, 10, "")).items] == [here.session.id]
    gone = await client.post("/api/auth/sessions/end", token=here.access_token)
    assert (gone.status, gone.headers["clear-site-data"]) == (204, '"cookies", "storage"')
    assert (await service.sessions(USER, 10, "")).items == []
    assert [one.id for one in (await service.sessions(OTHER, 10, "")).items] == [foreign.session.id]
    # What services and gateways follow, so that access tokens end too.
    revocations = Revocations(clock)
    async for entry in service.follow_revocations(0):
        if not entry.session_id and not entry.user_id:
            break
        revocations.add(entry.session_id, entry.user_id, entry.at_us)
    verifier = verifier_of(service, clock)
    for ended in (here, there):
        with pytest.raises(Unauthenticated):
            revocations.check(await verifier.verify(ended.access_token))
    revocations.check(await verifier.verify(foreign.access_token))


async def test_anothers_session_does_not_exist(service: Tokens, client: RestClient) -> None:
    mine, theirs = await sign_in(service), await sign_in(service, OTHER)
    for session_id in (theirs.session.id, "ses_nonsense", "%00"):
        reply = await client.call("DELETE", f"/api/auth/sessions/{session_id}", token=mine.access_token)
        assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert await service.refresh(theirs.refresh_token)


async def test_a_bad_page_is_refused(service: Tokens, client: RestClient) -> None:
    mine = await sign_in(service)
    for query in ("limit=0", "limit=201", "limit=x", "cursor=rubbish", "cursor=" + "A" * 300):
        assert (await client.get(f"/api/auth/sessions?{query}", mine.access_token)).status == 422


async def test_the_keys_are_published_for_everybody(service: Tokens, client: RestClient) -> None:
    reply = await client.get("/.well-known/jwks.json")
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert len(reply.json["keys"]) == 2
    assert "d" not in reply.json["keys"][0]


async def test_the_metadata_names_what_there_is(service: Tokens, client: RestClient) -> None:
    document = (await client.get("/.well-known/openid-configuration")).json
    assert document["issuer"] == service.names.issuer
    assert document["jwks_uri"] == f"{service.names.issuer}/.well-known/jwks.json"
    assert document["response_types_supported"] == []
    assert "authorization_endpoint" not in document


async def test_an_operator_rotates_and_revokes_keys(service: Tokens, clock: FakeClock, db: Database) -> None:
    api = rest(router(service))
    boss = "usr_boss:admin"
    assert (await api.get("/api/admin/keys", "usr_eve:support")).status == 403
    first = (await api.get("/api/admin/keys", boss)).json["items"]
    assert sorted(key["state"] for key in first) == ["active", "next"]
    assert (await api.call("POST", "/api/admin/keys/rotate", token="usr_eve:support")).status == 403
    early = await api.call("POST", "/api/admin/keys/rotate", token=boss)
    assert (early.status, early.json["code"]) == (409, "conflict"), "nobody may know the next key yet"
    clock.advance(901)
    rotated = (await api.call("POST", "/api/admin/keys/rotate", token=boss)).json["items"]
    assert sorted(key["state"] for key in rotated) == ["active", "next", "retired"]
    states = {key["kid"]: key["state"] for key in rotated}
    assert [states[key["kid"]] for key in first] == [
        {"active": "retired", "next": "active"}[key["state"]] for key in first
    ]
    active = next(kid for kid, state in states.items() if state == "active")
    left = (await api.call("DELETE", f"/api/admin/keys/{active}", token=boss)).json["items"]
    assert active not in {key["kid"] for key in left}
    assert sorted(key["state"] for key in left) == ["active", "next", "retired"]
    assert (await api.call("DELETE", f"/api/admin/keys/{active}", token=boss)).status == 404
    async with db.snapshot() as tx:
        rows = await tx.all(tables.outbox.select().order_by(tables.outbox.c.position))
    assert [(row.type, row.subject) for row in rows] == [
        ("SIGNING_KEY_ROTATED", active),
        ("SIGNING_KEY_REVOKED", active),
    ]
    assert all((row.actor, row.action.split(":")[1]) == ("usr_boss", "key") for row in rows)


async def test_a_scoped_token_reaches_what_its_scope_names_and_nothing_else(
    service: Tokens, client: RestClient
) -> None:
    limited = ClientRef("program", "session-lister", ("auth:read",))
    held = await sign_in(service, client=limited)
    assert (await client.get("/api/auth/sessions", held.access_token)).status == 200
    refused = await client.post("/api/auth/logout", token=held.access_token)
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    again = await service.refresh(held.refresh_token)
    refused = await client.post("/api/auth/logout", token=again.access_token)
    assert refused.status == 403, "a refresh does not widen the scope (RFC 6749, section 6)"
    assert (await client.post("/api/auth/logout", token=(await sign_in(service)).access_token)).status == 204


async def test_a_scope_gives_nothing_that_the_role_does_not(service: Tokens, client: RestClient) -> None:
    greedy = ClientRef("program", "greedy", ("keys:read", "*"))
    held = await sign_in(service, client=greedy)
    refused = await client.get("/api/admin/keys", held.access_token)
    assert (refused.status, refused.json["code"]) == (403, "forbidden")


async def test_support_sees_where_a_customer_is_signed_in(service: Tokens, clock: FakeClock) -> None:
    api, ann = rest(router(service)), new_id("usr")
    opened = [await sign_in(service, ann) for _ in range(3)]
    path = f"/api/admin/users/{ann}/sessions"
    listed = (await api.get(path, "usr_op:support")).json["items"]
    assert {(one["id"], one["current"]) for one in listed} == {(one.session.id, False) for one in opened}
    assert (await api.get(path, ann)).status == 403
