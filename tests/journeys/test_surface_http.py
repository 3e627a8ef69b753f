"""The gateway and the services behind it against HTTP that is too big, too fast, crooked or nosy."""

import json
import re
import socket

import pytest

from tests.kit.business import DEFAULT_QUOTA, LOGIN_QUOTA, Business, Caller, Customer
from tests.kit.smuggling import HEADERS
from tests.kit.surface import OPENAPI

KIBIBYTE = 1024

# ── addresses ───────────────────────────────────────────────────────────────────────────────────────

# Spelled oddly, and still the customer's own profile: one address, one policy.
SAME = (
    "//api/users/me",
    "/api//users///me",
    "/api/./users/me",
    "/api/x/../users/me",
    "/api/%75sers/me",
    "/api/users/me?x=%00",
)
# No safe form at all.
CROOKED = (
    *(
        "/..",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/..%2fadmin",
        "/api/users%2fme",
        "/api/users%5cme",
    ),
    *(
        "/api/users/me%00",
        "/api/users/me%0d%0aX-Role:%20admin",
        "/api/users/%",
        "/api/users/%zz",
        "/api\\users\\me",
    ),
)
NOWHERE = (
    *(
        "/",
        "/api",
        "/api/",
        "/api/users/me/",
        "/api/users/me;a=b",
        "/API/users/me",
        "/api/users/m",
        "/api/users/mee",
    ),
    *(
        "/metrics",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/.env",
        "/.git/config",
        "/admin",
        "/debug",
        "/server-status",
    ),
    *(
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/",
        "/api/auth",
        "/api/admin",
        "/api/billing",
        "/api/%75sers/me/x",
    ),
)


@pytest.mark.parametrize("path", SAME)
def test_an_odd_spelling_is_the_same_address(path: str, ann: Customer, nobody: Caller) -> None:
    assert ann.caller.get(path).json["user_id"] == ann.id
    assert nobody.get(path).status == 401


@pytest.mark.parametrize("path", CROOKED)
def test_an_address_without_a_safe_form_is_refused(path: str, ann: Customer) -> None:
    reply = ann.caller.get(path)
    assert (reply.status, reply.code) == (400, "malformed")
    assert reply.json["instance"] == path.partition("?")[0]


@pytest.mark.parametrize("path", NOWHERE)
def test_nothing_is_nothing_for_everybody(path: str, ann: Customer) -> None:
    reply = ann.caller.get(path)
    assert (reply.status, reply.code) == (404, "not_found")
    assert "location" not in reply.headers


@pytest.mark.parametrize(
    "path",
    ["/api/catalog/../admin/users", "/api/auth/login/../../admin/users", "/.well-known/../api/admin/users"],
)
def test_a_public_beginning_opens_no_other_api(path: str, nobody: Caller, ann: Customer) -> None:
    assert nobody.get(path).status == 401
    assert ann.caller.get(path).status == 403


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "PROPFIND", "QUERY", "LINK", "FOO", "get", "CONNECT"])
def test_no_other_methods_are_known(method: str, ann: Customer) -> None:
    for path in ("/api/users/me", "/api/catalog/assets", "/nowhere"):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.caller.token}\r\n\r\n"
        assert ann.caller.raw(head.encode()).status in {400, 405, 501}


# ── sizes ───────────────────────────────────────────────────────────────────────────────────────────


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, "Host: tollway.test", *headers, "", ""]).encode()


def test_a_body_over_the_limit_is_413(nobody: Caller, ann: Customer) -> None:
    for caller in (nobody, ann.caller):
        reply = caller.call("POST", "/api/auth/token", b'{"email": "' + b"x" * (1 << 20) + b'"}')
        assert (reply.status, reply.code) == (413, "too_large")
    reply = ann.caller.call("PUT", "/api/users/me/preferences", b" " * ((1 << 20) + 1))
    assert reply.status == 413
    assert nobody.raw(head("POST /api/auth/token HTTP/1.1", "Content-Length: 999999999999")).status == 413


def test_a_body_that_hides_its_size_is_413_all_the_same(nobody: Caller) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    start = head(
        "POST /api/auth/token HTTP/1.1", "Transfer-Encoding: chunked", "Content-Type: application/json"
    )
    assert nobody.raw(start + chunk * 20).status == 413


def test_just_below_the_limit_is_read(nobody: Caller) -> None:
    body = b'{"email": "' + b"x" * ((1 << 20) - 100) + b'"}'
    reply = nobody.call("POST", "/api/auth/email/resend", body)
    assert (reply.status, reply.fields) == (422, {"email"})
    assert len(reply.body) < 2_000


