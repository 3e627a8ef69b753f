"""Whatever changes something leaves an entry in the record, under the name of who did it.

An operator's deed stands under the operator's name, not under that of the customer it was done to.
"""

import json
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kit.business import ASSET, Business, Caller, Customer, Reply, fresh_key
from tests.kit.eventually import wait_until
from tests.kit.surface import ROUTES

# What changes nothing that anybody could ask about later.
LEAVES_NOTHING = {
    "catalog:price:calculate",  # a sum
    "orders:quote:create",  # an offer, which ends by itself; an order names it
    "payments:webhook:receive",  # a provider's message: what follows from it has entries of its own
}
# What a fresh and healthy platform has no occasion for, and the test that looks at the event.
ELSEWHERE = {
    "access:connection:close": "tests/tollway/services/access/service/test_connections.py",
    "access:connection:end": "tests/tollway/services/access/test_http.py",
    "auth:key:rotate": "tests/tollway/services/tokens/service/test_keys.py",
    "orders:order:cancel": "tests/tollway/services/orders/service/test_orders.py",
    "payments:deposit:resolve": "tests/journeys/test_money_back.py",
}


class Recorder:
    """Makes calls that must succeed, and keeps which audit tag each had and who made it."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self._tags = {(route.method, route.path): route.policy.audit for route in ROUTES}

    def __call__(
        self,
        who: str,
        caller: Caller,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        **gaps: str,
    ) -> Reply:
        reply = caller.call(method, path.format(**gaps), body, key=key)
        assert reply.status < 300, f"{method} {path}: {reply.status} {reply.body!r}"
        self.done[self._tags[method, path]] = who
        return reply


@pytest.mark.timeout(240)
def test_every_change_leaves_an_entry_that_names_who_did_it(business: Business) -> None:
    record = Recorder()
    operator = business.operator()
    me = operator.get("/api/auth/me").json["id"]
    ann = business.customer()
    ann.pay_in("30.00")
    _account(business, record)
    _money(record, ann, business.customer().id)
    _access(record, ann)
    _operator(record, operator, me, ann, business.customer().id)
    _sessions(record, ann)

    tags = {route.policy.audit for route in ROUTES if route.policy.audit}
    left_out = tags - record.done.keys() - LEAVES_NOTHING - ELSEWHERE.keys()
    assert left_out == set(), "play these routes here too"
    assert tags >= ELSEWHERE.keys() | LEAVES_NOTHING
    with suppress(AssertionError):
        wait_until(lambda: record.done.keys() <= _actions(operator).keys())
    assert sorted(record.done.keys() - _actions(operator).keys()) == [], "these left no entry"
    recorded = _actions(operator)
    strangers = {tag: (who, recorded[tag]) for tag, who in record.done.items() if who not in recorded[tag]}
    assert strangers == {}
    # What follows from a customer's deposit by jobs and webhooks is not the operator's.
    credited = [one for one in _entries(operator) if one["topic"] == "DEPOSIT_CREDITED"]
    assert credited
    assert me not in {one["actor"] for one in credited}


def _entries(operator: Caller) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = operator.get(f"/api/admin/audit?limit=100&cursor={cursor}").json
        yield from page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return


def _actions(operator: Caller) -> dict[str, set[str]]:
    """Return who did what, by audit tag, as far as it is recorded."""
    found: dict[str, set[str]] = {}
    for entry in _entries(operator):
        found.setdefault(entry["action"], set()).add(entry["actor"])
    return found


def _tokens(platform: Business, email: str, page: str) -> list[str]:
    """Return the tokens of the links to a page that were mailed to somebody."""
    with urllib.request.urlopen(
        f"{platform.addresses['inbox']}/api/messages?to={email}", timeout=5
    ) as answer:
        links = [urlsplit(link) for message in json.load(answer)["messages"] for link in message["links"]]
    return [parse_qs(link.fragment)["token"][0] for link in links if link.path == f"/{page}"]


def _account(platform: Business, record: Recorder) -> None:
    """Somebody registers, asks for another mail, forgets the password, and changes it."""
    login = {"email": f"c{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(18)}
    address = {"email": login["email"]}
    caller = platform.caller()

    def mailed(page: str) -> set[str]:
        return set(_tokens(platform, login["email"], page))

    # Nobody is signed in yet: these are recorded under the account's own name as soon as it is known.
    record("", caller, "POST", "/api/auth/register", login)
    before = wait_until(lambda: mailed("verify-email"))
    record("identity", caller, "POST", "/api/auth/email/resend", address)
    (newest,) = wait_until(lambda: mailed("verify-email") - before)
    record("", caller, "POST", "/api/auth/email/verify", {"token": newest})
    caller.token = caller.post("/api/auth/token", login).json["access_token"]
    who = caller.get("/api/auth/me").json["id"]
    caller.token = ""
    record.done |= {tag: who for tag, name in record.done.items() if not name}
    record("identity", caller, "POST", "/api/auth/password/forgot", address)
    reset = {
        "token": wait_until(lambda: mailed("reset-password")).pop(),
        "new_password": secrets.token_urlsafe(18),
    }
    record(who, caller, "POST", "/api/auth/password/reset", reset)
    login["password"] = reset["new_password"]
    record(who, caller, "POST", "/api/auth/login", login)
    fresh = record(who, caller, "POST", "/api/auth/token", login).json
    caller.token = fresh["access_token"]
    record(who, caller, "POST", "/api/auth/refresh", {"refresh_token": fresh["refresh_token"]})
    changed = {"current_password": login["password"], "new_password": secrets.token_urlsafe(18)}
    record(who, caller, "POST", "/api/account/security", changed)
    login["password"] = changed["new_password"]
    record(who, caller, "PATCH", "/api/users/me", {"display_name": "Ann"})
    record(who, caller, "PUT", "/api/users/me/preferences", {"preferences": {"theme": "dark"}})
    record(who, caller, "POST", "/api/notifications/settings", {"email": {"receipts": False}})
    caller.post("/api/auth/token", login)  # from another program
    record(who, caller, "POST", "/api/auth/sessions/end", {"keep_current": True})
    record(who, caller, "POST", "/api/account/export")
    _leaving(platform, record, who, caller, login)
    _address(platform, record, who, caller, login)


def _leaving(platform: Business, record: Recorder, who: str, caller: Caller, login: dict[str, str]) -> None:
    """They have their account deleted, and think better of it."""
    record(who, caller, "POST", "/api/account/deletion", {"current_password": login["password"]})
    (keep,) = wait_until(lambda: _tokens(platform, login["email"], "keep-account"))
    caller.token = ""
    record(who, caller, "POST", "/api/auth/deletion/undo", {"token": keep})
    caller.token = caller.post("/api/auth/token", login).json["access_token"]


def _address(platform: Business, record: Recorder, who: str, caller: Caller, login: dict[str, str]) -> None:
    """They move to another address, and somebody at the old one undoes it."""
    new = {"email": f"n{secrets.token_hex(6)}@example.com", "current_password": login["password"]}
    record(who, caller, "POST", "/api/account/email", new)
    (confirm,) = wait_until(lambda: _tokens(platform, new["email"], "change-email"))
    (refuse,) = wait_until(lambda: _tokens(platform, login["email"], "refuse-email-change"))
    record(who, caller, "POST", "/api/auth/email/change", {"token": confirm})
    record(who, caller, "POST", "/api/auth/email/refuse", {"token": refuse})


def _money(record: Recorder, ann: Customer, friend: str) -> None:
    deposit = {"amount": "5.00", "payment_method": "pm_card_visa"}
    record(ann.id, ann.caller, "POST", "/api/wallet/deposit", deposit, key=fresh_key())
    saved = record(
        ann.id, ann.caller, "POST", "/api/billing/payment-methods", {"payment_method": "pm_card_visa"}
    ).json
    path = "/api/billing/payment-methods/{method_id}"
    record(ann.id, ann.caller, "DELETE", path, method_id=saved["id"])
    order = {"asset": ASSET, "quantity": "1000000000", "currency": "USD"}
    record(ann.id, ann.caller, "POST", "/api/orders", order, key=fresh_key())
    gift = {"to_user_id": friend, "asset": "USD", "amount": "1.00"}
    record(ann.id, ann.caller, "POST", "/api/transactions", gift, key=fresh_key())


def _access(record: Recorder, ann: Customer) -> None:
    path = "/api/access/resources/{resource_id}"
    record(ann.id, ann.caller, "POST", "/api/proxy/connect", {"asset": ASSET})
    record(ann.id, ann.caller, "POST", "/api/proxy/disconnect")
    new = {"asset": ASSET, "label": "laptop"}
    made = record(ann.id, ann.caller, "POST", "/api/access/resources", new).json
    gaps = {"resource_id": made["id"]}
    record(ann.id, ann.caller, "POST", "/api/proxy/test", {"resource_id": made["id"]})
    record(ann.id, ann.caller, "PATCH", path, {"label": "phone", "max_flows": 2}, **gaps)
    record(ann.id, ann.caller, "PUT", f"{path}/policy", {"blocked_ports": [25]}, **gaps)
    issued = record(ann.id, ann.caller, "POST", f"{path}/credentials", {"label": "phone"}, **gaps).json
    credential = {"credential_id": issued["credential"]["id"] if "credential" in issued else issued["id"]}
    rotate = f"{path}/credentials/{{credential_id}}/rotate"
    record(ann.id, ann.caller, "POST", rotate, {"grace_s": 60}, **gaps, **credential)
    record(ann.id, ann.caller, "DELETE", f"{path}/credentials/{{credential_id}}", **gaps, **credential)
    for verb in ("deactivate", "activate"):
        record(ann.id, ann.caller, "POST", f"{path}/{verb}", **gaps)
    record(ann.id, ann.caller, "DELETE", path, **gaps)


def _operator(record: Recorder, operator: Caller, me: str, ann: Customer, other: str) -> None:
    made = ann.caller.post("/api/access/resources", {"asset": ASSET, "label": "desk"}, fresh_key()).json
    for verb in ("stop", "resume"):
        path = f"/api/admin/resources/{{resource_id}}/{verb}"
        record(me, operator, "POST", path, {"reason": "abuse"}, resource_id=made["id"])
    issued = ann.caller.post(f"/api/access/resources/{made['id']}/credentials", {"label": "desk"}).json
    path = "/api/admin/credentials/{credential_id}/revoke"
    leaked = {"credential_id": issued["credential"]["id"]}
    record(me, operator, "POST", path, {"reason": "it was published"}, **leaked)
    correction = {
        "user_id": ann.id,
        "currency": "USD",
        "direction": "credit",
        "amount": "2.00",
        "reason": "goodwill",
    }
    record(me, operator, "POST", "/api/admin/corrections", correction, key=fresh_key())
    deposits = ann.caller.get("/api/wallet/deposits").json["items"]
    paid = next(one["id"] for one in deposits if one["state"] == "credited")
    path = "/api/admin/deposits/{deposit_id}/refund"
    refund = {"amount": "1.00", "reason": "asked for it"}
    record(me, operator, "POST", path, refund, key=fresh_key(), deposit_id=paid)
    path = "/api/admin/users/{user_id}/sign-out"
    record(me, operator, "POST", path, {"reason": "a stolen laptop"}, user_id=other)
    path = "/api/admin/users/{user_id}/notes"
    record(me, operator, "POST", path, {"text": "called twice"}, key=fresh_key(), user_id=other)
    for verb in ("suspend", "restore"):
        path = f"/api/admin/users/{{user_id}}/{verb}"
        record(me, operator, "POST", path, {"reason": "fraud"}, user_id=other)
    roles = {"roles": ["customer", "support"], "reason": "joined the team"}
    record(me, operator, "PUT", "/api/admin/users/{user_id}/roles", roles, user_id=other)
    asset = f"bandwidth.t{secrets.token_hex(4)}.budget"
    record(
        me, operator, "POST", "/api/admin/catalog/products", {"asset": asset, "name": "New"}, key=fresh_key()
    )
    path = "/api/admin/catalog/products/{asset}"
    record(me, operator, "PATCH", path, {"name": "Newer"}, asset=asset)
    plan = record(
        me,
        operator,
        "POST",
        "/api/admin/catalog/plans",
        {"asset": asset, "quantity": "5000000000"},
        key=fresh_key(),
    ).json
    path = "/api/admin/catalog/plans/{plan_id}"
    record(me, operator, "PATCH", path, {"active": False}, plan_id=plan["id"])
    price = {"asset": ASSET, "currency": "USD", "list_price": "3.10"}
    record(me, operator, "PATCH", "/api/admin/prices", price)
    record(me, operator, "POST", "/api/admin/capacity", {"asset": ASSET, "quantity": "1000"}, key=fresh_key())
    for chain in ("ledger/verification", "audit/verify"):
        record(me, operator, "POST", f"/api/admin/{chain}")
    next_key = next(
        one["kid"] for one in operator.get("/api/admin/keys").json["items"] if one["state"] == "next"
    )
    record(me, operator, "DELETE", "/api/admin/keys/{kid}", kid=next_key)


def _sessions(record: Recorder, ann: Customer) -> None:
    """Ann ends a session, then her own."""
    ann.caller.post("/api/auth/token", ann.login)
    mine = ann.caller.get("/api/auth/sessions").json["items"]
    other = next(one["id"] for one in mine if not one["current"])
    record(ann.id, ann.caller, "DELETE", "/api/auth/sessions/{session_id}", session_id=other)
    record(ann.id, ann.caller, "POST", "/api/auth/logout")
