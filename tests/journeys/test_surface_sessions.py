"""Sessions under attack: other sites' pages, planted cookies, forged and stolen tokens, and ends that must be ends."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import pytest

from tests.kit.business import OPERATOR, Business, Caller, Customer, Reply
from tests.kit.eventually import A_SECOND_S, wait_until

COOKIE = "__Host-sid"


class Browser:
    """A signed-in page: the cookie, and the token that only our pages can read."""

    def __init__(self, business: Business, login: dict[str, str], **headers: str) -> None:
        self.caller = business.caller()
        self.origin = business.url
        self.answer = self.caller.post("/api/auth/login", login, **headers)
        assert self.answer.status == 200
        self.cookie = self.answer.headers["set-cookie"].partition(";")[0]
        self.csrf = self.answer.json["csrf_token"]

    def get(self, path: str) -> Reply:
        return self.caller.get(path, cookie=self.cookie)

    def change(self, **headers: str) -> Reply:
        """Change something, with the headers that the page sends."""
        sent = {"cookie": self.cookie, **headers}
        return self.caller.call("PATCH", "/api/users/me", {"display_name": "changed"}, headers=sent)

    @property
    def proof(self) -> dict[str, str]:
        return {"origin": self.origin, "x_tollway_csrf": self.csrf}


@pytest.fixture
def dora(business: Business) -> Customer:
    """A customer of this test alone."""
    return business.customer()


@pytest.fixture
def page(business: Business, dora: Customer) -> Browser:
    return Browser(business, dora.login)


def ended_after_s(ask: Callable[[], Reply]) -> float:
    """How long it takes until a session is refused."""
    began = monotonic()
    wait_until(lambda: ask().status == 401, 5)
    return monotonic() - began


# ── cookies ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_cookie_is_out_of_reach_of_scripts_and_other_hosts(page: Browser) -> None:
    name_and_value, *attributes = page.answer.headers["set-cookie"].split("; ")
    assert name_and_value.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(attributes)
    assert not [one for one in attributes if one.startswith("Domain")]
    value = name_and_value.partition("=")[2]
    for path in ("/api/auth/me", "/api/auth/sessions", "/api/users/me"):
        assert value not in page.get(path).body.decode()
    assert value not in page.answer.body.decode()
    assert "token" not in {key for key in page.answer.json if key != "csrf_token"}


def test_a_page_of_ours_may_change_things(page: Browser) -> None:
    assert page.get("/api/users/me").status == 200
    assert page.change(**page.proof).status == 200
    assert page.change(sec_fetch_site="same-origin", x_tollway_csrf=page.csrf).status == 200


def test_a_page_of_another_site_may_not(page: Browser) -> None:
    own, csrf = page.origin, page.csrf
    for headers, code in (
        ({}, "foreign_origin"),
        ({"x_tollway_csrf": csrf}, "foreign_origin"),
        ({"origin": own}, "csrf"),
        ({"origin": own, "x_tollway_csrf": ""}, "csrf"),
        ({"origin": own, "x_tollway_csrf": csrf[:-1] + "_"}, "csrf"),
        ({"origin": "https://evil.example", "x_tollway_csrf": csrf}, "foreign_origin"),
        ({"origin": "null", "x_tollway_csrf": csrf}, "foreign_origin"),
        ({"origin": f"{own}.evil.example", "x_tollway_csrf": csrf}, "foreign_origin"),
        ({"sec_fetch_site": "cross-site", "x_tollway_csrf": csrf}, "foreign_origin"),
        ({"sec_fetch_site": "same-site", "x_tollway_csrf": csrf}, "foreign_origin"),
        ({"sec_fetch_site": "none", "x_tollway_csrf": csrf}, "foreign_origin"),
    ):
        reply = page.change(**headers)
        assert (reply.status, reply.code) == (403, code), headers
    assert page.get("/api/users/me").json["display_name"] == ""


def test_anothers_proof_is_no_proof(business: Business, page: Browser, bob: Customer) -> None:
    theirs = Browser(business, bob.login)
    assert page.change(origin=page.origin, x_tollway_csrf=theirs.csrf).code == "csrf"


def test_a_form_cannot_log_anybody_in_or_out(business: Business, page: Browser, nobody: Caller) -> None:
    form = b"email=a%40example.com&password=x"
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        reply = nobody.call("POST", "/api/auth/login", form, headers={"content_type": kind})
        assert (reply.status, "set-cookie" in reply.headers) == (415, False)
    logout = page.caller.call("POST", "/api/auth/logout", headers={"cookie": page.cookie})
    assert logout.status == 403
    assert page.get("/api/auth/me").status == 200


def test_a_planted_cookie_never_becomes_a_session(business: Business, dora: Customer, nobody: Caller) -> None:
    planted = "planted" + "A" * 36
    mine = Browser(business, dora.login, cookie=f"{COOKIE}={planted}")
    assert planted not in mine.cookie
    assert nobody.get("/api/auth/me", cookie=f"{COOKIE}={planted}").status == 401
    again = Browser(business, dora.login, cookie=mine.cookie)
    assert again.cookie != mine.cookie
    # Of two cookies one was planted, so none counts.
    assert nobody.get("/api/auth/me", cookie=f"{mine.cookie}; {again.cookie}").status == 401


def test_a_browser_that_signs_in_again_leaves_its_old_session(
    business: Business, dora: Customer, page: Browser
) -> None:
    again = Browser(business, dora.login, cookie=page.cookie, **page.proof)
    assert again.cookie != page.cookie
    wait_until(lambda: page.get("/api/auth/me").status == 401, 5)
    assert again.get("/api/auth/me").status == 200
    # A foreign page, which has no proof, ends nobody's session by signing somebody in.
    Browser(business, business.customer().login, cookie=again.cookie)
    assert again.get("/api/auth/me").status == 200


@pytest.mark.parametrize("value", ["", "x", "%00", '"', "a" * 300, "../../x", "' OR '1'='1"])
def test_a_guessed_cookie_opens_nothing(value: str, nobody: Caller) -> None:
    assert nobody.get("/api/auth/me", cookie=f"{COOKIE}={value}").status == 401


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────


def _part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def forgeries(token: str) -> Iterator[tuple[str, str]]:
    """Variations of a good token, each of which would be worth something."""
    head, claims, signature = token.split(".")
    known, said = _part(head), _part(claims)
    for name, changed in (
        ("alg none", {**known, "alg": "none"}),
        ("alg None", {**known, "alg": "None"}),
        ("alg HS256", {**known, "alg": "HS256"}),
        ("another key", {**known, "kid": "another"}),
        ("no key", {"alg": "ES256", "typ": "at+jwt"}),
        ("key in the header", {**known, "jwk": {"kty": "EC"}, "jku": "http://127.77.0.1/keys"}),
        ("another type", {**known, "typ": "JWT"}),
        ("critical", {**known, "crit": ["x"], "x": 1}),
    ):
        yield name, f"{_encoded(changed)}.{claims}.{signature}"
        yield f"{name}, unsigned", f"{_encoded(changed)}.{claims}."
    for name, claimed in (
        ("an admin", {**said, "roles": ["admin"]}),
        ("for ever", {**said, "exp": said["exp"] + 10**9}),
        ("somebody else", {**said, "sub": "usr_01m80m8nc0ftc9z34c59pc3yca"}),
    ):
        yield name, f"{head}.{_encoded(claimed)}.{signature}"
    yield "cut", token[:-3]
    yield "two", f"{token}.{token}"
    yield "blank", f"{token} x"
    yield "zeros", f"{head}.{claims}.{'A' * len(signature)}"
    yield "long", "a" * 7_000


def test_a_forged_token_opens_nothing(ann: Customer, nobody: Caller) -> None:
    for name, token in forgeries(ann.caller.token):
        nobody.token = token
        assert nobody.get("/api/auth/me").status == 401, name
    for scheme in ("", "Bearer", "Basic", "Token", "Negotiate"):
        assert nobody.get("/api/auth/me", authorization=f"{scheme} {ann.caller.token[:20]}").status == 401, (
            scheme
        )


def test_a_refresh_token_is_good_for_one_turn(business: Business, dora: Customer, nobody: Caller) -> None:
    def turn(token: str) -> Reply:
        return nobody.post("/api/auth/refresh", {"refresh_token": token})

    first = turn(dora.refresh_token).json["refresh_token"]
    second = turn(first).json["refresh_token"]
    reused = turn(dora.refresh_token)
    assert (reused.status, reused.code) == (401, "token_reused")
    # Whoever holds the newest one may be the thief: it ends too.
    assert turn(second).status == 401
    assert ended_after_s(lambda: dora.caller.get("/api/auth/me")) < 1
    for rubbish in ("", "x", "twr.x.1.x", dora.caller.token, second[:-1], second + "A", "\x00"):
        assert turn(rubbish).status in {401, 422}, rubbish


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_logout_ends_a_browser_s_session(page: Browser) -> None:
    reply = page.caller.call("POST", "/api/auth/logout", headers={"cookie": page.cookie, **page.proof})
    assert reply.status == 204
    assert f'{COOKIE}=""' in reply.headers["set-cookie"]
    assert ended_after_s(lambda: page.get("/api/auth/me")) < 1


def test_logout_ends_a_program_s_session_and_no_other(
    business: Business, dora: Customer, nobody: Caller
) -> None:
    other = nobody.post("/api/auth/token", dora.login).json["access_token"]
    assert dora.caller.post("/api/auth/logout").status == 204
    assert ended_after_s(lambda: dora.caller.get("/api/auth/me")) < 1
    assert nobody.post("/api/auth/refresh", {"refresh_token": dora.refresh_token}).status == 401
    assert business.caller(other).get("/api/auth/me").status == 200


def test_a_new_password_ends_every_other_session(business: Business, dora: Customer, page: Browser) -> None:
    body = {"current_password": dora.login["password"], "new_password": "quite another horse battery"}
    assert dora.caller.post("/api/account/security", body).status == 204
    assert ended_after_s(lambda: page.get("/api/auth/me")) < 1
    assert dora.caller.get("/api/auth/me").status == 200
    assert business.caller().post("/api/auth/token", dora.login).code == "bad_login"


def test_an_address_tells_nobody_whether_it_has_an_account(business: Business, ann: Customer) -> None:
    strange = "nobody-at-all@example.com"
    for path, body in (
        ("/api/auth/register", {"password": "correct horse battery"}),
        ("/api/auth/email/resend", {}),
        ("/api/auth/password/forgot", {}),
        ("/api/auth/token", {"password": "not the password"}),
    ):
        known, unknown = (
            business.caller().post(path, {"email": who, **body}) for who in (ann.email, strange)
        )
        assert known.status == unknown.status, path
        assert _without_ids(known) == _without_ids(unknown), path


def _without_ids(reply: Reply) -> dict[str, Any]:
    return {name: value for name, value in reply.json.items() if name != "correlation_id"}


# ── suspension ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def origin() -> Iterator[tuple[str, int]]:
    """A server on the web that never stops sending."""
    with socket.create_server(("127.77.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_pour, args=(one,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[:2]
        listening.shutdown(socket.SHUT_RDWR)


def _pour(one: socket.socket) -> None:
    with one:
        try:
            while True:
                one.sendall(b"x" * 1_000)
                sleep(0.01)
        except OSError:
            return


def connect(business: Business, access: dict[str, Any], target: tuple[str, int]) -> tuple[int, socket.socket]:
    """CONNECT through the proxy; the status, and the tunnel."""
    host, _, port = business.addresses["http"].partition(":")
    login = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
    where = f"{target[0]}:{target[1]}"
    tunnel = socket.create_connection((host, int(port)), 10)
    tunnel.sendall(
        f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\nProxy-Authorization: Basic {login}\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = tunnel.recv(4_096)
        assert piece, "the proxy closed without an answer"
        answer += piece
    return int(answer.split()[1]), tunnel


def test_a_suspended_customer_is_out_within_a_second(
    business: Business, dora: Customer, page: Browser, operator: Caller, origin: tuple[str, int]
) -> None:
    dora.pay_in("10.00")
    dora.buy()
    access = dora.connect()
    status, tunnel = connect(business, access, origin)
    assert status == 200
    assert tunnel.recv(1_000)
    cut = threading.Event()
    cut_at = [0.0]

    def read() -> None:
        try:
            while tunnel.recv(65_536):
                pass
        except OSError:
            pass
        cut_at[0] = monotonic()
        cut.set()

    threading.Thread(target=read, daemon=True).start()
    suspended = operator.post(f"/api/admin/users/{dora.id}/suspend", {"reason": "fraud"})
    assert (suspended.status, suspended.json["state"]) == (200, "suspended")
    at = monotonic()
    for ask in (lambda: dora.caller.get("/api/auth/me"), lambda: page.get("/api/auth/me")):
        ended_after_s(ask)
        assert monotonic() - at < A_SECOND_S
    assert cut.wait(20)
    assert cut_at[0] - at < A_SECOND_S
    tunnel.close()
    refused, closed = connect(business, access, origin)
    closed.close()
    assert refused in {403, 407}
    nobody = business.caller()
    assert nobody.post("/api/auth/token", dora.login).code == "account_suspended"
    assert nobody.post("/api/auth/login", dora.login).code == "account_suspended"
    assert nobody.post("/api/auth/refresh", {"refresh_token": dora.refresh_token}).status == 401
    restored = operator.post(f"/api/admin/users/{dora.id}/restore", {"reason": "it was a mistake"})
    assert restored.json["state"] == "active"
    assert nobody.post("/api/auth/token", dora.login).status == 200


# ── traces ─────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_are_in_no_log_and_no_record(
    business: Business, dora: Customer, page: Browser, operator: Caller, nobody: Caller
) -> None:
    dora.pay_in("10.00")
    dora.buy()
    access = dora.connect()
    typo = dora.login["password"] + "typo"
    nobody.post("/api/auth/token", {"email": dora.email, "password": typo})
    nobody.call("POST", "/api/auth/token", json.dumps({"password": typo}).encode() + b"}")
    nobody.post("/api/auth/token", {"email": dora.email, "password": [typo]})
    dora.caller.post("/api/account/security", {"current_password": typo, "new_password": typo})
    nobody.get(f"/api/auth/me?access_token={dora.caller.token}")
    nobody.post("/api/auth/refresh", {"refresh_token": dora.refresh_token + "x"})
    page.change(**page.proof)
    connect(business, access, ("127.77.0.1", 1))[1].close()
    secrets = {
        "password": dora.login["password"],
        "operator's password": OPERATOR["password"],
        "access token": dora.caller.token,
        "its signature": dora.caller.token.rpartition(".")[2],
        "refresh token": dora.refresh_token.rpartition(".")[2],
        "cookie": page.cookie.partition("=")[2],
        "proof": page.csrf,
        "proxy password": access["password"],
    }
    sleep(0.5)  # the access log is written a few times a second
    record = operator.get("/api/admin/audit?limit=200").body.decode()
    assert dora.id in record
    for name, secret in secrets.items():
        assert secret not in business.log, f"the log shows the {name}"
        assert secret not in record, f"the audit trail shows the {name}"


def test_every_way_in_and_out_is_recorded(business: Business, dora: Customer, operator: Caller) -> None:
    stranger = business.caller()
    stranger.post("/api/auth/token", {"email": dora.email, "password": "not the password"})
    dora.caller.post("/api/auth/logout")

    def topics() -> set[str]:
        entries = operator.get(f"/api/admin/audit?subject={dora.id}&limit=200").json["items"]
        return {entry["topic"] for entry in entries}

    known = {"USER_REGISTERED", "EMAIL_VERIFIED", "USER_LOGGED_IN", "LOGIN_FAILED", "SESSION_REVOKED"}
    wait_until(lambda: known <= topics())
    operator.post("/api/admin/audit/verify")
    wait_until(lambda: operator.get("/api/admin/audit/verify").json["state"] == "done")
    assert operator.get("/api/admin/audit/verify").json["verdict"]["ok"]
