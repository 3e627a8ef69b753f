"""Who may do what: the whole table, and two customers who try to reach into each other's things.

A new route fails here until it has its line in the table; one that names somebody's thing (`{id}`) fails until `THINGS`
says how to come by one.
"""

from collections.abc import Callable

import pytest

from tests.kit.business import Business, Caller, Customer, fresh_key
from tests.kit.eventually import wait_until
from tests.kit.surface import EXAMPLES, ROUTES, WEBSOCKETS, Route
from tollway.topology import roles

# permission, whose things, and the routes
TABLE: dict[tuple[str, str], str] = {
    ("public", "public"): """
        GET /.well-known/jwks.json
        GET /.well-known/openid-configuration
        POST /api/auth/register
        POST /api/auth/email/verify
        POST /api/auth/email/resend
        POST /api/auth/login
        POST /api/auth/token
        POST /api/auth/refresh
        POST /api/auth/password/forgot
        POST /api/auth/password/reset
        POST /api/auth/email/change
        POST /api/auth/email/refuse
        POST /api/auth/deletion/undo
        GET /api/catalog/assets
        GET /api/catalog/assets/{asset}
        GET /api/catalog/plans
        GET /api/catalog/locations
        GET /api/catalog/prices
        GET /api/billing/plans
        GET /payments/return
        POST /api/billing/calculate-price
        POST /api/billing/webhooks/{provider}
    """,
    ("auth:read", "self"): """
        GET /api/auth/me
        GET /api/auth/sessions
        GET /api/account/security
        GET /api/account/deletion
    """,
    ("auth:write", "self"): """
        POST /api/auth/logout
        POST /api/auth/sessions/end
        DELETE /api/auth/sessions/{session_id}
        POST /api/account/email
        POST /api/account/deletion
        POST /api/account/security
    """,
    ("profile:read", "self"): """
        GET /api/users/me
        GET /api/users/me/preferences
        GET /api/account/exports
        GET /api/account/exports/{export_id}
    """,
    ("profile:write", "self"): """
        PATCH /api/users/me
        PUT /api/users/me/preferences
        POST /api/account/export
    """,
    ("wallet:read", "self"): """
        GET /api/accounts
        GET /api/analytics/cost-analysis
        GET /api/accounts/{account_id}/statement
        GET /api/wallet/deposits
        GET /api/wallet/deposits/{deposit_id}
    """,
    ("wallet:write", "self"): """
        POST /api/wallet/deposit
    """,
    ("transactions:read", "self"): """
        GET /api/transactions
        GET /api/transactions/export
        GET /api/transactions/{transaction_id}
    """,
    ("transactions:write", "self"): """
        POST /api/transactions
    """,
    ("orders:read", "self"): """
        GET /api/orders
        GET /api/orders/{order_id}
        GET /api/billing/orders
        GET /api/portfolio
    """,
    ("orders:write", "self"): """
        POST /api/orders/quote
        POST /api/orders
        DELETE /api/orders/{order_id}
    """,
    ("billing:read", "self"): """
        GET /api/billing/payment-methods
    """,
    ("billing:write", "self"): """
        POST /api/billing/payment-methods
        DELETE /api/billing/payment-methods/{method_id}
    """,
    ("access:read", "self"): """
        GET /api/proxy/status
        GET /api/proxy/config
        GET /api/proxy/locations
        GET /api/proxy/test/{test_id}
        GET /api/access/resources
        GET /api/access/resources/{resource_id}
        GET /api/access/resources/{resource_id}/policy
        GET /api/access/connections
    """,
    ("access:write", "self"): """
        POST /api/proxy/connect
        POST /api/proxy/disconnect
        POST /api/proxy/test
        POST /api/access/connections/end
        POST /api/access/resources
        PATCH /api/access/resources/{resource_id}
        PUT /api/access/resources/{resource_id}/policy
        DELETE /api/access/resources/{resource_id}
        POST /api/access/resources/{resource_id}/activate
        POST /api/access/resources/{resource_id}/deactivate
        POST /api/access/resources/{resource_id}/credentials
        POST /api/access/resources/{resource_id}/credentials/{credential_id}/rotate
        DELETE /api/access/resources/{resource_id}/credentials/{credential_id}
    """,
    ("dashboard:read", "self"): """
        GET /api/dashboard
    """,
    ("usage:read", "self"): """
        GET /api/usage/stats
        GET /api/usage/monthly
        GET /api/usage/records
        GET /api/usage/live
        GET /api/analytics/usage-trends
        GET /api/analytics/targets
        GET /api/analytics/export
    """,
    ("notifications:read", "self"): """
        GET /api/notifications
        GET /api/notifications/settings
    """,
    ("notifications:write", "self"): """
        POST /api/notifications/settings
    """,
    ("users:read", "any"): """
        GET /api/admin/users
        GET /api/admin/overview/customers
        GET /api/admin/users/{user_id}
    """,
    ("users:manage", "any"): """
        POST /api/admin/users/{user_id}/suspend
        POST /api/admin/users/{user_id}/restore
        PUT /api/admin/users/{user_id}/roles
    """,
    ("books:read", "any"): """
        GET /api/admin/ledger/accounts
        GET /api/admin/ledger/accounts/{account_id}/statement
        GET /api/admin/ledger/transactions
        GET /api/admin/ledger/verification
        GET /api/admin/overview/books
    """,
    ("books:manage", "any"): """
        POST /api/admin/ledger/verification
    """,
    ("wallets:read", "any"): """
        GET /api/admin/users/{user_id}/accounts
        GET /api/admin/users/{user_id}/transactions
        GET /api/admin/transactions/{transaction_id}
    """,
    ("sales:read", "any"): """
        GET /api/admin/orders
        GET /api/admin/overview/sales
        GET /api/admin/prices/preview
        GET /api/admin/capacity/preview
        GET /api/admin/orders/{order_id}
    """,
    ("sessions:read", "any"): """
        GET /api/admin/users/{user_id}/sessions
    """,
    ("gateway:read", "any"): """
        GET /api/admin/gateway
        GET /api/admin/gateway/routes
    """,
    ("notes:read", "any"): """
        GET /api/admin/users/{user_id}/notes
    """,
    ("notes:manage", "any"): """
        POST /api/admin/users/{user_id}/notes
    """,
    ("sessions:manage", "any"): """
        POST /api/admin/users/{user_id}/sign-out
    """,
    ("messages:read", "any"): """
        GET /api/admin/users/{user_id}/messages
    """,
    ("deposits:read", "any"): """
        GET /api/admin/deposits
        GET /api/admin/overview/payments
        GET /api/admin/debts
    """,
    ("deposits:manage", "any"): """
        POST /api/admin/deposits/{deposit_id}/resolve
    """,
    ("corrections:read", "any"): """
        GET /api/admin/corrections
    """,
    ("corrections:manage", "any"): """
        POST /api/admin/corrections
        POST /api/admin/deposits/{deposit_id}/refund
    """,
    ("products:read", "any"): """
        GET /api/admin/catalog/products
        GET /api/admin/catalog/plans
    """,
    ("products:manage", "any"): """
        POST /api/admin/catalog/products
        PATCH /api/admin/catalog/products/{asset}
        POST /api/admin/catalog/plans
        PATCH /api/admin/catalog/plans/{plan_id}
    """,
    ("keys:read", "any"): """
        GET /api/admin/keys
    """,
    ("keys:manage", "any"): """
        POST /api/admin/keys/rotate
        DELETE /api/admin/keys/{kid}
    """,
    ("nodes:read", "any"): """
        GET /api/admin/nodes
    """,
    ("resources:read", "any"): """
        GET /api/admin/users/{user_id}/resources
    """,
    ("traffic:read", "any"): """
        GET /api/admin/users/{user_id}/usage
        GET /api/admin/users/{user_id}/connections
        GET /api/admin/connections
    """,
    ("connections:manage", "any"): """
        POST /api/admin/connections/{connection_id}/end
    """,
    ("credentials:manage", "any"): """
        POST /api/admin/credentials/{credential_id}/revoke
    """,
    ("resources:manage", "any"): """
        POST /api/admin/resources/{resource_id}/stop
        POST /api/admin/resources/{resource_id}/resume
    """,
    ("audit:read", "any"): """
        GET /api/admin/audit
        GET /api/admin/audit/verify
    """,
    ("audit:manage", "any"): """
        POST /api/admin/audit/verify
    """,
    ("prices:manage", "any"): """
        PATCH /api/admin/prices
    """,
    ("capacity:manage", "any"): """
        POST /api/admin/capacity
    """,
}


