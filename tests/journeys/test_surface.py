"""Every route of the API against clients that are nobody, careless or hostile.

The routes come from the registry. Each answer is also held to `check_manners`: never a failure of ours, every refusal a
whole problem document, nothing from the inside.
"""

import json
from typing import Any

import pytest

from tests.kit.business import Business, Caller, Customer, Reply, fresh_key
from tests.kit.surface import (
    BAD_AMOUNTS,
    ENDS_SESSION,
    EXAMPLES,
    NOT_IN_EXAMPLE,
    OPENAPI,
    ROUTES,
    WITH_BODY,
    Route,
    amount_kind,
    of_wrong_type,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def named(route: Route) -> str:
    return route.name


def every(routes: tuple[Route, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=named)


def who_may(route: Route, business: Business, ann: Customer, operator: Caller) -> Caller:
    """Somebody who is let in, from a fresh address where guesses are counted."""
    if route.name in ENDS_SESSION:
        return business.customer().caller
    token = operator.token if route.is_admins else ann.caller.token
    if route.policy.limit == "login":
        return business.caller(token)
    return operator if route.is_admins else ann.caller


def send(caller: Caller, route: Route, body: Any, **headers: str) -> Reply:
    key = fresh_key() if route.needs_key else ""
    return caller.call(route.method, route.address(), body, key=key, headers=headers)


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────


@every(tuple(route for route in ROUTES if not route.public))
def test_without_a_token_nothing_but_the_way_in_is_told(route: Route, nobody: Caller) -> None:
    body = EXAMPLES.get(route.name)
    for token in ("", "x", "a.b.c"):
        nobody.token = token
        reply = send(nobody, route, body)
        assert (reply.status, reply.code) == (401, "unauthenticated")
        assert reply.headers["www-authenticate"].startswith("Bearer")
    nobody.token = ""
    assert send(nobody, route, b"{").status == 401


@every(tuple(route for route in ROUTES if route.is_admins))
def test_a_customer_is_no_operator(route: Route, ann: Customer) -> None:
    reply = send(ann.caller, route, EXAMPLES.get(route.name))
    assert (reply.status, reply.code) == (403, "forbidden")


@every(tuple(route for route in ROUTES if route.public and route.method == "GET"))
def test_what_is_public_is_shown_to_everybody_alike(route: Route, nobody: Caller, ann: Customer) -> None:
    address = route.address() + (
        "?asset=" + "bandwidth.datacenter.standard" if route.path.endswith("/prices") else ""
    )
    shown = nobody.get(address)
    assert shown.status == 200
    assert ann.caller.get(address).body == shown.body
    nobody.token = "no.good.token"
    assert nobody.get(address).body == shown.body


# ── how ─────────────────────────────────────────────────────────────────────────────────────────────


@every(ROUTES)
def test_a_wrong_method_is_refused_with_the_right_ones(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    known = {other.method for other in ROUTES if other.path == route.path}
    # The address /orders/quote could also be that of an order: GET looks for one, and finds none.
    shadowed = {other.method for other in ROUTES if other.gaps and _covers(other.path, route.path)}
    caller = who_may(route, business, ann, operator)
    for method in set(METHODS) - with_head(known | shadowed):
        reply = caller.call(method, route.address())
        assert reply.status == 405, f"{method} {route.path}: {reply.body!r}"
        assert method == "HEAD" or reply.code == "method_not_allowed"
        assert set(reply.headers["allow"].split(", ")) == with_head(known)


def with_head(methods: set[str]) -> set[str]:
    return methods | {"HEAD"} if "GET" in methods else methods


def _covers(pattern: str, path: str) -> bool:
    parts, others = pattern.split("/"), path.split("/")
    return len(parts) == len(others) and all(
        a == b or a.startswith("{") for a, b in zip(parts, others, strict=True)
    )


@every(tuple(route for route in ROUTES if route.method == "GET"))
def test_head_is_get_without_its_body(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    shown, head = caller.get(route.address()), caller.call("HEAD", route.address())
    assert (head.status, head.body) == (shown.status, b"")
    assert head.headers["content-type"] == shown.headers["content-type"]
    if "content-length" not in shown.headers:
        assert route.policy.kind == "stream"
        assert "content-length" not in head.headers
        return
    # Lengths may differ by a clock's or an id's digits only.
    assert abs(int(head.headers["content-length"]) - len(shown.body)) < 40


def test_every_body_has_an_example_of_all_its_fields() -> None:
    assert set(EXAMPLES) == {route.name for route in WITH_BODY}
    for route in WITH_BODY:
        assert set(route.example) | NOT_IN_EXAMPLE >= set(route.fields), route.name


def test_every_route_is_described() -> None:
    assert [route.path for route in ROUTES if not route.described and route.policy.content == "api"] == []


@every(WITH_BODY)
def test_a_good_example_is_understood(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    """Otherwise the attacks below would be refused for another reason than the one they are about."""
    reply = send(who_may(route, business, ann, operator), route, route.example)
    assert reply.status not in {400, 413, 415} or reply.code in {"bad_signature"}, reply.body
    assert reply.status != 422 or reply.code == "link_invalid", reply.body


NOT_JSON: tuple[bytes, ...] = (
    *(
        b"{",
        b" ",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} {"b": 2}',
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"\x00",
    ),
    *(b"a=b", b"<a/>", b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}"),
)


@every(WITH_BODY)
def test_malformed_json_is_400(route: Route, business: Business, ann: Customer, operator: Caller) -> None:
    caller = who_may(route, business, ann, operator)
    for body in NOT_JSON:
        reply = send(caller, route, body, content_type="application/json")
        assert (reply.status, reply.code) == (400, "malformed"), body[:40]
    # No body at all: some may be left out.
    reply = send(caller, route, b"", content_type="application/json")
    assert reply.status in {200, 201, 204, 404, 409, 422}


@every(WITH_BODY)
def test_json_of_another_shape_is_422(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    for body in ([], 7, "text", True, [route.example], {"": ""}, {"body": route.example}):
        reply = send(caller, route, body)
        assert (reply.status, reply.code) == (422, "invalid"), body
        assert reply.fields, body


@every(WITH_BODY)
def test_only_json_is_read(route: Route, business: Business, ann: Customer, operator: Caller) -> None:
    caller = who_may(route, business, ann, operator)
    body = json.dumps(route.example).encode()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "x",
    ):
        reply = send(caller, route, body, content_type=kind)
        assert (reply.status, reply.code) == (415, "unsupported_media_type"), kind
    reply = send(caller, route, b"{", content_type="application/json; charset=utf-8")
    assert reply.status == 400


# ── what ────────────────────────────────────────────────────────────────────────────────────────────


@every(WITH_BODY)
def test_an_unknown_field_is_refused_by_name(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    for field in ("surprise", "user_id", "roles", "state", "__proto__", "x" * 5_000):
        reply = send(caller, route, {**route.example, field: "admin"})
        assert (reply.status, reply.code) == (422, "invalid"), field
        assert field[:200] in reply.fields
        assert len(reply.body) < 3_000


@every(WITH_BODY)
def test_a_wrong_type_is_refused_by_name(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    for field, schema in route.fields.items():
        for value in of_wrong_type(schema):
            reply = send(caller, route, {**route.example, field: value})
            assert (reply.status, reply.code) == (422, "invalid"), (field, value)
            assert any(one.split(".")[0] == field for one in reply.fields), (field, value, reply.fields)


@every(WITH_BODY)
def test_a_missing_field_is_refused_by_name(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    schema = (
        route.described["requestBody"]["content"]["application/json"]["schema"]
        .get("$ref", "/")
        .rpartition("/")[2]
    )
    for field in OPENAPI["components"]["schemas"].get(schema, {}).get("required", ()):
        reply = send(caller, route, {name: value for name, value in route.example.items() if name != field})
        assert (reply.status, field in reply.fields) == (422, True), field


ODD_TEXT = (
    "a\x00b",
    "\x00",
    "a\r\nX-Header: 1",
    "\x7f",
    "\x1b[31m",
    "x" * 2_000,
    "\u202egnp.exe",
    "' OR '1'='1",
    "../../x",
)


@every(WITH_BODY)
def test_odd_text_breaks_nothing(route: Route, business: Business, ann: Customer, operator: Caller) -> None:
    caller = who_may(route, business, ann, operator)
    for field, value in route.example.items():
        if not isinstance(value, str):
            continue
        bodies = [json.dumps({**route.example, field: odd}).encode() for odd in ODD_TEXT]
        bodies.append(
            json.dumps({**route.example, field: "SURROGATE"}).replace("SURROGATE", r"\ud800").encode()
        )
        for body in bodies:
            reply = send(caller, route, body)
            assert reply.status in {200, 201, 202, 204, 401, 403, 404, 409, 422, 429}, (field, body[:80])


AMOUNTS: list[Any] = [
    pytest.param(route, field, kind, id=f"{route.name} {field}")
    for route in WITH_BODY
    for field in route.fields
    if (kind := amount_kind(route, field))
]


def test_the_amounts_are_found() -> None:
    assert len(AMOUNTS) >= 9
    looks_like_one = {"amount", "quantity", "price", "max_price", "list_price", "rate_limit_bytes_s"}
    looks_like_one |= {"lot_units", "min_units", "max_units"}
    found = {(route.values[0].name, route.values[1]) for route in AMOUNTS}
    assert {
        (route.name, field) for route in WITH_BODY for field in route.fields if field in looks_like_one
    } == found


@pytest.fixture(scope="module")
def payer(business: Business) -> Customer:
    """Somebody with money, of whom no other test starts a payment that is credited later."""
    one = business.customer()
    one.pay_in("50.00")
    one.buy()
    return one


@pytest.mark.parametrize(("route", "field", "kind"), AMOUNTS)
def test_an_amount_is_a_plain_positive_number_or_nothing_happens(
    route: Route, field: str, kind: str, business: Business, payer: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, payer, operator)
    before = payer.caller.get("/api/accounts").json
    for amount in BAD_AMOUNTS[kind]:
        reply = send(caller, route, {**route.example, field: amount})
        assert (reply.status, reply.code) == (422, "invalid"), amount
        assert field in reply.fields, (amount, reply.body)
    assert payer.caller.get("/api/accounts").json == before


# ── which ───────────────────────────────────────────────────────────────────────────────────────────

QUERIES: list[Any] = [
    pytest.param(route, one, id=f"{route.name} {one['name']}")
    for route in ROUTES
    for one in route.described.get("parameters", ())
    if one["in"] == "query"
]
ODD_QUERIES = (
    "%00",
    "a%00b",
    "%FF",
    "%ED%A0%80",
    "%0d%0aX:1",
    "%F0%9F%98%80",
    "-1",
    "1e9",
    "9" * 40,
    "x" * 3_000,
    "*",
    "%27--",
)


def test_every_text_of_a_query_has_its_form() -> None:
    """Free text reaches a database: PostgreSQL takes no NUL, and an index no novel."""
    read_elsewhere = {"cursor", "since", "until", "email"}  # each is parsed as a whole
    for one in QUERIES:
        parameter = one.values[1]
        kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
        free = [
            kind for kind in kinds if kind.get("type") == "string" and not {"pattern", "enum"} & set(kind)
        ]
        assert not free or parameter["name"] in read_elsewhere, one.id


@pytest.mark.parametrize(("route", "parameter"), QUERIES)
def test_odd_queries_are_refused_by_name_or_find_nothing(
    route: Route, parameter: dict[str, Any], business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    account = ann.caller.get("/api/accounts").json["items"][0]["id"]
    needed = {"asset": "bandwidth.datacenter.standard", "list_price": "2.20", "quantity": "1"}
    others = "".join(f"&{name}={value}" for name, value in needed.items() if name != parameter["name"])
    for value in ODD_QUERIES:
        reply = caller.get(f"{route.address(account_id=account)}?{parameter['name']}={value}{others}")
        if reply.status == 422:
            # A parameter that may come several times is named with its place: session_id.0
            named = {field.partition(".")[0] for field in reply.fields}
            assert parameter["name"] in named, (value, reply.body)
        else:
            assert reply.status in {200, 404}, (value, reply.body)


@every(tuple(route for route in ROUTES if route.gaps))
def test_what_cannot_be_an_id_is_no_such_thing(
    route: Route, business: Business, ann: Customer, operator: Caller
) -> None:
    caller = who_may(route, business, ann, operator)
    for gap in route.gaps:
        for odd in (
            "x",
            "*",
            "0",
            "-1",
            "%20",
            "%F0%9F%98%80",
            "%FF",
            "null",
            "x" * 2_000,
            "usr_",
            "' OR 1=1"[:1],
        ):
            reply = caller.call(route.method, route.address(**{gap: odd}), EXAMPLES.get(route.name))
            assert (reply.status, reply.code) == (404, reply.code), odd
            assert reply.code in {"not_found", "unknown_asset"}