def test_a_long_address_is_414_and_long_headers_431(nobody: Caller) -> None:
    assert nobody.raw(head(f"GET /api/catalog/assets?x={'a' * 9 * KIBIBYTE} HTTP/1.1")).status == 414
    long = head("GET /api/catalog/assets HTTP/1.1", f"X: {'a' * 9 * KIBIBYTE}")
    many = head("GET /api/catalog/assets HTTP/1.1", *[f"X-{n}: a" for n in range(500)])
    wide = head("GET /api/catalog/assets HTTP/1.1", *[f"X-{n}: {'a' * 4 * KIBIBYTE}" for n in range(8)])
    for data in (long, many, wide):
        assert nobody.raw(data).status == 431


@pytest.mark.parametrize("name", HEADERS)
def test_what_two_servers_could_read_differently_is_read_by_none(name: str, nobody: Caller) -> None:
    status, lines = HEADERS[name]
    reply = nobody.raw(b"POST /api/auth/token HTTP/1.1\r\n" + lines + b"\r\n{}")
    assert (reply.status, reply.headers["connection"]) == (status, "close")


def test_rubbish_costs_one_connection(business: Business, nobody: Caller, ann: Customer) -> None:
    for rubbish in (
        b"\x00" * 64 * KIBIBYTE,
        b"\x16\x03\x01" + b"\xff" * 500,
        b"\r\n" * 5_000,
        b"GET",
        b"A" * 64 * KIBIBYTE,
    ):
        with socket.create_connection(nobody.address, 5, (nobody.source, 0)) as sock:
            sock.sendall(rubbish)
            sock.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda sock=sock: sock.recv(65_536), b""))
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:80]
    assert ann.caller.get("/api/users/me").status == 200


# ── speed ───────────────────────────────────────────────────────────────────────────────────────────


def test_guessing_is_slowed_down(business: Business) -> None:
    guesser = business.caller()
    guess = {"email": "ann@example.com", "password": "guess"}
    # A guess is forgotten every second, and a busy machine answers few in that time.
    replies = (guesser.post("/api/auth/token", guess) for _ in range(5 * LOGIN_QUOTA))
    last = next(reply for reply in replies if reply.code == "too_many_requests")
    assert last.status == 429
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert last.headers["ratelimit-policy"] == f'"login";q={LOGIN_QUOTA};w=60'
    assert re.fullmatch(r'"login";r=0;t=\d+', last.headers["ratelimit"])
    # It helps neither to change the service API nor to name another address.
    for path in ("/api/auth/login", "/api/auth/password/forgot", "/api/auth/register"):
        assert guesser.post(path, guess, x_forwarded_for="203.0.113.9", x_real_ip="203.0.113.9").status == 429
    assert business.caller().post("/api/auth/token", guess).status in {401, 429}
    assert business.caller().get("/api/catalog/assets").status == 200


def test_an_account_under_attack_is_locked_for_strangers_and_not_for_its_owner(business: Business) -> None:
    victim = business.customer()
    cookies = business.caller().post("/api/auth/login", victim.login).headers["set-cookie"]
    device = re.findall(r"__Host-device=[^;]+", cookies)[0]
    guess = {"email": victim.email, "password": "guess"}

    # One network has five tries; then it waits, whatever it brings.
    guesser = business.caller()
    guesses = [guesser.post("/api/auth/token", guess) for _ in range(7)]
    assert [(one.status, one.code) for one in guesses] == [(401, "bad_login")] * 5 + [
        (429, "account_locked")
    ] * 2
    assert 1 <= int(guesses[-1].headers["retry-after"]) <= 30
    assert guesser.post("/api/auth/token", victim.login).code == "account_locked"

    # All networks that the account never signed in from have twenty; then every stranger waits.
    strangers = [business.caller().post("/api/auth/token", guess) for _ in range(17)]
    assert [one.code for one in strangers] == ["bad_login"] * 15 + ["account_locked"] * 2
    newcomer = business.caller().post("/api/auth/token", victim.login)
    assert (newcomer.status, newcomer.code) == (429, "account_locked")
    assert int(newcomer.headers["retry-after"]) >= 1

    # The owner goes on: in a browser that is known, from a network that is known, and who is in stays in.
    assert business.caller().post("/api/auth/login", victim.login, cookie=device).status == 200
    assert victim.caller.get("/api/auth/me").status == 200
    assert victim.caller.post("/api/auth/token", victim.login).status == 200