def _first(path: str, field: str = "id") -> Callable[[Caller], str]:
    return lambda owner: str(owner.get(path).json["items"][0][field])


def _export(owner: Caller) -> str:
    """Have a file of one's own data made, and wait until it is."""
    asked = str(owner.post("/api/account/export").json["id"])
    wait_until(
        lambda: all(one["state"] == "ready" for one in owner.get("/api/account/exports").json["items"])
    )
    return asked


def _test(owner: Caller) -> str:
    """Have a connection test of one's own."""
    resource = owner.get("/api/access/resources").json["items"][0]["id"]
    test_id = str(owner.post("/api/proxy/test", {"resource_id": resource}).json["id"])
    wait_until(lambda: owner.get(f"/api/proxy/test/{test_id}").json["state"] != "running", timeout_s=60)
    return test_id


# How somebody's own id for each gap is found.
THINGS: dict[str, Callable[[Caller], str]] = {
    "session_id": _first("/api/auth/sessions"),
    "account_id": _first("/api/accounts"),
    "transaction_id": _first("/api/transactions", "transaction_id"),
    "order_id": _first("/api/orders"),
    "deposit_id": _first("/api/wallet/deposits"),
    "method_id": _first("/api/billing/payment-methods"),
    "resource_id": _first("/api/access/resources"),
    "export_id": _export,
    "test_id": _test,
    "credential_id": lambda owner: str(
        owner.get("/api/access/resources").json["items"][0]["credentials"][0]["id"]
    ),
}
OWN = tuple(route for route in ROUTES if route.policy.owner == "self")
OF_SOMEBODY = tuple(route for route in OWN if route.gaps)


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.strip().splitlines()}


