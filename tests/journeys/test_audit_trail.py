"""What an operator did is in the record under the operator's name, not under that of the customer it was done to."""

from pathlib import Path

import pytest

from tests.kit.business import ASSET, Business, Caller, fresh_key, running_business
from tests.kit.eventually import wait_until


def entries(operator: Caller, topic: str, subject: str = "") -> list[dict[str, str]]:
    path = f"/api/admin/audit?topic={topic}" + (f"&subject={subject}" if subject else "")
    return operator.get(path).json["items"]


def assert_recorded(operator: Caller, who: str, topic: str, action: str) -> None:
    """Wait for the entry that this call left; it names the operator and what was asked for."""
    found = wait_until(lambda: [one for one in entries(operator, topic) if one["action"] == action])
    assert {one["actor"] for one in found} == {who}, found


@pytest.mark.timeout(180)
def test_the_record_names_the_operator_who_did_it(tmp_path: Path) -> None:
    with running_business(tmp_path / "data") as platform:
        play(platform)


def play(platform: Business) -> None:
    operator = platform.operator()
    me = operator.get("/api/auth/me").json["id"]
    ann = platform.customer()
    ann.pay_in("10.00")
    made = ann.caller.post("/api/access/resources", {"asset": ASSET, "label": "laptop"}, fresh_key())
    assert made.status == 201, made.body
    resource = made.json["id"]
    for verb in ("stop", "resume"):
        done = operator.post(f"/api/admin/resources/{resource}/{verb}", {"reason": "abuse"}, fresh_key())
        assert done.status < 300, done.body
    for verb in ("suspend", "restore"):
        assert operator.post(f"/api/admin/users/{ann.id}/{verb}", {"reason": "fraud"}).status < 300
    price = {"asset": ASSET, "currency": "USD", "list_price": "3.10"}
    assert operator.call("PATCH", "/api/admin/prices", price).status < 300

    for verb in ("stop", "resume"):
        assert_recorded(operator, me, "RESOURCE_STATE_CHANGED", f"access:resource:{verb}")
    for topic, action in (
        ("USER_STATE_CHANGED", "auth:user:suspend"),
        ("USER_STATE_CHANGED", "auth:user:restore"),
        ("PRICE_CHANGED", "catalog:price:set"),
    ):
        assert_recorded(operator, me, topic, action)
    # A deposit is the customer's doing, and what follows from it by jobs and webhooks is not the operator's.
    credited = wait_until(lambda: entries(operator, "DEPOSIT_CREDITED"))
    assert me not in {one["actor"] for one in credited}