def test_too_fast_is_429_with_the_time_to_wait(business: Business) -> None:
    # The quota is refilled meanwhile: on a slow machine a few more than it would all get through.
    count = 2 * DEFAULT_QUOTA
    hasty = business.caller()
    with socket.create_connection(hasty.address, 20, (hasty.source, 0)) as sock:
        request = b"GET /api/users/me HTTP/1.1\r\nHost: x\r\n\r\n"
        sock.sendall(request * (count - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = b"".join(iter(lambda: sock.recv(1 << 20), b""))
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", answers)
    assert len(statuses) == count
    assert set(statuses) == {b"401", b"429"}
    refused = answers[answers.index(b"HTTP/1.1 429") :].partition(b"\r\n\r\n")[0].decode().lower()
    assert "retry-after: 1" in refused
    assert f'ratelimit-policy: "default";q={DEFAULT_QUOTA};w=3' in refused
    assert 'ratelimit: "default";r=0;' in refused
    assert business.caller().get("/api/catalog/assets").status == 200


def test_every_answer_says_how_much_is_left(ann: Customer) -> None:
    first, second = (ann.caller.get("/api/users/me").headers for _ in range(2))
    for headers in (first, second):
        assert headers["ratelimit-policy"] == f'"default";q={DEFAULT_QUOTA};w=3'
        assert re.fullmatch(r'"default";r=\d+;t=\d+', headers["ratelimit"])
        assert "retry-after" not in headers


# ── what is said about it ───────────────────────────────────────────────────────────────────────────


def test_every_answer_guards_the_browser(ann: Customer, nobody: Caller) -> None:
    replies = [
        ann.caller.get("/api/users/me"),
        ann.caller.get("/api/orders/x"),
        nobody.get("/api/users/me"),
        nobody.get("/api/docs"),
        nobody.get("/health"),
        nobody.get("/nowhere"),
        nobody.get("/%"),
        nobody.raw(b"nonsense\r\n\r\n"),
    ]
    for reply in replies:
        headers = reply.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert not {"server", "x-powered-by", "access-control-allow-origin"} & set(headers)
    for reply in replies[:-1]:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
    assert ann.caller.get("/api/users/me").headers["cache-control"] == "no-store"


def test_a_foreign_page_is_told_nothing(nobody: Caller, ann: Customer) -> None:
    evil = {"origin": "https://evil.example", "access_control_request_method": "POST"}
    for path in ("/api/users/me", "/api/catalog/assets", "/api/auth/login"):
        preflight = nobody.call("OPTIONS", path, headers=evil)
        assert (preflight.status, preflight.code) == (403, "foreign_origin")
        for origin in ("https://evil.example", "null", "http://localhost"):
            assert not [
                name
                for name in ann.caller.get(path, origin=origin).headers
                if name.startswith("access-control")
            ]


def test_only_the_token_says_who_somebody_is(nobody: Caller, ann: Customer, operator: Caller) -> None:
    claimed = {
        "x_user_id": ann.id,
        "x_tollway_user": ann.id,
        "x_auth_request_user": "operator",
        "x_forwarded_user": ann.id,
        "x_original_url": "/api/admin/users",
        "x_rewrite_url": "/api/admin/users",
        "x_http_method_override": "DELETE",
        "forwarded": "for=127.0.0.1;proto=https",
        "cookie": f"user_id={ann.id}; role=admin",
    }
    assert nobody.get("/api/users/me", **claimed).status == 401
    assert ann.caller.get("/api/users/me", **{**claimed, "x_user_id": "usr_1"}).json["user_id"] == ann.id
    two = head(
        "GET /api/users/me HTTP/1.1",
        f"Authorization: Bearer {ann.caller.token}",
        f"Authorization: Bearer {operator.token}",
    )
    assert nobody.raw(two).status == 400


def test_a_correlation_id_goes_through_and_a_bad_one_does_not(ann: Customer) -> None:
    reply = ann.caller.get("/api/orders/x", x_correlation_id="my-own-42")
    assert reply.headers["x-correlation-id"] == reply.json["correlation_id"] == "my-own-42"
    for bad in ("a b", "x" * 65, '"quoted"', "{}"):
        reply = ann.caller.get("/api/orders/x", x_correlation_id=bad)
        assert reply.json["correlation_id"].startswith("req_")


def test_the_description_is_the_one_that_is_committed(nobody: Caller) -> None:
    assert nobody.get("/api/openapi.json").json == OPENAPI


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=99999999-", "bytes=x", "x", "bytes=" + "0-1," * 500])
def test_nobody_is_served_in_slices(asked: str, nobody: Caller) -> None:
    for path in ("/api/openapi.json", "/api/docs", "/api/catalog/assets"):
        reply = nobody.get(path, range=asked)
        assert (reply.status, reply.body) == (200, nobody.get(path).body)


def test_a_log_line_cannot_be_forged(business: Business, nobody: Caller) -> None:
    agent = 'x", "level": "error", "event": "all is lost'
    nobody.get("/api/catalog/assets?secret=hunter2hunter2", user_agent=agent)
    nobody.get("/api/nothing%0a{}", user_agent="\x1b[2J\t")
    nobody.raw(b"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: a\xff\xc3\x28b\r\n\r\n")
    lines = [json.loads(line) for line in business.log.splitlines() if line.startswith("{")]
    assert not [line for line in lines if line.get("event") == "all is lost"]
    assert "hunter2hunter2" not in business.log
    strange = [line for line in business.log.splitlines() if not line.startswith("{")]
    assert not strange, strange[:3]