def test_every_route_has_its_line_in_the_table_and_no_other() -> None:
    declared: dict[tuple[str, str], set[str]] = {}
    for route in (*ROUTES, *WEBSOCKETS):
        declared.setdefault((route.policy.permission, route.policy.owner), set()).add(route.name)
    assert declared == {rule: lines(text) for rule, text in TABLE.items()}


def test_reading_changes_nothing_and_changing_leaves_a_trace() -> None:
    for route in ROUTES:
        reads = route.method == "GET"
        assert reads == (not route.policy.audit), route.name
        if not route.public:
            verbs = (":read",) if reads else (":write", ":manage")
            assert route.policy.permission.endswith(verbs), route.name


def test_a_role_may_do_what_the_roles_below_it_may() -> None:
    table = roles()
    assert table["customer"] < table["support"] < table["admin"]
    staffs = {route.policy.permission for route in ROUTES if route.policy.owner == "any"}
    assert not table["customer"] & staffs
    assert table["support"] & staffs == {
        "users:read", "wallets:read", "sales:read", "deposits:read", "corrections:read", "products:read",
        "nodes:read", "audit:read", "resources:read", "traffic:read", "connections:manage", "credentials:manage",
        "sessions:read", "sessions:manage", "messages:read", "books:read", "books:manage", "audit:manage",
        "notes:read", "notes:manage", "gateway:read",
    }  # fmt: skip
    assert table["admin"] >= staffs
    for route in ROUTES:
        staff_only = route.policy.owner == "any"
        assert route.policy.granted_to(["customer"], table) == (not staff_only and not route.public), (
            route.name
        )
        assert not route.policy.granted_to([], table), route.name
        assert not route.policy.granted_to(["root", "Admin", ""], table), route.name


def test_everything_that_belongs_to_somebody_can_be_tried() -> None:
    assert {gap for route in OF_SOMEBODY for gap in route.gaps} <= set(THINGS)


@pytest.fixture(scope="module")
def anns(ann: Customer) -> dict[str, str]:
    """Ann's own ids, each good for her."""
    return {gap: find(ann.caller) for gap, find in THINGS.items()}


