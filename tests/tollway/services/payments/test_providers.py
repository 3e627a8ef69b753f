"""A second provider: one folder and one line, and everything else works with it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import tollway
from tests.kit import toy_provider
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments, running_payments
from tests.kit.rest import Reply
from tests.kit.toy_provider import ToyProvider
from tests.kit.typing import partial, settings_of
from tollway.contracts.errors import ProviderUnavailable
from tollway.services.payments.jobs import TIMED
from tollway.services.payments.model import DepositState
from tollway.services.payments.providers import PROVIDERS
from tollway.services.payments.settings import PaymentsSettings

DEPOSIT, METHODS = "/api/wallet/deposit", "/api/billing/payment-methods"


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


@pytest.fixture
def toy() -> ToyProvider:
    return partial(ToyProvider, "a shared token")


@pytest.fixture
async def payments(
    kind: Kind, tmp_path: Path, clock: FakeClock, toy: ToyProvider
) -> AsyncIterator[RunningPayments]:
    currencies = ("USD", "EUR", "JPY", "KWD")
    async with running_payments(kind, tmp_path, clock, others={"toy": toy}, currencies=currencies) as running:
        yield running


async def ask(payments: RunningPayments, amount: str, currency: str, key: str = "k-1", **more: Any) -> Reply:
    body = {"amount": amount, "currency": currency, "checkout": True, "provider": "toy", **more}
    return await payments.rest.post(DEPOSIT, body, "usr_ann", key)


async def webhook(
    payments: RunningPayments, body: Any, token: str = "a shared token", provider: str = "toy"
) -> int:
    reply = await payments.rest.call(
        "POST",
        f"/api/billing/webhooks/{provider}",
        json.dumps(body).encode(),
        headers={"X-Toy-Token": token},
    )
    return reply.status


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "left", "units"),
    [
        ("20.00", "USD", 2_000, "15.00", 15_000_000),
        ("2000", "JPY", 2_000, "1500.00", 1_500_000_000),
        ("20.005", "KWD", 20_005, "19.505", 19_505_000),
    ],
)
async def test_a_deposit_its_webhook_and_its_refund_go_through_the_second_provider(
    payments: RunningPayments,
    toy: ToyProvider,
    amount: str,
    currency: str,
    minor: int,
    left: str,
    units: int,
) -> None:
    made = await ask(payments, amount, currency)
    assert (made.status, made.json["provider"], made.json["state"]) == (201, "toy", "processing")
    deposit = await payments.load(made.json["id"])
    assert toy.pages[deposit.checkout_ref][0].amount.count == minor
    paid = toy.pay(deposit.checkout_ref)
    assert await webhook(payments, paid) == 200
    await payments.drain()
    payment_ref = f"pay_{deposit.id}"
    assert await webhook(payments, toy.refund(payment_ref, 500)) == 200
    await payments.drain()
    assert payments.balance("usr_ann", currency) == units
    assert payments.ledger.posts == [
        f"deposit:toy:{payment_ref}",
        f"refund:toy:back_0_{payment_ref}",
    ]
    shown = await payments.rest.get(f"/api/wallet/deposits/{deposit.id}", "usr_ann")
    assert (shown.json["state"], shown.json["refunded"]) == (
        "credited",
        {"USD": "5.00", "JPY": "500.00", "KWD": "0.50"}[currency],
    )
    assert await payments.at_provider(lambda client: client.v1.charges.list().data) == []


@pytest.mark.parametrize(
    ("amount", "currency", "sentence"),
    [
        ("20.001", "USD", "20.001 is finer than the smallest amount of USD, which is 0.01"),
        ("20.5", "JPY", "20.5 is finer than the smallest amount of JPY, which is 1"),
        ("20.0001", "KWD", "20.0001 is finer than the smallest amount of KWD, which is 0.001"),
        ("20.00", "EUR", "toy does not take EUR; choose another provider"),
    ],
)
async def test_amounts_that_it_cannot_take_are_refused(
    payments: RunningPayments, amount: str, currency: str, sentence: str
) -> None:
    reply = await ask(payments, amount, currency)
    assert (reply.status, reply.json["errors"][0]["reason"]) == (422, sentence)


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (
            {"payment_method": "pm_card_visa", "provider": "toy"},
            "payment_method",
            'toy takes no payment methods; send "checkout": true instead',
        ),
        ({"checkout": True, "provider": "paypal"}, "provider", "must be one of stripe, toy"),
    ],
)
async def test_what_a_provider_cannot_do_is_refused_before_anything_happens(
    payments: RunningPayments, body: dict[str, Any], field: str, reason: str
) -> None:
    reply = await payments.rest.post(DEPOSIT, {"amount": "20.00", **body}, "usr_ann", "k-1")
    assert (reply.status, reply.json["errors"]) == (422, [{"field": field, "reason": reason}])
    saved = await payments.rest.post(
        METHODS, {"payment_method": "pm_card_visa", "provider": "toy"}, "usr_ann"
    )
    assert (saved.status, saved.json["errors"][0]["reason"]) == (422, "toy does not save payment methods")
    assert (await payments.rest.get("/api/wallet/deposits", "usr_ann")).json["items"] == []


async def test_the_first_provider_is_the_default_and_a_saved_method_goes_to_its_own(
    payments: RunningPayments,
) -> None:
    saved = await payments.rest.post(METHODS, {"payment_method": "pm_card_visa"}, "usr_ann")
    assert (saved.status, saved.json["provider"]) == (201, "stripe")
    body = {"amount": "20.00", "payment_method": saved.json["id"]}
    made = await payments.rest.post(DEPOSIT, body, "usr_ann", "k-1")
    assert (made.status, made.json["provider"]) == (201, "stripe")
    other = await payments.rest.post(DEPOSIT, {**body, "provider": "toy"}, "usr_ann", "k-2")
    assert (other.status, other.json["errors"][0]["reason"]) == (
        422,
        "this payment method is saved at stripe",
    )


async def test_a_webhook_speaks_for_its_own_provider_only(
    payments: RunningPayments, toy: ToyProvider
) -> None:
    made = await ask(payments, "20.00", "USD")
    deposit = await payments.load(made.json["id"])
    paid = toy.pay(deposit.checkout_ref)
    assert await webhook(payments, paid, token="a guess") == 400
    assert await webhook(payments, paid, provider="stripe") == 400
    hosted = await payments.rest.post(DEPOSIT, {"amount": "20.00", "checkout": True}, "usr_ann", "k-2")
    ref = f"pay_{deposit.id}"
    toy.payments[ref] = toy_provider.replace(toy.payments[ref], deposit_id=hosted.json["id"])
    assert await webhook(payments, paid) == 200
    await payments.drain()
    for one in (deposit.id, hosted.json["id"]):
        assert (await payments.load(one)).state == DepositState.PROCESSING
    assert payments.ledger.posts == []


async def test_lost_webhooks_of_both_providers_are_replaced_by_reconciliation(
    payments: RunningPayments, toy: ToyProvider
) -> None:
    await payments.plan_fault("webhook_drop", times=100)
    made = await ask(payments, "20.00", "USD")
    deposit = await payments.load(made.json["id"])
    toy.pay(deposit.checkout_ref)
    carded = await payments.service.deposits.start("usr_ann", "k-2", "USD", 5_000_000, "pm_card_visa")
    payments.clock.advance(31)
    await TIMED["reconcile_stale"].run(payments.service)
    assert payments.balance("usr_ann") == 25_000_000
    toy.refund(f"pay_{deposit.id}", 300)
    asked: Any = {"payment_intent": carded.payment_ref, "amount": 100}
    await payments.at_provider(lambda client: client.v1.refunds.create(asked))
    await TIMED["reconcile_recent"].run(payments.service)
    assert payments.balance("usr_ann") == 21_000_000


async def test_deposits_of_a_provider_that_is_not_enabled_any_more_wait_for_it(
    payments: RunningPayments, toy: ToyProvider
) -> None:
    made = await ask(payments, "20.00", "USD")
    toy.pay((await payments.load(made.json["id"])).checkout_ref)
    payments.clock.advance(31)
    del payments.providers["toy"]  # pyright: ignore[reportIndexIssue]
    with pytest.raises(ProviderUnavailable, match="toy is not enabled any more"):
        await payments.service.reconciliation.process.advance(made.json["id"])
    await TIMED["reconcile_stale"].run(payments.service)
    assert (await payments.load(made.json["id"])).state == DepositState.PROCESSING


# ── the settings ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"enabled": ["stripe"]}, "providers.stripe.api_key is empty, and stripe is enabled"),
        ({"enabled": ["paypal"]}, "enabled names 'paypal'; the payment providers are mock, stripe"),
        ({"enabled": ["mock", "mock"]}, "enabled names a payment provider twice"),
        ({"enabled": []}, "at least 1 item"),
        ({"providers": {"stripe": {"key": "x"}}}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PaymentsSettings.model_validate(wrong)


def test_every_provider_has_a_section_and_builds_with_the_capabilities_that_it_declares() -> None:
    from tollway.services.payments.providers import ProviderContext

    settings = settings_of(PaymentsSettings)
    assert [spec.name for spec in PROVIDERS] == list(type(settings.providers).model_fields)
    for spec in PROVIDERS:
        provider = spec.build(getattr(settings.providers, spec.name), ProviderContext("http://127.0.0.1:9"))
        assert (provider.name, provider.capabilities) == (spec.name, spec.capabilities)


# Run in a copy of the sources: what the platform makes of a provider that was added there.
_SCRIPT = """
import json, os
from tollway.services.payments.providers import ProviderContext, open_providers
from tollway.settings import effective, load

