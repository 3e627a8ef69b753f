"""What is reversed at the provider leaves the books once, and what the customer had spent is owed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed
from tests.kit.payments import RunningPayments, running_payments
from tests.tollway.services.payments.service.test_payments import mortal
from tollway.kit.errors import Unavailable
from tollway.services.payments.jobs import TIMED
from tollway.services.payments.model import Deposit, DepositState, ReversalState
from tollway.services.payments.service import Payments
from tollway.services.payments.store import deposits as deposit_store
from tollway.services.payments.store import reversals as reversal_store
from tollway.services.payments.store import tables

USD = 1_000_000


async def paid(payments: RunningPayments, user_id: str = "usr_ann", card: str = "pm_card_visa") -> Deposit:
    made = await payments.service.deposits.start(user_id, "key", "USD", 20 * USD, card)
    await payments.drain()
    return await payments.load(made.id)


async def refund(payments: RunningPayments, deposit: Deposit, cents: int = 2000) -> Any:
    asked: Any = {"payment_intent": deposit.payment_ref, "amount": cents}
    return await payments.at_provider(lambda client: client.v1.refunds.create(asked))


async def dispute(payments: RunningPayments, deposit: Deposit) -> str:
    return str((await payments.mock.service.dispute(deposit.payment_ref))["id"])


async def decide(payments: RunningPayments, ref: str, evidence: str) -> None:
    answer: Any = {"evidence": {"uncategorized_text": evidence}}
    await payments.at_provider(lambda client: client.v1.disputes.update(ref, answer))


def spend(payments: RunningPayments, user_id: str, amount: int) -> None:
    wallet, revenue = ("user", user_id, "USD", "available"), ("platform", "orders", "USD", "revenue")
    payments.ledger.move(wallet, revenue, amount)


def platform(payments: RunningPayments, purpose: str) -> int:
    return payments.ledger.counters("platform", "payments", "USD", purpose).balance


def owed(payments: RunningPayments) -> int:
    """What all customers owe, by the ledger."""
    opened = payments.ledger.rules.state._accounts.values()
    return -sum(one.balance for one in opened if one.ref.purpose == "debt")


def moved(payments: RunningPayments, user_id: str = "usr_ann") -> tuple[int, int, int, int]:
    """What is in the wallet, at the provider, in dispute, and owed by customers; in whole units."""
    figures = (
        payments.balance(user_id),
        -platform(payments, "clearing"),
        platform(payments, "dispute"),
        owed(payments),
    )
    return tuple(figure // USD for figure in figures)  # pyright: ignore[reportReturnType]


async def seen(payments: RunningPayments, deposit: Deposit) -> tuple[int, int]:
    now = await payments.load(deposit.id)
    return now.refunded // USD, now.disputed // USD


# ── refunds ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refund_leaves_the_wallet_once_and_is_shown(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    back = await refund(payments, deposit, 500)
    await payments.drain()
    assert moved(payments) == (15, 15, 0, 0)
    assert await seen(payments, deposit) == (5, 0)
    assert payments.ledger.posts == [
        f"deposit:stripe:{deposit.payment_ref}",
        f"refund:stripe:{back.id}",
    ]
    topic, event = (await payments.published())[-1]
    assert topic == "DEPOSIT_REVERSED"
    assert (event["kind"], event["amount"], event["recovered"]) == ("refund", 5 * USD, 5 * USD)
    shown = await payments.rest.get(f"/api/wallet/deposits/{deposit.id}", "usr_ann")
    assert (shown.json["state"], shown.json["refunded"], shown.json["disputed"]) == (
        "credited",
        "5.00",
        "0.00",
    )


async def test_two_refunds_of_one_deposit_are_two(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    for cents in (500, 1500):
        await refund(payments, deposit, cents)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == ((0, 0, 0, 0), (20, 0))


async def test_what_was_spent_is_owed(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, "usr_ann", 14 * USD)
    await refund(payments, deposit)
    await payments.drain()
    assert moved(payments) == (0, 0, 0, 14)
    (_, reversed_), (topic, event) = (await payments.published())[-2:]
    assert reversed_["recovered"] == 6 * USD
    assert (topic, event["user_id"], event["amount"], event["owed"]) == (
        "DEBT_OPENED",
        "usr_ann",
        14 * USD,
        14 * USD,
    )


async def test_a_refund_that_fails_comes_back(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, "usr_ann", 14 * USD)
    back = await refund(payments, deposit)
    await payments.drain()
    await payments.mock.service.fail_refund(back.id)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == ((6, 20, 0, 0), (0, 0))
    assert [topic for topic, _ in await payments.published()][-1] == "DEPOSIT_REINSTATED"


async def test_a_refund_that_failed_before_it_was_known_moves_nothing(payments: RunningPayments) -> None:
    deposit = await paid(payments, card="pm_card_refundFail")
    await refund(payments, deposit)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == ((20, 20, 0, 0), (0, 0))
    assert len(payments.ledger.posts) == 1


# ── disputes ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spent", "evidence", "during", "after", "disputed"),
    [
        (0, "losing_evidence", (0, 20, 20, 0), (0, 0, 0, 0), 20),
        (0, "winning_evidence", (0, 20, 20, 0), (20, 20, 0, 0), 0),
        (14, "losing_evidence", (0, 20, 20, 14), (0, 0, 0, 14), 20),
        (14, "winning_evidence", (0, 20, 20, 14), (6, 20, 0, 0), 0),
    ],
)
async def test_a_dispute_takes_what_is_left_until_it_is_decided(
    payments: RunningPayments, spent: int, evidence: str, during: Any, after: Any, disputed: int
) -> None:
    deposit = await paid(payments)
    spend(payments, "usr_ann", spent * USD)
    ref = await dispute(payments, deposit)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == (during, (0, 20))
    await decide(payments, ref, evidence)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == (after, (0, disputed))


async def test_an_inquiry_takes_nothing(payments: RunningPayments) -> None:
    deposit = await paid(payments, card="pm_card_createDisputeInquiry")
    assert (moved(payments), await seen(payments, deposit)) == ((20, 20, 0, 0), (0, 0))


async def test_a_card_whose_holder_disputes_everything(payments: RunningPayments) -> None:
    deposit = await paid(payments, card="pm_card_createDispute")
    assert (moved(payments), await seen(payments, deposit)) == ((0, 20, 20, 0), (0, 20))


# ── order, repetition, races ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["webhook_reorder", "webhook_duplicate", "webhook_delay"])
async def test_the_order_and_repetition_of_webhooks_do_not_matter(
    payments: RunningPayments, fault: str
) -> None:
    await payments.plan_fault(fault, "payment_intent.succeeded", delay_s=5)
    await payments.plan_fault(fault, "charge.dispute.created", delay_s=9)
    await payments.plan_fault(fault, "refund.created", delay_s=7)
    made = await payments.service.deposits.start("usr_ann", "key", "USD", 20 * USD, "pm_card_visa")
    await refund(payments, made, 500)
    ref = await dispute(payments, made)
    await decide(payments, ref, "losing_evidence")
    for _ in range(4):
        await payments.drain()
        payments.clock.advance(4)
    await payments.drain()
    # 5.00 refunded, then 20.00 disputed of a payment of 20.00: more went back than came.
    assert (moved(payments), await seen(payments, made)) == ((0, -5, 0, 5), (5, 20))
    assert len(payments.ledger.posts) == len(set(payments.ledger.posts)) == 4


async def test_what_no_webhook_reported_is_found_by_reconciliation(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    old = await payments.service.deposits.start("usr_bob", "key", "USD", 20 * USD, "pm_card_visa")
    await payments.drain()
    await payments.plan_fault("webhook_drop", times=100)
    await refund(payments, old)
    payments.clock.advance(31 * 86_400)
    await refund(payments, deposit, 500)
    await payments.mock.service.dispute(deposit.payment_ref, 700)
    await payments.drain()
    assert await seen(payments, deposit) == (0, 0)
    for _ in range(2):
        await TIMED["reconcile_recent"].run(payments.service)
    assert (await seen(payments, deposit), await seen(payments, old)) == ((5, 7), (0, 0))
    assert payments.balance("usr_ann") == 8 * USD


async def test_several_who_follow_at_once_post_once(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, "usr_ann", 14 * USD)
    await refund(payments, deposit)
    await asyncio.gather(
        *(payments.restarted().reversals.follow("stripe", deposit.payment_ref) for _ in range(6))
    )
    assert moved(payments) == (0, 0, 0, 14)
    assert [topic for topic, _ in await payments.published()].count("DEPOSIT_REVERSED") == 1


async def test_a_ledger_that_is_away_is_asked_again(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    await refund(payments, deposit)
    await payments.apis.stop()
    with pytest.raises(Unavailable):
        await payments.service.reversals.follow("stripe", deposit.payment_ref)
    await payments.apis.start()
    await payments.drain()
    assert moved(payments) == (0, 0, 0, 0)


async def test_of_a_deposit_in_review_nothing_is_reversed_before_it_is_credited(
    payments: RunningPayments,
) -> None:
    deposit = await paid(payments)
    async with payments.db.transaction() as tx:
        values = {"state": DepositState.NEEDS_REVIEW.value}
        await tx.run(tables.deposit.update().where(tables.deposit.c.id == deposit.id).values(values))
    await refund(payments, deposit, 500)
    await payments.drain()
    assert moved(payments) == (20, 20, 0, 0)
    async with payments.db.transaction() as tx:
        await deposit_store.move_deposit(tx, await payments.load(deposit.id), DepositState.SUCCEEDED)
    await payments.service.settlement.credit(deposit.id)
    await payments.drain()
    assert (moved(payments), await seen(payments, deposit)) == ((15, 15, 0, 0), (5, 0))


async def test_a_reversal_of_somebody_elses_payment_is_ignored(payments: RunningPayments) -> None:
    for ref in ("", "pi_elsewhere"):
        assert await payments.service.reversals.follow("stripe", ref) == "ignored"


# ── killed anywhere ─────────────────────────────────────────────────────────────────────────────────


async def live(payments: RunningPayments, service: Payments, deposit: Deposit, ending: str) -> None:
    """Follow a dispute from its opening to its end, or a refund to its failure, in one process."""
    if ending == "refund_fails":
        back = await refund(payments, deposit)
        await service.reversals.follow("stripe", deposit.payment_ref)
        await payments.mock.service.fail_refund(back.id)
    else:
        ref = await dispute(payments, deposit)
        await service.reversals.follow("stripe", deposit.payment_ref)
        await decide(payments, ref, ending)
    await service.reversals.follow("stripe", deposit.payment_ref)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "left"),
    [
        ("losing_evidence", (0, 0, 0, 14)),
        ("winning_evidence", (6, 20, 0, 0)),
        ("refund_fails", (6, 20, 0, 0)),
    ],
)
async def test_killed_anywhere_the_books_end_where_the_provider_does(
    tmp_path: Path, clock: FakeClock, ending: str, left: tuple[int, int, int, int]
) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:

        async def begin(user_id: str) -> Deposit:
            deposit = await paid(payments, user_id)
            spend(payments, user_id, 14 * USD)
            return deposit

        fate = Fate()
        await live(payments, mortal(payments, fate), await begin("usr_whole"), ending)
        assert {"ask provider list_reversals", "committed"} < set(fate.passed)
        before = moved(payments, "usr_whole")
        assert before == left
        for at, where in enumerate(fate.passed):
            user_id = f"usr_{at}"
            deposit = await begin(user_id)
            with pytest.raises(Killed):
                await live(payments, mortal(payments, Fate(at)), deposit, ending)
            # Killed before the dispute was decided, or the refund refused: the provider goes on all the same.
            await _let_it_end(payments, deposit, ending)
            await payments.drain()
            after = moved(payments, user_id)
            gained = (after[0], *(now - was for now, was in zip(after[1:], before[1:], strict=True)))
            assert gained == left, f"killed at {at}: {where}"
            before = after
            async with payments.db.snapshot() as tx:
                rows = await reversal_store.list_reversals(tx, deposit.id)
            assert {row.state for row in rows} <= {ReversalState.LOST, ReversalState.UNDONE}


async def _let_it_end(payments: RunningPayments, deposit: Deposit, ending: str) -> None:
    asked: Any = {"payment_intent": deposit.payment_ref}
    if ending == "refund_fails":
        for back in await payments.at_provider(lambda client: client.v1.refunds.list(asked).data):
            await payments.mock.service.fail_refund(back.id)
        return
    for one in await payments.at_provider(lambda client: client.v1.disputes.list(asked).data):
        if one.status == "needs_response":
            await decide(payments, one.id, ending)