@pytest.mark.parametrize("route", OF_SOMEBODY, ids=lambda route: route.name)
def test_what_is_anothers_is_as_if_it_were_not(
    route: Route, ann: Customer, bob: Customer, anns: dict[str, str]
) -> None:
    before = _what_routes_may_change(ann, anns)
    body, key = EXAMPLES.get(route.name), fresh_key() if route.needs_key else ""
    others = bob.caller.call(route.method, route.address(**anns), body, key=key)
    nobodys = bob.caller.call(route.method, route.address(), body, key=key)
    assert (others.status, others.code) == (nobodys.status, nobodys.code) == (404, "not_found")
    # Not even the sentence tells the two apart.
    assert _without(others.json["detail"], anns) == _without(nobodys.json["detail"], anns)
    assert _what_routes_may_change(ann, anns) == before


def _what_routes_may_change(ann: Customer, anns: dict[str, str]) -> list[object]:
    sessions = {one["id"] for one in ann.caller.get("/api/auth/sessions").json["items"]}
    paths = ("/api/access/resources", "/api/billing/payment-methods", f"/api/orders/{anns['order_id']}")
    return [sessions, *(ann.caller.get(path).json for path in paths)]


def _without(detail: str, ids: dict[str, str]) -> str:
    words = detail.split()
    return " ".join(word for word in words if word not in ids.values() and "_0000" not in word)


@pytest.mark.parametrize(
    "route", [one for one in OF_SOMEBODY if one.method == "GET"], ids=lambda route: route.name
)
def test_the_owner_sees_it(route: Route, ann: Customer, anns: dict[str, str]) -> None:
    assert ann.caller.get(route.address(**anns)).status == 200


@pytest.mark.parametrize(
    "route", [one for one in OWN if one.method == "GET" and not one.gaps], ids=lambda route: route.name
)
def test_a_list_shows_only_ones_own(route: Route, ann: Customer, bob: Customer, anns: dict[str, str]) -> None:
    shown = bob.caller.get(route.address())
    assert shown.status == 200
    for secret in (*anns.values(), ann.id, ann.email):
        assert secret not in shown.body.decode()
    # A filter or a field of the query opens no window either.
    for parameter in route.described.get("parameters", ()):
        if parameter["name"].endswith("_id"):
            filtered = bob.caller.get(f"{route.address()}?{parameter['name']}={anns[parameter['name']]}")
            if route.policy.kind == "stream":
                assert filtered.body.count(b"\n") == 1, "a file of nothing has its heading alone"
            else:
                assert filtered.json["items"] == []
    assert bob.caller.get(f"{route.address()}?user_id={ann.id}").body.decode().find(ann.id) < 0


def test_anothers_cursor_shows_nothing_of_theirs(ann: Customer, bob: Customer, anns: dict[str, str]) -> None:
    page = ann.caller.get("/api/transactions?limit=1").json
    assert page["next_cursor"]
    shown = bob.caller.get(f"/api/transactions?limit=1&cursor={page['next_cursor']}")
    assert (shown.status, shown.json["items"]) == (200, [])


def test_anothers_quote_and_card_cannot_be_used(ann: Customer, bob: Customer, anns: dict[str, str]) -> None:
    wanted = {"asset": "bandwidth.datacenter.standard", "quantity": "1000000", "currency": "USD"}
    quote = ann.caller.post("/api/orders/quote", wanted).json["id"]
    assert bob.caller.post("/api/orders", {"quote_id": quote}, fresh_key()).status == 404
    deposit = {"amount": "5.00", "payment_method": anns["method_id"]}
    assert bob.caller.post("/api/wallet/deposit", deposit, fresh_key()).status == 404
    assert ann.caller.post("/api/orders", {"quote_id": quote}, fresh_key()).status == 201


def test_roles_and_owners_cannot_be_written(ann: Customer, bob: Customer) -> None:
    for body in ({"roles": ["admin"]}, {"user_id": ann.id}, {"display_name": "x", "state": "active"}):
        assert bob.caller.call("PATCH", "/api/users/me", body).status == 422
    assert bob.caller.get("/api/auth/me").json["roles"] == ["customer"]


def test_the_operator_sees_everybody(business: Business, operator: Caller, ann: Customer) -> None:
    assert operator.get(f"/api/admin/users/{ann.id}").json["email"] == ann.email
    found = operator.get(f"/api/admin/users?email={ann.email}").json["items"]
    assert [one["id"] for one in found] == [ann.id]
    # But not as if they were their own.
    assert operator.get(f"/api/orders/{THINGS['order_id'](ann.caller)}").status == 404
