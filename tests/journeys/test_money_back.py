"""Money that goes back at the provider, through the whole platform: the webhook, the books, the customer's mail."""

import json
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.business import Business, Caller, Customer, fresh_key
from tests.kit.eventually import wait_until
from tests.kit.platform import command

pytestmark = pytest.mark.slow


def at_bank(business: Business, path: str, **body: Any) -> Any:
    """Have the payment mock do what the bank would."""
    request = urllib.request.Request(
        business.addresses["payments_mock"] + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def stripe(business: Business, path: str, form: str) -> Any:
    """Ask the payment mock through its API, as the operator's dashboard would."""
    headers = {"Authorization": "Bearer sk_test_operator"}
    request = urllib.request.Request(business.addresses["payments_mock"] + path, form.encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def subjects(business: Business, customer: Customer) -> set[str]:
    inbox = f"{business.addresses['inbox']}/api/messages?to={customer.email}"
    with urllib.request.urlopen(inbox, timeout=30) as answer:
        return {message["subject"] for message in json.load(answer)["messages"]}


def deposit(customer: Customer, amount: str) -> dict[str, Any]:
    customer.pay_in(amount)
    return customer.caller.get("/api/wallet/deposits").json["items"][0]


def shown(customer: Customer, made: dict[str, Any]) -> Callable[[str], str]:
    return lambda field: customer.caller.get(f"/api/wallet/deposits/{made['id']}").json[field]


def test_refunds_and_disputes_reach_the_wallet_the_mail_and_the_books(
    business: Business, operator: Caller
) -> None:
    eve = business.customer()
    made = deposit(eve, "20.00")
    look = shown(eve, made)
    refund = stripe(business, "/v1/refunds", f"payment_intent={made['payment']}&amount=500")
    wait_until(lambda: look("refunded") == "5.00")
    assert eve.balance() == "15.00"
    eve.buy()
    left = eve.balance()
    dispute = at_bank(business, "/mock/disputes", payment_intent=made["payment"], amount=1500)
    wait_until(lambda: look("disputed") == "15.00")
    assert eve.balance() == "0.00"
    at_bank(business, f"/mock/refunds/{refund['id']}/fail")
    wait_until(lambda: look("refunded") == "0.00")
    # What comes back settles first what she owes of the dispute, and is hers again when she wins it.
    owed = 15 - Decimal(left)
    assert 0 < owed < 5
    wait_until(lambda: Decimal(eve.balance()) == 5 - owed)
    stripe(business, f"/v1/disputes/{dispute['id']}", "evidence[uncategorized_text]=winning_evidence")
    wait_until(lambda: look("disputed") == "0.00")
    wait_until(lambda: Decimal(eve.balance()) == Decimal(left) + 5)
    wanted = {
        "Your refund of 5.00 USD",
        "Your bank has taken back 15.00 USD",
        "5.00 USD are back in your wallet",
        f"{left} USD are back in your wallet",
    }
    wait_until(lambda: wanted <= subjects(business, eve))
    topics = {one["topic"] for one in operator.get(f"/api/admin/audit?subject={made['id']}").json["items"]}
    assert {"DEPOSIT_REVERSED", "DEPOSIT_REINSTATED"} <= topics
    checked = command("verify", "--data", str(business.data))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_operator_lists_and_resolves_reviews(business: Business, operator: Caller) -> None:
    assert operator.get("/api/admin/deposits?state=needs_review").json["items"] == []
    assert operator.get("/api/admin/deposits?state=mislaid").status == 422
    fay = business.customer()
    made = deposit(fay, "5.00")
    resolve = {"outcome": "dismiss", "reason": "it looks odd"}
    reply = operator.post(f"/api/admin/deposits/{made['id']}/resolve", resolve, fresh_key())
    assert (reply.status, reply.code) == (409, "conflict")
    # The next key may be old enough to sign by now; the one after it is not.
    operator.post("/api/admin/keys/rotate", {}, fresh_key())
    (active,) = [key for key in operator.get("/api/admin/keys").json["items"] if key["state"] == "active"]
    early = operator.post("/api/admin/keys/rotate", {}, fresh_key())
    assert (early.status, early.code) == (409, "conflict")
    assert active in operator.get("/api/admin/keys").json["items"]
    nothing = command("dead-letters", "--data", str(business.data), "--json")
    assert (nothing.returncode, json.loads(nothing.stdout)) == (0, [])
