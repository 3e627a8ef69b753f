"""Accounts and logins over REST."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tests.kit.rest import ROLES, Reply
from tollway.contracts.clients import ClientRef
from tollway.contracts.errors import SessionEnded
from tollway.kit.ids import new_id
from tollway.services.identity.service.passwords import Passwords

ANN = "ann@example.com"


async def register(identity: IdentityFixture, email: str, password: str = PASSWORD) -> Reply:
    return await identity.client.post("/api/auth/register", {"email": email, "password": password})


async def access_token(identity: IdentityFixture, email: str = ANN) -> str:
    return (await identity.log_in(email)).json["access_token"]


async def operator_token(identity: IdentityFixture) -> str:
    await identity.service.accounts.ensure_operator("operator@tollway.test", PASSWORD)
    return await access_token(identity, "operator@tollway.test")


# ── a customer's story ──────────────────────────────────────────────────────────────────────────────


async def test_a_customer_registers_verifies_signs_in_and_out(identity: IdentityFixture) -> None:
    assert (await register(identity, ANN)).status == 202
    early = await identity.log_in()
    assert (early.status, early.json["code"]) == (403, "email_not_verified")
    token = await identity.mail_token("verify_email")
    assert (await identity.client.post("/api/auth/email/verify", {"token": token})).status == 204
    again = await identity.client.post("/api/auth/email/verify", {"token": token})
    assert (again.status, again.json["code"]) == (422, "link_invalid")

    reply = await identity.log_in()
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("Bearer", 300)
    access = reply.json["access_token"]
    me = await identity.client.get("/api/auth/me", access)
    assert (me.json["email"], me.json["email_verified"], me.json["roles"]) == (ANN, True, ["customer"])
    assert me.json["created_at"] == "2026-11-22T00:00:00.000000Z"

    assert (await identity.client.post("/api/auth/logout", token=access)).status == 204
    await identity.apply_revocations()
    assert (await identity.client.get("/api/auth/me", access)).status == 401
    body = {"refresh_token": reply.json["refresh_token"]}
    assert (await identity.client.post("/api/auth/refresh", body)).json["code"] == "session_ended"


async def test_a_browser_gets_a_cookie_that_no_script_and_no_other_site_can_use(
    identity: IdentityFixture,
) -> None:
    await identity.sign_up(ANN)
    reply = await identity.log_in(path="login")
    session, known_browser = reply.headers["set-cookie"].split(", ")
    assert known_browser.startswith("__Host-device=")
    name, _, rest = session.partition("=")
    value, *flags = rest.split("; ")
    assert name == "__Host-sid"
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]
    assert len(value) == 43, "256 random bits"
    assert value.encode() not in reply.body
    assert set(reply.json) == {"user", "csrf_token"}
    granted = await identity.tokens.exchange_cookie(value)
    assert granted.csrf_token == reply.json["csrf_token"]
    other = await identity.log_in(path="login")
    assert value not in other.headers["set-cookie"], "every login has an id of its own"


async def test_a_password_is_forgotten_reset_and_changed(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    assert (await identity.client.post("/api/auth/password/forgot", {"email": ANN})).status == 202
    token = await identity.mail_token("password_reset")
    body = {"token": token, "new_password": OTHER_PASSWORD}
    assert (await identity.client.post("/api/auth/password/reset", body)).status == 204
    assert (await identity.client.post("/api/auth/password/reset", body)).json["code"] == "link_invalid"

    access = (await identity.log_in(password=OTHER_PASSWORD)).json["access_token"]
    identity.clock.advance(60)
    wrong = {"current_password": PASSWORD, "new_password": "a third set of words"}
    assert (await identity.client.post("/api/account/security", wrong, access)).status == 403
    right = {"current_password": OTHER_PASSWORD, "new_password": "a third set of words"}
    assert (await identity.client.post("/api/account/security", right, access)).status == 204
    shown = (await identity.client.get("/api/account/security", access)).json
    assert shown == {
        "email": ANN,
        "email_verified": True,
        "password_changed_at": "2026-11-22T00:01:00.000000Z",
        "pending_email": None,
        "pending_email_expires_at": None,
    }


async def test_an_address_is_changed_by_somebody_who_signed_in_lately(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    signed_in = (await identity.log_in()).json
    identity.clock.advance(601)
    renewed = {"refresh_token": signed_in["refresh_token"]}
    old = (await identity.client.post("/api/auth/refresh", renewed)).json["access_token"]
    body = {"email": "ann@new.example", "current_password": PASSWORD}
    stale = await identity.client.post("/api/account/email", body, old)
    assert (stale.status, stale.json["code"]) == (401, "insufficient_user_authentication")
    access = await access_token(identity)
    wrong = body | {"current_password": OTHER_PASSWORD}
    assert (await identity.client.post("/api/account/email", wrong, access)).status == 403
    assert (await identity.client.post("/api/account/email", body, access)).status == 202
    shown = (await identity.client.get("/api/account/security", access)).json
    assert (shown["email"], shown["pending_email"]) == (ANN, "ann@new.example")
    token = {"token": await identity.mail_token("change_email")}
    assert (await identity.client.post("/api/auth/email/change", token)).status == 204
    assert (await identity.client.get("/api/auth/me", access)).json["email"] == "ann@new.example"
    undo = {"token": await identity.mail_token("email_changed", ANN)}
    assert (await identity.client.post("/api/auth/email/refuse", undo)).status == 204
    again = await identity.client.post("/api/auth/email/refuse", undo)
    assert (again.status, again.json["code"]) == (422, "link_invalid")


# ── nobody learns who has an account ────────────────────────────────────────────────────────────────


class Counting(Passwords):
    """Counts the expensive work, which is what a stopwatch would see."""

    done = 0

    async def hash(self, *args: Any, **more: Any) -> Any:
        self.done += 1
        return await super().hash(*args, **more)

    async def check(self, *args: Any, **more: Any) -> Any:
        self.done += 1
        return await super().check(*args, **more)

    async def verify(self, *args: Any, **more: Any) -> Any:
        self.done += 1
        return await super().verify(*args, **more)


async def works(identity: IdentityFixture, ask: Awaitable[Reply]) -> tuple[int, Any, dict[str, str], int]:
    passwords = identity.service.passwords
    passwords.__class__ = Counting
    assert isinstance(passwords, Counting)
    before = passwords.done
    reply = await ask
    body = {k: v for k, v in reply.json.items() if k != "correlation_id"}
    return reply.status, body, reply.headers, passwords.done - before


async def test_registering_answers_the_same_for_every_address(identity: IdentityFixture) -> None:
    await identity.sign_up("known@example.com")
    await register(identity, "waiting@example.com")
    answers = [
        await works(identity, register(identity, f"{who}@example.com"))
        for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 202


@pytest.mark.parametrize("path", ["password/forgot", "email/resend"])
async def test_asking_for_a_mail_answers_the_same_for_every_address(
    identity: IdentityFixture, path: str
) -> None:
    await identity.sign_up("known@example.com")
    await register(identity, "waiting@example.com")
    answers = [
        await works(identity, identity.client.post(f"/api/auth/{path}", {"email": f"{who}@example.com"}))
        for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 202


@pytest.mark.parametrize("path", ["login", "token"])
async def test_a_wrong_login_answers_the_same_for_every_address(identity: IdentityFixture, path: str) -> None:
    await identity.sign_up("known@example.com")
    await register(identity, "waiting@example.com")
    await identity.log_in("warm@example.com")
    answers = [
        await works(identity, identity.log_in(f"{who}@example.com", OTHER_PASSWORD, path=path))
        for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0], answers[0][1]["code"]) == (401, "bad_login")
    assert answers[0][3] == 1, "a password is checked for each"


async def test_locked_is_locked_for_every_address(identity: IdentityFixture) -> None:
    await identity.sign_up("known@example.com")
    answers = []
    for who, ip in (("known", "192.0.2.1"), ("unknown", "192.0.2.2")):
        for _ in range(5):
            await identity.log_in(f"{who}@example.com", OTHER_PASSWORD, ip=ip)
        answers.append(await works(identity, identity.log_in(f"{who}@example.com", PASSWORD, ip=ip)))
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][2]["retry-after"]) == (429, "30")


# ── bad input ───────────────────────────────────────────────────────────────────────────────────────

BAD_CREDENTIALS: list[tuple[Any, int]] = [
    (b"{", 400),
    (b"", 422),
    (b'"x"', 422),
    ({}, 422),
    ({"email": ANN}, 422),
    ({"email": ANN, "password": PASSWORD, "roles": ["admin"]}, 422),
    ({"email": 7, "password": PASSWORD}, 422),
    ({"email": ANN, "password": None}, 422),
    ({"email": [ANN], "password": PASSWORD}, 422),
    ({"email": "x" * 400 + "@example.com", "password": PASSWORD}, 422),
    ({"email": ANN, "password": "y" * 1025}, 422),
    ({"email": ANN, "password": ""}, 422),
    (b'{"email": "ann@example.com", "password": "\\ud800 lone surrogate"}', 422),
    (b'{"email": "\\ud800@example.com", "password": "correct horse battery"}', 422),
    (b'{"email": "ann@example.com", "password": "\xff\xfe words words"}', 400),
]


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login", "/api/auth/token"])
async def test_bad_credentials_documents_are_refused(identity: IdentityFixture, path: str) -> None:
    for body, status in BAD_CREDENTIALS:
        reply = await identity.client.post(path, body)
        assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json"), body
        assert PASSWORD.encode() not in reply.body


async def test_registering_what_is_no_address_is_refused_and_logging_in_just_fails(
    identity: IdentityFixture,
) -> None:
    for email in ("nonsense", "a@b", "ann@example.com\x00", "ann@example.com\nBcc: x@y.com"):
        assert (await register(identity, email)).status == 422
        assert (await identity.log_in(email)).json["code"] == "bad_login"


async def test_a_bad_password_is_refused_at_registration(identity: IdentityFixture) -> None:
    for password in ("short", "password123", "aaaaaaaaaaaa"):
        reply = await register(identity, ANN, password)
        assert (reply.status, reply.json["code"]) == (422, "invalid")
        assert "password" in reply.json["detail"]


async def test_no_password_is_too_odd_to_be_answered(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for password in ("é" * 500, "\u0000" * 20, "🦊" * 1024, "x" * 1024):
        assert (await identity.log_in(password=password)).json["code"] == "bad_login"
        assert (await register(identity, "bob@example.com", password)).status in {202, 422}


async def test_a_form_from_another_site_is_not_a_login(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    body = b'{"email": "ann@example.com", "password": "correct horse battery"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        reply = await identity.client.call("POST", "/api/auth/login", body, headers={"content-type": kind})
        assert reply.status == 415
        assert "set-cookie" not in reply.headers


async def test_strange_headers_are_no_reason_to_fail(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    reply = await identity.client.call(
        "POST",
        "/api/auth/token",
        {"email": ANN, "password": PASSWORD},
        headers={"user-agent": "\x01\x7f" + "z" * 5000, "x-forwarded-for": "rubbish, '; DROP TABLE"},
    )
    assert reply.status == 200


async def test_the_address_behind_the_gateway_is_the_last_one_named(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in(ip="10.9.9.9, 198.51.100.4")
    [session] = (await identity.tokens.sessions(user_id, 10, "")).items
    assert session.ip == "198.51.100.4"


# ── operators ───────────────────────────────────────────────────────────────────────────────────────


async def test_an_operator_finds_suspends_and_restores_an_account(identity: IdentityFixture) -> None:
    user_id, operator = await identity.sign_up(ANN), await operator_token(identity)
    customer = await access_token(identity)
    listed = (await identity.client.get("/api/admin/users?limit=1&email=ANN@example.com", operator)).json
    assert [item["id"] for item in listed["items"]] == [user_id]
    counted = (await identity.client.get("/api/admin/overview/customers", operator)).json
    assert counted["accounts"] == counted["new_today"] == counted["new_7_days"] > 0
    assert (counted["suspended"], counted["gave_up"]) == (0, 0)
    path = f"/api/admin/users/{user_id}"
    assert (await identity.client.post(f"{path}/suspend", {"reason": "abuse"}, operator)).json[
        "state"
    ] == "suspended"
    assert (await identity.client.get(path, operator)).json["state"] == "suspended"
    await identity.work()
    await identity.apply_revocations()
    assert (await identity.client.get("/api/auth/me", customer)).status == 401
    assert (await identity.log_in()).json["code"] == "account_suspended"
    assert (await identity.client.post(f"{path}/restore", None, operator)).json["state"] == "active"
    assert (await identity.log_in()).status == 200


async def test_accounts_are_counted_once_a_minute_at_most(identity: IdentityFixture) -> None:
    user_id, operator = await identity.sign_up(ANN), await operator_token(identity)

    async def counted() -> dict[str, Any]:
        return (await identity.client.get("/api/admin/overview/customers", operator)).json

    before = await counted()
    reason = {"reason": "abuse"}
    assert (await identity.client.post(f"/api/admin/users/{user_id}/suspend", reason, operator)).status == 200
    assert await counted() == before
    identity.clock.advance(61)
    later = await counted()
    assert (later["accounts"], later["suspended"]) == (before["accounts"], 1)
    assert later["counted_at"] > before["counted_at"]
    # A clock that was set back does not keep what was counted.
    identity.clock.advance(-30)
    assert (await counted())["counted_at"] < later["counted_at"]


async def test_an_operator_gives_and_takes_roles(identity: IdentityFixture) -> None:
    user_id, operator = await identity.sign_up(ANN), await operator_token(identity)
    path = f"/api/admin/users/{user_id}/roles"
    made = await identity.client.call("PUT", path, {"roles": ["support", "customer"]}, operator)
    assert (made.status, made.json["roles"]) == (200, ["customer", "support"])
    support = await access_token(identity)
    assert (await identity.client.get("/api/admin/users", support)).status == 200
    assert (await identity.client.call("PUT", path, {"roles": ["admin"]}, support)).status == 403
    taken = await identity.client.call("PUT", path, {"roles": ["customer"], "reason": "left"}, operator)
    assert taken.json["roles"] == ["customer"]
    await identity.work()
    await identity.apply_revocations()
    assert (await identity.client.get("/api/admin/users", support)).status == 401
    for roles in ([], ["root"], ["customer", "root"], "admin", None):
        assert (await identity.client.call("PUT", path, {"roles": roles}, operator)).status == 422
    me = (await identity.client.get("/api/auth/me", operator)).json["id"]
    own = await identity.client.call("PUT", f"/api/admin/users/{me}/roles", {"roles": ["customer"]}, operator)
    assert (own.status, own.json["code"]) == (409, "conflict")


async def test_everybody_is_told_what_they_may_ask_for(identity: IdentityFixture) -> None:
    user_id, operator = await identity.sign_up(ANN), await operator_token(identity)
    signed_in = (await identity.log_in(path="login")).json["user"]
    mine = (await identity.client.get("/api/auth/me", await access_token(identity))).json["permissions"]
    assert mine == signed_in["permissions"] == sorted(ROLES["customer"])
    everything = (await identity.client.get("/api/auth/me", operator)).json["permissions"]
    assert set(everything) == ROLES["admin"]
    narrow = await identity.tokens.open_session(
        user_id, ClientRef("program", "script", ("auth:read", "keys:read")), roles=["customer"], amr=["pwd"]
    )
    told = (await identity.client.get("/api/auth/me", narrow.access_token)).json
    assert told["permissions"] == ["auth:read"], "neither more than the role, nor more than the token"


async def test_an_operator_signs_a_customer_out_of_one_session_or_of_all(identity: IdentityFixture) -> None:
    ann, operator = await identity.sign_up(ANN), await operator_token(identity)
    for _ in range(3):
        await access_token(identity)
    path, out = f"/api/admin/users/{ann}/sessions", f"/api/admin/users/{ann}/sign-out"
    first, *others = [one["id"] for one in (await identity.client.get(path, operator)).json["items"]]
    reason = {"reason": "a stolen laptop"}
    one = reason | {"session_id": first}
    assert (await identity.client.post(out, one, operator)).status == 204
    assert (await identity.client.post(out, one, operator)).status == 404
    left = [one["id"] for one in (await identity.client.get(path, operator)).json["items"]]
    assert left == others
    assert (await identity.client.post(out, reason, operator)).status == 204
    assert (await identity.client.post(out, reason, operator)).status == 204  # a repeat ends nothing
    assert (await identity.client.get(path, operator)).json["items"] == []
    for bad in ({}, {"reason": ""}, reason | {"session_id": "x"}):
        assert (await identity.client.post(out, bad, operator)).status == 422
    nobody = f"/api/admin/users/{new_id('usr')}/sign-out"
    assert (await identity.client.post(nobody, reason, operator)).status == 404


async def test_support_signs_no_admin_out(identity: IdentityFixture) -> None:
    ann, operator = await identity.sign_up(ANN), await operator_token(identity)
    await identity.service.accounts.set_roles(ann, ["support"], "hired", "usr_operator")
    support = await access_token(identity)
    me = (await identity.client.get("/api/auth/me", operator)).json["id"]
    reason = {"reason": "a joke"}
    refused = await identity.client.post(f"/api/admin/users/{me}/sign-out", reason, support)
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    await identity.apply_revocations()
    assert (await identity.client.get("/api/auth/me", operator)).status == 200
    # But themselves, and who may do as much or less.
    assert (await identity.client.post(f"/api/admin/users/{ann}/sign-out", reason, support)).status == 204


async def test_accounts_are_listed_in_the_order_that_is_asked_for(identity: IdentityFixture) -> None:
    operator = await operator_token(identity)
    for email in ("zoe@example.com", "ann@example.com", "Anna@example.com"):
        await identity.sign_up(email)

    async def listed(query: str) -> list[str]:
        found, cursor = list[str](), ""
        while True:
            path = f"/api/admin/users?limit=2&{query}&cursor={cursor}"
            page = (await identity.client.get(path, operator)).json
            found += [one["email"].partition("@")[0] for one in page["items"]]
            if not (cursor := page["next_cursor"]):
                return found

    assert await listed("") == ["Anna", "ann", "zoe", "operator"]
    assert await listed("sort=created_at") == ["operator", "zoe", "ann", "Anna"]
    assert await listed("sort=email") == ["ann", "Anna", "operator", "zoe"]
    assert await listed("sort=-email") == ["zoe", "operator", "Anna", "ann"]
    suspended = (await identity.client.get("/api/admin/users?q=zoe@", operator)).json["items"][0]["id"]
    await identity.service.accounts.set_state(suspended, "suspended", "abuse", "operator")
    assert (await listed("sort=-state"))[0] == "zoe"
    assert await listed("sort=state&state=active") == ["operator", "ann", "Anna"]
    assert await listed("q=ANN") == ["Anna", "ann"]
    assert await listed(f"q={suspended}") == ["zoe"]
    assert await listed("q=nn") == []
    assert (await identity.client.get("/api/admin/users?sort=password_hash", operator)).status == 422
    foreign = (await identity.client.get("/api/admin/users?limit=1&sort=email", operator)).json["next_cursor"]
    for sort in ("created_at", "state"):
        path = f"/api/admin/users?sort={sort}&cursor={foreign}"
        assert (await identity.client.get(path, operator)).status == 422


async def test_operators_routes_are_closed_to_customers(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    customer = await access_token(identity)
    path = f"/api/admin/users/{user_id}"
    for method, where in [
        ("GET", "/api/admin/users"),
        ("GET", path),
        ("POST", f"{path}/suspend"),
        ("POST", f"{path}/restore"),
        ("PUT", f"{path}/roles"),
    ]:
        for token, status in (("", 401), (customer, 403)):
            reply = await identity.client.call(method, where, {"reason": "x"}, token)
            assert reply.status == status


async def test_an_operator_cannot_suspend_themselves_or_nobody(identity: IdentityFixture) -> None:
    operator = await operator_token(identity)
    me = (await identity.client.get("/api/auth/me", operator)).json["id"]
    body = {"reason": "x"}
    assert (await identity.client.post(f"/api/admin/users/{me}/suspend", body, operator)).status == 409
    assert (await identity.client.post("/api/admin/users/usr_1/suspend", body, operator)).status == 404
    for reason in ("", "x" * 501, "a\x00b", "a\nb"):
        reply = await identity.client.post(f"/api/admin/users/{me}/suspend", {"reason": reason}, operator)
        assert reply.status == 422
    for query in ("limit=0", "state=root", "email=nonsense", "cursor=rubbish"):
        assert (await identity.client.get(f"/api/admin/users?{query}", operator)).status == 422


async def test_a_hundred_logins_at_once_are_answered_each(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    replies = await asyncio.gather(*(identity.log_in(ip=f"10.0.{n}.1") for n in range(100)))
    assert {reply.status for reply in replies} <= {200, 429, 503}
    assert any(reply.status == 200 for reply in replies)
    assert all("retry-after" in reply.headers for reply in replies if reply.status != 200)


async def test_a_browser_that_signs_in_again_leaves_its_old_session(identity: IdentityFixture) -> None:
    await identity.sign_up()
    first = await identity.log_in(path="login")
    cookie = first.headers["set-cookie"].partition("=")[2].partition(";")[0]
    granted = await identity.tokens.exchange_cookie(cookie)
    body = {"email": "ann@example.com", "password": PASSWORD}
    kept = (await identity.log_in(path="token")).json["access_token"]
    for bearer in (granted.access_token, kept, "forged"):
        headers = {"authorization": f"Bearer {bearer}"}
        assert (await identity.client.call("POST", "/api/auth/login", body, headers=headers)).status == 200
        await identity.work()
    with pytest.raises(SessionEnded):
        await identity.tokens.exchange_cookie(cookie)
    assert (await identity.client.get("/api/auth/me", kept)).status == 200, "a program's session is its own"


async def test_a_login_that_fails_leaves_the_old_session(identity: IdentityFixture) -> None:
    await identity.sign_up()
    first = await identity.log_in(path="login")
    cookie = first.headers["set-cookie"].partition("=")[2].partition(";")[0]
    granted = await identity.tokens.exchange_cookie(cookie)
    headers = {"authorization": f"Bearer {granted.access_token}"}
    wrong = {"email": "ann@example.com", "password": "not my password"}
    assert (await identity.client.call("POST", "/api/auth/login", wrong, headers=headers)).status == 401
    await identity.work()
    assert await identity.tokens.exchange_cookie(cookie)
