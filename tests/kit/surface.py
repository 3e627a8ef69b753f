"""The whole REST surface as data, read from the routes themselves, so that a new route is attacked the day it appears.

Each route comes with its policy and, where it takes a body, with one good example (`EXAMPLES`) that an attack then
spoils in one place. `gap` fills the gaps of a path.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.kit.business import ASSET
from tollway.fabric.rest.docs import DOCUMENT
from tollway.fabric.rest.policy import RoutePolicy, policies
from tollway.topology.routers import routers

NOBODYS_ID = "0" * 26
OPENAPI: dict[str, Any] = json.loads(DOCUMENT.read_text())

EXAMPLES: dict[str, dict[str, Any]] = {
    "POST /api/access/connections/end": {"ids": [f"flw_{NOBODYS_ID}"]},
    "POST /api/access/resources": {
        "asset": ASSET,
        "label": "laptop",
        "max_flows": 3,
        "rate_limit_bytes_s": "1000",
    },
    "PATCH /api/access/resources/{resource_id}": {
        "label": "phone",
        "max_flows": 2,
        "rate_limit_bytes_s": "0",
    },
    "POST /api/access/resources/{resource_id}/credentials": {"label": "phone"},
    "POST /api/access/resources/{resource_id}/credentials/{credential_id}/rotate": {"grace_s": 60},
    "PUT /api/access/resources/{resource_id}/policy": {
        "blocked_domains": ["ads.example.com"],
        "blocked_ports": [25],
    },
    "POST /api/account/deletion": {"current_password": "not mine", "forfeit": False},
    "POST /api/account/email": {"email": "ann@new.example", "current_password": "not mine"},
    "POST /api/account/security": {
        "current_password": "not mine",
        "new_password": "battery staple horse",
        "keep_credentials": True,
    },
    "POST /api/admin/capacity": {"asset": ASSET, "quantity": "1000000000"},
    "PATCH /api/admin/catalog/plans/{plan_id}": {"active": True},
    "PATCH /api/admin/catalog/products/{asset}": {
        "name": "Bandwidth",
        "description": "Traffic",
        "tier": "standard",
        "min_units": "1000000",
        "max_units": "10000000000000",
        "validity_s": 0,
        "active": True,
    },
    "POST /api/admin/catalog/plans": {"asset": ASSET, "quantity": "3000000000"},
    "POST /api/admin/catalog/products": {
        "asset": "bandwidth.datacenter.other",
        "name": "Another",
        "description": "Traffic",
        "tier": "standard",
        "protocols": ["http"],
        "prices": {"USD": "3.00"},
        "validity_s": 0,
        "active": False,
        "lot_units": "1000000000",
        "min_units": "1000000",
        "max_units": "10000000000000",
    },
    "POST /api/admin/connections/{connection_id}/end": {"reason": "a scan of ports"},
    "POST /api/admin/credentials/{credential_id}/revoke": {"reason": "it was published"},
    "POST /api/admin/corrections": {
        "user_id": f"usr_{NOBODYS_ID}",
        "currency": "USD",
        "direction": "credit",
        "amount": "1.00",
        "reason": "a call",
    },
    "POST /api/admin/deposits/{deposit_id}/refund": {"amount": "1.00", "reason": "asked for"},
    "POST /api/admin/deposits/{deposit_id}/resolve": {"outcome": "dismiss", "reason": "it never arrived"},
    "PATCH /api/admin/prices": {
        "asset": ASSET,
        "currency": "USD",
        "list_price": "3.00",
        "reason": "dearer traffic",
    },
    "POST /api/admin/resources/{resource_id}/resume": {"reason": "it is fine"},
    "POST /api/admin/resources/{resource_id}/stop": {"reason": "abuse"},
    "POST /api/admin/users/{user_id}/notes": {"text": "called about an invoice"},
    "POST /api/admin/users/{user_id}/restore": {"reason": "it is fine"},
    "POST /api/admin/users/{user_id}/suspend": {"reason": "fraud"},
    "POST /api/admin/users/{user_id}/sign-out": {
        "reason": "a stolen laptop",
        "session_id": f"ses_{NOBODYS_ID}",
    },
    "PUT /api/admin/users/{user_id}/roles": {"roles": ["customer"], "reason": "left the team"},
    "POST /api/auth/deletion/undo": {"token": "x"},
    "POST /api/auth/email/change": {"token": "x"},
    "POST /api/auth/email/refuse": {"token": "x"},
    "POST /api/auth/email/resend": {"email": "nobody@example.com"},
    "POST /api/auth/email/verify": {"token": "x", "password": "battery staple horse"},
    "POST /api/auth/login": {
        "email": "nobody@example.com",
        "password": "correct horse battery",
        "keep_account": False,
    },
    "POST /api/auth/password/forgot": {"email": "nobody@example.com"},
    "POST /api/auth/password/reset": {"token": "x", "new_password": "battery staple horse"},
    "POST /api/auth/refresh": {"refresh_token": "x"},
    "POST /api/auth/register": {"email": "nobody@example.com", "password": "correct horse battery"},
    "POST /api/auth/sessions/end": {"keep_current": True},
    "POST /api/auth/token": {
        "email": "nobody@example.com",
        "password": "correct horse battery",
        "keep_account": False,
    },
    "POST /api/billing/calculate-price": {"asset": ASSET, "quantity": "1000000000", "currency": "USD"},
    "POST /api/billing/payment-methods": {"payment_method": "pm_card_visa", "provider": "mock"},
    "POST /api/notifications/settings": {"email": {"receipts": True}},
    "POST /api/orders": {"asset": ASSET, "quantity": "1000000", "currency": "USD", "max_price": "1.00"},
    "POST /api/orders/quote": {"asset": ASSET, "quantity": "1000000000", "currency": "USD", "side": "buy"},
    "POST /api/proxy/connect": {"asset": ASSET, "location": "direct", "protocol": "http", "label": "laptop"},
    "POST /api/proxy/test": {"resource_id": f"res_{NOBODYS_ID}", "location": "direct"},
    "POST /api/transactions": {
        "to_user_id": f"usr_{NOBODYS_ID}",
        "asset": ASSET,
        "amount": "1",
        "note": "hello",
    },
    "PATCH /api/users/me": {"display_name": "Ann", "locale": "en", "time_zone": "UTC"},
    "PUT /api/users/me/preferences": {"preferences": {"theme": "dark"}},
    "POST /api/wallet/deposit": {
        "amount": "5.00",
        "currency": "USD",
        "payment_method": "pm_card_visa",
        "provider": "mock",
    },
}

# What ends the session of whoever succeeds: everybody who tries it is somebody of their own.
ENDS_SESSION = {"POST /api/auth/sessions/end"}

# What excludes another field of the example: a deposit by card and one by page, a password and a public key.
NOT_IN_EXAMPLE = {"to_email", "address", "checkout", "quote_id", "kind", "payment", "public_key", "schedule"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    policy: RoutePolicy

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def public(self) -> bool:
        return self.policy.permission == "public"

    @property
    def is_admins(self) -> bool:
        return self.policy.owner == "any"

    @property
    def gaps(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @cached_property
    def described(self) -> dict[str, Any]:
        return OPENAPI["paths"].get(self.path, {}).get(self.method.lower(), {})

    @property
    def takes_body(self) -> bool:
        return "requestBody" in self.described

    @property
    def needs_key(self) -> bool:
        """Whether it moves money, and so takes an Idempotency-Key."""
        return any(one["name"] == "idempotency-key" for one in self.described.get("parameters", ()))

    @property
    def example(self) -> dict[str, Any]:
        return EXAMPLES[self.name]

    @cached_property
    def fields(self) -> dict[str, dict[str, Any]]:
        """The properties of the body, by name."""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        if "anyOf" in schema:  # the body may be left out
            schema = schema["anyOf"][0]
        return OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]

    def address(self, **ids: str) -> str:
        """The path with its gaps filled; what is not given gets an id that nobody has."""
        return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1]) or gap(found[1]), self.path)


def gap(name: str) -> str:
    """An id of the right form that belongs to nobody."""
    prefix = {
        "session_id": "ses",
        "user_id": "usr",
        "account_id": "acc",
        "transaction_id": "txn",
        "order_id": "ord",
        "deposit_id": "dep",
        "method_id": "pmt",
        "resource_id": "res",
        "credential_id": "crd",
        "connection_id": "flw",
        "export_id": "exp",
        "test_id": "tst",
    }
    plain = {"asset": ASSET, "provider": "stripe", "kid": "nobodys", "plan_id": "nobodys"}
    return plain.get(name) or f"{prefix[name]}_{NOBODYS_ID}"


def _routes() -> Iterator[Route]:
    for (method, path), declared in policies(routers().values()).items():
        yield Route(method, path, declared)


_ALL = tuple(_routes())
ROUTES = tuple(route for route in _ALL if route.policy.kind != "websocket")
WEBSOCKETS = tuple(route for route in _ALL if route.policy.kind == "websocket")
WITH_BODY = tuple(route for route in ROUTES if route.takes_body)


def types_of(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema admits."""
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in types_of(one)}
    if "$ref" in schema:
        return types_of(OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {schema.get("type", "string")}


def of_wrong_type(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Values of every JSON type that the schema does not admit."""
    known = types_of(schema)
    for kind, value in (
        ("string", "x"),
        ("boolean", True),
        ("integer", 7),
        ("number", 1.5),
        ("array", []),
        ("object", {}),
        ("null", None),
    ):
        if kind not in known:
            yield value


def amount_kind(route: Route, field: str) -> str:
    """`money`, `units`, or nothing: what an amount field is measured in, and with `-or-zero` when 0 is good."""
    if (route.path, field) == ("/api/transactions", "amount"):
        return "units"  # as the asset of the example is
    schema = route.fields[field]
    pattern = next((one["pattern"] for one in (schema, *schema.get("anyOf", ())) if "pattern" in one), "")
    if "[0-9]{0,12}" in pattern:
        return "money"
    if "[0-9]{0,18}" in pattern:
        return "units-or-zero" if pattern.startswith("^(0|") else "units"
    return ""


_NO_NUMBERS: tuple[Any, ...] = (
    *("", " 1", "1 ", "+1", "1e3", "0x10", "1_000", "1,000", "01", "NaN", "Infinity", "one", "1\n"),
    *("\u0661\u0662", "\uff11\uff12", "99999999999999999999999"),
    *(7, 1.5, -1, True, [], {}),
)
BAD_AMOUNTS: dict[str, tuple[Any, ...]] = {
    "units": ("-1", "0", "-0", "1.5", "1.0", "9223372036854775808", *_NO_NUMBERS),
    "units-or-zero": ("-1", "1.5", "1.0", "9223372036854775808", *_NO_NUMBERS),
    "money": (
        "-1.00",
        "0",
        "0.00",
        "0.0000001",
        "9223372036854.775808",
        ".5",
        "5.",
        "1.0000000",
        *_NO_NUMBERS,
    ),
}
