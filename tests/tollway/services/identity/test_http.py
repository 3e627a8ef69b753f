"""Accounts and logins over REST."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, World
from tests.kit.rest import Reply
from tollway.contracts.errors import SessionEnded
from tollway.services.identity.service.passwords import Passwords

ANN = "ann@example.com"


async def register(town: World, email: str, password: str = PASSWORD) -> Reply:
    return await town.client.post("/api/auth/register", {"email": email, "password": password})


async def access_token(town: World, email: str = ANN) -> str:
    return (await town.log_in(email)).json["access_token"]


async def operator_token(town: World) -> str:
    await town.service.people.ensure_operator("operator@tollway.test", PASSWORD)
    return await access_token(town, "operator@tollway.test")


# ── a customer's story ──────────────────────────────────────────────────────────────────────────────


async def test_a_customer_registers_verifies_signs_in_and_out(town: World) -> None:
    assert (await register(town, ANN)).status == 202
    early = await town.log_in()
    assert (early.status, early.json["code"]) == (403, "email_not_verified")
    token = await town.mail_token("verify_email")
    assert (await town.client.post("/api/auth/email/verify", {"token": token})).status == 204
    again = await town.client.post("/api/auth/email/verify", {"token": token})
    assert (again.status, again.json["code"]) == (422, "link_invalid")

    reply = await town.log_in()
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("Bearer", 300)
    access = reply.json["access_token"]
    me = await town.client.get("/api/auth/me", access)
    assert (me.json["email"], me.json["email_verified"], me.json["roles"]) == (ANN, True, ["customer"])
    assert me.json["created_at"] == "2026-11-22T00:00:00.000000Z"

    assert (await town.client.post("/api/auth/logout", token=access)).status == 204
    await town.hear_revocations()
    assert (await town.client.get("/api/auth/me", access)).status == 401
    body = {"refresh_token": reply.json["refresh_token"]}
    assert (await town.client.post("/api/auth/refresh", body)).json["code"] == "session_ended"


async def test_a_browser_gets_a_cookie_that_no_script_and_no_other_site_can_use(town: World) -> None:
    await town.sign_up(ANN)
    reply = await town.log_in(path="login")
    name, _, rest = reply.headers["set-cookie"].partition("=")
    value, *flags = rest.split("; ")
    assert name == "__Host-sid"
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]
    assert len(value) == 43, "256 random bits"
    assert value.encode() not in reply.body
    assert set(reply.json) == {"user", "csrf_token"}
    granted = await town.tokens.exchange_cookie(value)
    assert granted.csrf_token == reply.json["csrf_token"]
    other = await town.log_in(path="login")
    assert value not in other.headers["set-cookie"], "every login has an id of its own"


async def test_a_password_is_forgotten_reset_and_changed(town: World) -> None:
    await town.sign_up(ANN)
    assert (await town.client.post("/api/auth/password/forgot", {"email": ANN})).status == 202
    token = await town.mail_token("password_reset")
    body = {"token": token, "new_password": OTHER_PASSWORD}
    assert (await town.client.post("/api/auth/password/reset", body)).status == 204
    assert (await town.client.post("/api/auth/password/reset", body)).json["code"] == "link_invalid"

    access = (await town.log_in(password=OTHER_PASSWORD)).json["access_token"]
    town.clock.advance(60)
    wrong = {"current_password": PASSWORD, "new_password": "a third set of words"}
    assert (await town.client.post("/api/account/security", wrong, access)).status == 403
    right = {"current_password": OTHER_PASSWORD, "new_password": "a third set of words"}
    assert (await town.client.post("/api/account/security", right, access)).status == 204
    shown = (await town.client.get("/api/account/security", access)).json
    assert shown == {
        "email": ANN,
        "email_verified": True,
        "password_changed_at": "2026-11-22T00:01:00.000000Z",
    }


# ── nobody learns who has an account ────────────────────────────────────────────────────────────────


class Counting(Passwords):
    """Counts the expensive work, which is what a stopwatch would see."""

    done = 0

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        self.done += 1
        return await super()._run(work, *args)


async def works(town: World, ask: Awaitable[Reply]) -> tuple[int, Any, dict[str, str], int]:
    passwords = town.service.passwords
    passwords.__class__ = Counting
    before = passwords.done
    reply = await ask
    body = {k: v for k, v in reply.json.items() if k != "correlation_id"}
    return reply.status, body, reply.headers, passwords.done - before


async def test_registering_answers_the_same_for_every_address(town: World) -> None:
    await town.sign_up("known@example.com")
    await register(town, "waiting@example.com")
    answers = [
        await works(town, register(town, f"{who}@example.com")) for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 202


@pytest.mark.parametrize("path", ["password/forgot", "email/resend"])
async def test_asking_for_a_mail_answers_the_same_for_every_address(town: World, path: str) -> None:
    await town.sign_up("known@example.com")
    await register(town, "waiting@example.com")
    answers = [
        await works(town, town.client.post(f"/api/auth/{path}", {"email": f"{who}@example.com"}))
        for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 202


@pytest.mark.parametrize("path", ["login", "token"])
async def test_a_wrong_login_answers_the_same_for_every_address(town: World, path: str) -> None:
    await town.sign_up("known@example.com")
    await register(town, "waiting@example.com")
    await town.log_in("warm@example.com")
    answers = [
        await works(town, town.log_in(f"{who}@example.com", OTHER_PASSWORD, path=path))
        for who in ("known", "waiting", "unknown")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0], answers[0][1]["code"]) == (401, "bad_login")
    assert answers[0][3] == 1, "a password is checked for each"


async def test_locked_is_locked_for_every_address(town: World) -> None:
    await town.sign_up("known@example.com")
    answers = []
    for who, ip in (("known", "192.0.2.1"), ("unknown", "192.0.2.2")):
        for _ in range(5):
            await town.log_in(f"{who}@example.com", OTHER_PASSWORD, ip=ip)
        answers.append(await works(town, town.log_in(f"{who}@example.com", PASSWORD, ip=ip)))
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
async def test_bad_credentials_documents_are_refused(town: World, path: str) -> None:
    for body, status in BAD_CREDENTIALS:
        reply = await town.client.post(path, body)
        assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json"), body
        assert PASSWORD.encode() not in reply.body


async def test_registering_what_is_no_address_is_refused_and_logging_in_just_fails(town: World) -> None:
    for email in ("nonsense", "a@b", "ann@example.com\x00", "ann@example.com\nBcc: x@y.com"):
        assert (await register(town, email)).status == 422
        assert (await town.log_in(email)).json["code"] == "bad_login"


async def test_a_bad_password_is_refused_at_registration(town: World) -> None:
    for password in ("short", "password123", "aaaaaaaaaaaa"):
        reply = await register(town, ANN, password)
        assert (reply.status, reply.json["code"]) == (422, "invalid")
        assert "password" in reply.json["detail"]


async def test_no_password_is_too_odd_to_be_answered(town: World) -> None:
    await town.sign_up(ANN)
    for password in ("é" * 500, "\u0000" * 20, "🦊" * 1024, "x" * 1024):
        assert (await town.log_in(password=password)).json["code"] == "bad_login"
        assert (await register(town, "bob@example.com", password)).status in {202, 422}


async def test_a_form_from_another_site_is_not_a_login(town: World) -> None:
    await town.sign_up(ANN)
    body = b'{"email": "ann@example.com", "password": "correct horse battery"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        reply = await town.client.call("POST", "/api/auth/login", body, headers={"content-type": kind})
        assert reply.status == 415
        assert "set-cookie" not in reply.headers


async def test_strange_headers_are_no_reason_to_fail(town: World) -> None:
    await town.sign_up(ANN)
    reply = await town.client.call(
        "POST",
        "/api/auth/token",
        {"email": ANN, "password": PASSWORD},
        headers={"user-agent": "\x01\x7f" + "z" * 5000, "x-forwarded-for": "rubbish, '; DROP TABLE"},
    )
    assert reply.status == 200


async def test_the_address_behind_the_gateway_is_the_last_one_named(town: World) -> None:
    user_id = await town.sign_up(ANN)
    await town.log_in(ip="10.9.9.9, 198.51.100.4")
    [session] = (await town.tokens.sessions(user_id, 10, "")).items
    assert session.ip == "198.51.100.4"


# ── operators ───────────────────────────────────────────────────────────────────────────────────────


async def test_an_operator_finds_suspends_and_restores_an_account(town: World) -> None:
    user_id, operator = await town.sign_up(ANN), await operator_token(town)
    customer = await access_token(town)
    listed = (await town.client.get("/api/admin/users?limit=1&email=ANN@example.com", operator)).json
    assert [item["id"] for item in listed["items"]] == [user_id]
    path = f"/api/admin/users/{user_id}"
    assert (await town.client.post(f"{path}/suspend", {"reason": "abuse"}, operator)).json[
        "state"
    ] == "suspended"
    assert (await town.client.get(path, operator)).json["state"] == "suspended"
    await town.work()
    await town.hear_revocations()
    assert (await town.client.get("/api/auth/me", customer)).status == 401
    assert (await town.log_in()).json["code"] == "account_suspended"
    assert (await town.client.post(f"{path}/restore", None, operator)).json["state"] == "active"
    assert (await town.log_in()).status == 200


async def test_operators_routes_are_closed_to_customers(town: World) -> None:
    user_id = await town.sign_up(ANN)
    customer = await access_token(town)
    path = f"/api/admin/users/{user_id}"
    for method, where in [
        ("GET", "/api/admin/users"),
        ("GET", path),
        ("POST", f"{path}/suspend"),
        ("POST", f"{path}/restore"),
    ]:
        for token, status in (("", 401), (customer, 403)):
            reply = await town.client.call(method, where, {"reason": "x"}, token)
            assert reply.status == status


async def test_an_operator_cannot_suspend_themselves_or_nobody(town: World) -> None:
    operator = await operator_token(town)
    me = (await town.client.get("/api/auth/me", operator)).json["id"]
    body = {"reason": "x"}
    assert (await town.client.post(f"/api/admin/users/{me}/suspend", body, operator)).status == 409
    assert (await town.client.post("/api/admin/users/usr_1/suspend", body, operator)).status == 404
    for reason in ("", "x" * 501, "a\x00b", "a\nb"):
        reply = await town.client.post(f"/api/admin/users/{me}/suspend", {"reason": reason}, operator)
        assert reply.status == 422
    for query in ("limit=0", "state=root", "email=nonsense", "cursor=rubbish"):
        assert (await town.client.get(f"/api/admin/users?{query}", operator)).status == 422


async def test_a_hundred_logins_at_once_are_answered_each(town: World) -> None:
    await town.sign_up(ANN)
    replies = await asyncio.gather(*(town.log_in(ip=f"10.0.{n}.1") for n in range(100)))
    assert {reply.status for reply in replies} <= {200, 429, 503}
    assert any(reply.status == 200 for reply in replies)
    assert all("retry-after" in reply.headers for reply in replies if reply.status != 200)


async def test_a_browser_that_signs_in_again_leaves_its_old_session(town: World) -> None:
    await town.sign_up()
    first = await town.log_in(path="login")
    cookie = first.headers["set-cookie"].partition("=")[2].partition(";")[0]
    granted = await town.tokens.exchange_cookie(cookie)
    body = {"email": "ann@example.com", "password": PASSWORD}
    kept = (await town.log_in(path="token")).json["access_token"]
    for bearer in (granted.access_token, kept, "forged"):
        headers = {"authorization": f"Bearer {bearer}"}
        assert (await town.client.call("POST", "/api/auth/login", body, headers=headers)).status == 200
        await town.work()
    with pytest.raises(SessionEnded):
        await town.tokens.exchange_cookie(cookie)
    assert (await town.client.get("/api/auth/me", kept)).status == 200, "a program's session is its own"


async def test_a_login_that_fails_leaves_the_old_session(town: World) -> None:
    await town.sign_up()
    first = await town.log_in(path="login")
    cookie = first.headers["set-cookie"].partition("=")[2].partition(";")[0]
    granted = await town.tokens.exchange_cookie(cookie)
    headers = {"authorization": f"Bearer {granted.access_token}"}
    wrong = {"email": "ann@example.com", "password": "not my password"}
    assert (await town.client.call("POST", "/api/auth/login", wrong, headers=headers)).status == 401
    await town.work()
    assert await town.tokens.exchange_cookie(cookie)
