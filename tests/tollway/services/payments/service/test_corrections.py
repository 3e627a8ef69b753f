"""What operators correct stands in the books once, with who wanted it and why, and what became of it."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed
from tests.kit.payments import RunningPayments, running_payments
from tests.kit.rest import Reply
from tests.tollway.services.payments.service.test_payments import mortal
from tests.tollway.services.payments.service.test_reversals import USD, moved, owed, paid, refund, spend

ANN, ADMIN = "usr_ann", "usr_root:admin"
CORRECTIONS = "/api/admin/corrections"


@pytest.fixture
async def payments(tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningPayments]:
    async with running_payments("sqlite", tmp_path, clock) as opened:
        yield opened


async def correct(payments: RunningPayments, key: str = "key", token: str = ADMIN, **changes: Any) -> Reply:
    body = {"user_id": ANN, "currency": "USD", "direction": "credit", "amount": "5.00", "reason": "goodwill"}
    return await payments.rest.post(CORRECTIONS, body | changes, token, key)


async def topics(payments: RunningPayments) -> list[str]:
    return [topic for topic, _ in await payments.published()]


# ── wallets ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wallet_is_corrected_both_ways_and_the_trail_says_why(payments: RunningPayments) -> None:
    given = await correct(payments)
    assert (given.status, given.json["state"], given.json["direction"], given.json["amount"]) == (
        201,
        "posted",
        "credit",
        "5.00",
    )
    taken = await correct(payments, "other", direction="debit", amount="2.00", reason="twice")
    assert (taken.status, taken.json["direction"], taken.json["amount"]) == (201, "debit", "2.00")
    assert payments.balance(ANN) == 3 * USD
    adjustment = payments.ledger.counters("platform", "payments", "USD", "adjustment")
    assert adjustment.balance == -3 * USD
    (asked, _), (done, event) = (await payments.published())[:2]
    assert (asked, done) == ("CORRECTION_REQUESTED", "CORRECTION_POSTED")
    assert (event["amount"], event["reason"]) == (5 * USD, "goodwill")
    listed = (await payments.rest.get(f"{CORRECTIONS}?user_id={ANN}", "usr_sam:support")).json["items"]
    assert [(one["reason"], one["requested_by"]) for one in listed] == [
        ("twice", "usr_root"),
        ("goodwill", "usr_root"),
    ]
    assert (await payments.rest.get(f"{CORRECTIONS}?user_id=usr_bob", ADMIN)).json["items"] == []


async def test_who_has_left_is_given_nothing_more_and_what_was_given_stands(
    payments: RunningPayments,
) -> None:
    given = await correct(payments)
    payments.identity.states[ANN] = "deleted"
    assert (await correct(payments)).json == given.json, "a repeat is answered as it was"
    refused = await correct(payments, "other")
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert (await correct(payments, "third", direction="debit", reason="twice")).status == 201
    assert payments.balance(ANN) == 0
    assert len((await payments.rest.get(f"{CORRECTIONS}?user_id={ANN}", ADMIN)).json["items"]) == 2


async def test_what_the_wallet_does_not_hold_is_not_taken(payments: RunningPayments) -> None:
    reply = await correct(payments, direction="debit")
    assert (reply.status, reply.json["code"]) == (402, "insufficient_funds")
    assert await topics(payments) == ["CORRECTION_REQUESTED", "CORRECTION_REFUSED"]
    again = await correct(payments, direction="debit")
    assert again.json["correction_id"] == reply.json["correction_id"]
    assert payments.balance(ANN) == 0


async def test_the_same_key_corrects_once(payments: RunningPayments) -> None:
    first = await correct(payments)
    assert (await correct(payments)).json == first.json
    other = await correct(payments, amount="6.00")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert payments.balance(ANN) == 5 * USD


async def test_what_is_given_settles_first_what_is_owed(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    await refund(payments, deposit)
    await payments.drain()
    await correct(payments, amount="20.00", reason="written off")
    assert (payments.balance(ANN), owed(payments)) == (6 * USD, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "0"},
        {"amount": "-5.00"},
        {"amount": 5},
        {"currency": "GBP"},
        {"direction": "up"},
        {"reason": ""},
        {"reason": "line\nbreak"},
        {"user_id": "ann"},
        {"surprise": 1},
    ],
)
async def test_a_wrong_correction_is_refused(payments: RunningPayments, wrong: dict[str, Any]) -> None:
    reply = await correct(payments, **wrong)
    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert await topics(payments) == []


async def test_only_operators_correct_and_refund(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    for token, status in (("", 401), (ANN, 403), ("usr_sam:support", 403)):
        assert (await correct(payments, token=token)).status == status
        path = f"/api/admin/deposits/{deposit.id}/refund"
        assert (await payments.rest.post(path, {"reason": "x"}, token, "k")).status == status
    for token, status in (("", 401), (ANN, 403), ("usr_sam:support", 200)):
        assert (await payments.rest.get(CORRECTIONS, token)).status == status


async def test_killed_anywhere_a_correction_is_made_once(payments: RunningPayments) -> None:
    for survives in itertools.count():
        fate, user_id = Fate(survives), f"usr_{survives}"
        try:
            await mortal(payments, fate).corrections.correct(
                user_id, "USD", 5 * USD, "why", "usr_root", user_id
            )
            killed = False
        except Killed:
            killed = True
        payments.clock.advance(6)
        await payments.drain()
        news = [topic for topic, event in await payments.published() if event["user_id"] == user_id]
        made = (payments.balance(user_id), news)
        assert made in (
            (0, []),
            (5 * USD, ["CORRECTION_REQUESTED", "CORRECTION_POSTED"]),
        ), f"killed at {survives}"
        if not killed:
            assert survives > 4
            return


# ── deposits ────────────────────────────────────────────────────────────────────────────────────────


async def take_back(payments: RunningPayments, deposit_id: str, key: str = "key", **body: Any) -> Reply:
    path = f"/api/admin/deposits/{deposit_id}/refund"
    return await payments.rest.post(path, {"reason": "asked for it", **body}, ADMIN, key)


async def test_a_deposit_is_refunded_by_the_provider_in_parts(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    part = await take_back(payments, deposit.id, amount="5.00")
    assert (part.status, part.json["refunded"]) == (200, "5.00")
    assert (await take_back(payments, deposit.id, amount="5.00")).json == part.json, "the same key again"
    assert moved(payments) == (15, 15, 0, 0)
    rest = await take_back(payments, deposit.id, "rest")
    assert rest.json["refunded"] == "20.00"
    await payments.drain()
    assert moved(payments) == (0, 0, 0, 0)
    assert (await topics(payments))[2:] == ["REFUND_REQUESTED", "DEPOSIT_REVERSED"] * 2
    too_much = await take_back(payments, deposit.id, "more", amount="0.01")
    assert (too_much.status, too_much.json["code"]) == (409, "conflict")


async def test_what_was_spent_of_a_refunded_deposit_is_owed(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    assert (await take_back(payments, deposit.id)).status == 200
    assert moved(payments) == (0, 0, 0, 14)


@pytest.mark.parametrize("amount", ["20.01", "1000.00"])
async def test_no_more_is_refunded_than_was_paid(payments: RunningPayments, amount: str) -> None:
    deposit = await paid(payments)
    reply = await take_back(payments, deposit.id, amount=amount)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    assert "20.00 USD of this deposit can be refunded" in reply.json["detail"]
    assert moved(payments) == (20, 20, 0, 0)


async def test_what_was_not_credited_cannot_be_refunded(payments: RunningPayments) -> None:
    started = await payments.service.deposits.start(ANN, "key", "USD", 20 * USD, "")
    reply = await take_back(payments, started.id)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    assert (await take_back(payments, f"dep_{'0' * 26}", "other")).status == 404


async def test_a_provider_that_does_not_answer_is_asked_again_under_the_same_key(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with running_payments("sqlite", tmp_path, clock, timeout_s=1) as payments:
        deposit = await paid(payments)
        await payments.plan_fault("timeout", "/v1/refunds", delay_s=2)
        first = await take_back(payments, deposit.id, amount="5.00")
        assert (first.status, first.json["code"]) == (503, "provider_unavailable")
        again = await take_back(payments, deposit.id, amount="5.00")
        assert (again.status, again.json["refunded"]) == (200, "5.00")
        await payments.drain()
        assert moved(payments) == (15, 15, 0, 0)