loaded = load({"data": "nowhere"}, os.environ)
payments = loaded.settings.payments
shown = {name: value for name, value, _ in effective(loaded) if name.startswith("payments.providers.toy")}
opened = open_providers(payments.enabled, payments.providers, ProviderContext())
print(json.dumps([list(opened), opened["toy"].token, shown]))
"""


def test_a_provider_is_added_by_one_folder_and_one_line(tmp_path: Path) -> None:
    source = Path(tollway.__file__).parent
    copy = tmp_path / "tollway"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    providers = copy / "services" / "payments" / "providers"
    (providers / "toy").mkdir()
    shutil.copy(toy_provider.__file__, providers / "toy" / "__init__.py")
    listed = (providers / "__init__.py").read_text()
    added = listed.replace("    stripe.SPEC,\n", "    stripe.SPEC,\n    toy.SPEC,\n").replace(
        "import mock, stripe\n", "import mock, stripe, toy\n"
    )
    assert added != listed
    (providers / "__init__.py").write_text(added)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "TOLLWAY_PAYMENTS__ENABLED": '["toy", "mock"]',
        "TOLLWAY_PAYMENTS__PROVIDERS__TOY__TOKEN": "a shared token",
    }
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    names, token, shown = json.loads(ran.stdout)
    assert (names, token) == (["toy", "mock"], "a shared token")
    assert shown == {"payments.providers.toy.token": "********"}
