"""What the provider takes back leaves the books once, and what the customer had spent is the house's loss."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed
from tests.kit.payments import Till, till
from tests.tollway.services.payments.service.test_payments import mortal
from tollway.contracts import ledger_pb2 as pb
from tollway.kit.errors import Unavailable
from tollway.services.payments import store
from tollway.services.payments.jobs import TIMED
from tollway.services.payments.model import BackState, Deposit, State
from tollway.services.payments.service import Payments

USD = 1_000_000


async def paid(shop: Till, user_id: str = "usr_ann", card: str = "pm_card_visa") -> Deposit:
    made = await shop.service.deposits.start(user_id, "key", "USD", 20 * USD, card)
    await shop.settle()
    return await shop.service.deposits.any_deposit(made.id)


async def refund(shop: Till, deposit: Deposit, cents: int = 2000) -> Any:
    asked: Any = {"payment_intent": deposit.payment_ref, "amount": cents}
    return await shop.look(lambda client: client.v1.refunds.create(asked))


async def dispute(shop: Till, deposit: Deposit) -> str:
    return str((await shop.mock.service.dispute(deposit.payment_ref))["id"])


async def decide(shop: Till, ref: str, evidence: str) -> None:
    answer: Any = {"evidence": {"uncategorized_text": evidence}}
    await shop.look(lambda client: client.v1.disputes.update(ref, answer))


def spend(shop: Till, user_id: str, amount: int) -> None:
    shop.ledger.counters("user", user_id, "USD", "available").debits += amount
    shop.ledger.counters("platform", "orders", "USD", "revenue").credits += amount


def house(shop: Till, purpose: str) -> int:
    return shop.ledger.counters("platform", "payments", "USD", purpose).balance


def moved(shop: Till, user_id: str = "usr_ann") -> tuple[int, int, int, int]:
    """What is in the wallet, at the provider, in dispute, and lost; in whole units."""
    figures = (
        shop.balance(user_id),
        -house(shop, "clearing"),
        house(shop, "dispute"),
        -house(shop, "shortfall"),
    )
    return tuple(figure // USD for figure in figures)  # pyright: ignore[reportReturnType]


async def seen(shop: Till, deposit: Deposit) -> tuple[int, int]:
    now = await shop.service.deposits.any_deposit(deposit.id)
    return now.refunded // USD, now.disputed // USD


# ── refunds ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refund_leaves_the_wallet_once_and_is_shown(shop: Till) -> None:
    deposit = await paid(shop)
    back = await refund(shop, deposit, 500)
    await shop.settle()
    assert moved(shop) == (15, 15, 0, 0)
    assert await seen(shop, deposit) == (5, 0)
    assert shop.ledger.posts == [f"deposit:{deposit.payment_ref}", f"refund:{back.id}"]
    topic, event = (await shop.published())[-1]
    assert topic == "DEPOSIT_TAKEN_BACK"
    assert (event["kind"], event["amount"], event["covered"]) == ("refund", 5 * USD, 5 * USD)
    shown = await shop.rest.get(f"/api/wallet/deposits/{deposit.id}", "usr_ann")
    assert (shown.json["state"], shown.json["refunded"], shown.json["disputed"]) == (
        "credited",
        "5.00",
        "0.00",
    )


async def test_two_refunds_of_one_deposit_are_two(shop: Till) -> None:
    deposit = await paid(shop)
    for cents in (500, 1500):
        await refund(shop, deposit, cents)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == ((0, 0, 0, 0), (20, 0))


async def test_what_was_spent_is_the_houses_loss(shop: Till) -> None:
    deposit = await paid(shop)
    spend(shop, "usr_ann", 14 * USD)
    await refund(shop, deposit)
    await shop.settle()
    assert moved(shop) == (0, 0, 0, 14)
    assert (await shop.published())[-1][1]["covered"] == 6 * USD


async def test_a_refund_that_fails_comes_back(shop: Till) -> None:
    deposit = await paid(shop)
    spend(shop, "usr_ann", 14 * USD)
    back = await refund(shop, deposit)
    await shop.settle()
    await shop.mock.service.fail_refund(back.id)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == ((6, 20, 0, 0), (0, 0))
    assert [topic for topic, _ in await shop.published()][-1] == "DEPOSIT_GIVEN_BACK"


async def test_a_refund_that_failed_before_it_was_heard_of_moves_nothing(shop: Till) -> None:
    deposit = await paid(shop, card="pm_card_refundFail")
    await refund(shop, deposit)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == ((20, 20, 0, 0), (0, 0))
    assert len(shop.ledger.posts) == 1


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
    shop: Till, spent: int, evidence: str, during: Any, after: Any, disputed: int
) -> None:
    deposit = await paid(shop)
    spend(shop, "usr_ann", spent * USD)
    ref = await dispute(shop, deposit)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == (during, (0, 20))
    await decide(shop, ref, evidence)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == (after, (0, disputed))


async def test_an_inquiry_takes_nothing(shop: Till) -> None:
    deposit = await paid(shop, card="pm_card_createDisputeInquiry")
    assert (moved(shop), await seen(shop, deposit)) == ((20, 20, 0, 0), (0, 0))


async def test_a_card_whose_holder_disputes_everything(shop: Till) -> None:
    deposit = await paid(shop, card="pm_card_createDispute")
    assert (moved(shop), await seen(shop, deposit)) == ((0, 20, 20, 0), (0, 20))


# ── order, repetition, races ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["webhook_reorder", "webhook_duplicate", "webhook_delay"])
async def test_the_order_and_repetition_of_webhooks_do_not_matter(shop: Till, fault: str) -> None:
    await shop.plan(fault, "payment_intent.succeeded", delay_s=5)
    await shop.plan(fault, "charge.dispute.created", delay_s=9)
    await shop.plan(fault, "refund.created", delay_s=7)
    made = await shop.service.deposits.start("usr_ann", "key", "USD", 20 * USD, "pm_card_visa")
    await refund(shop, made, 500)
    ref = await dispute(shop, made)
    await decide(shop, ref, "losing_evidence")
    for _ in range(4):
        await shop.settle()
        shop.clock.advance(4)
    await shop.settle()
    # 5.00 refunded, then 20.00 disputed of a payment of 20.00: more went back than came.
    assert (moved(shop), await seen(shop, made)) == ((0, -5, 0, 5), (5, 20))
    assert len(shop.ledger.posts) == len(set(shop.ledger.posts)) == 4


async def test_what_no_webhook_told_is_found_by_looking_back(shop: Till) -> None:
    deposit = await paid(shop)
    old = await shop.service.deposits.start("usr_bob", "key", "USD", 20 * USD, "pm_card_visa")
    await shop.settle()
    await shop.plan("webhook_drop", times=100)
    await refund(shop, old)
    shop.clock.advance(31 * 86_400)
    await refund(shop, deposit, 500)
    await shop.mock.service.dispute(deposit.payment_ref, 700)
    await shop.settle()
    assert await seen(shop, deposit) == (0, 0)
    for _ in range(2):
        await TIMED["look_back"].run(shop.service)
    assert (await seen(shop, deposit), await seen(shop, old)) == ((5, 7), (0, 0))
    assert shop.balance("usr_ann") == 8 * USD


async def test_several_who_follow_at_once_take_once(shop: Till) -> None:
    deposit = await paid(shop)
    spend(shop, "usr_ann", 14 * USD)
    await refund(shop, deposit)
    await asyncio.gather(*(shop.life().takebacks.follow(deposit.payment_ref) for _ in range(6)))
    assert moved(shop) == (0, 0, 0, 14)
    assert [topic for topic, _ in await shop.published()].count("DEPOSIT_TAKEN_BACK") == 1


async def test_who_spends_in_the_meantime_does_not_stop_it(shop: Till) -> None:
    deposit = await paid(shop)
    await refund(shop, deposit)
    look = shop.ledger._account

    def spent_right_after(ref: Any) -> pb.Account:
        seen = look(ref)
        spend(shop, "usr_ann", min(9 * USD, shop.balance("usr_ann")))
        return seen

    shop.ledger._account = spent_right_after  # pyright: ignore[reportAttributeAccessIssue]
    await shop.settle()
    assert moved(shop) == (0, 0, 0, 20)
    assert shop.ledger.posts[-1].endswith(":3"), "two attempts came too late"


async def test_a_ledger_that_is_away_is_asked_again(shop: Till) -> None:
    deposit = await paid(shop)
    await refund(shop, deposit)
    await shop.apis.stop()
    with pytest.raises(Unavailable):
        await shop.service.takebacks.follow(deposit.payment_ref)
    await shop.apis.start()
    await shop.settle()
    assert moved(shop) == (0, 0, 0, 0)


async def test_of_a_deposit_in_review_nothing_is_taken_before_it_is_credited(shop: Till) -> None:
    deposit = await paid(shop)
    async with shop.db.transaction() as tx:
        values = {"state": State.NEEDS_REVIEW.value}
        await tx.run(store.deposit.update().where(store.deposit.c.id == deposit.id).values(values))
    await refund(shop, deposit, 500)
    await shop.settle()
    assert moved(shop) == (20, 20, 0, 0)
    async with shop.db.transaction() as tx:
        await store.move(tx, deposit.id, State.SUCCEEDED)
    await shop.service.deposits.credit(deposit.id)
    await shop.settle()
    assert (moved(shop), await seen(shop, deposit)) == ((15, 15, 0, 0), (5, 0))


async def test_what_was_taken_back_of_somebody_elses_payment_is_ignored(shop: Till) -> None:
    for ref in ("", "pi_elsewhere"):
        assert await shop.service.takebacks.follow(ref) == "ignored"


# ── killed anywhere ─────────────────────────────────────────────────────────────────────────────────


async def live(shop: Till, service: Payments, deposit: Deposit, ending: str) -> None:
    """Follow a dispute from its opening to its end, or a refund to its failure, in one process."""
    if ending == "refund_fails":
        back = await refund(shop, deposit)
        await service.takebacks.follow(deposit.payment_ref)
        await shop.mock.service.fail_refund(back.id)
    else:
        ref = await dispute(shop, deposit)
        await service.takebacks.follow(deposit.payment_ref)
        await decide(shop, ref, ending)
    await service.takebacks.follow(deposit.payment_ref)


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
    async with till("sqlite", tmp_path, clock) as shop:

        async def begin(user_id: str) -> Deposit:
            deposit = await paid(shop, user_id)
            spend(shop, user_id, 14 * USD)
            return deposit

        fate = Fate()
        await live(shop, mortal(shop, fate), await begin("usr_whole"), ending)
        assert {"ask provider taken_back", "committed"} < set(fate.passed)
        before = moved(shop, "usr_whole")
        assert before == left
        for at, where in enumerate(fate.passed):
            user_id = f"usr_{at}"
            deposit = await begin(user_id)
            with pytest.raises(Killed):
                await live(shop, mortal(shop, Fate(at)), deposit, ending)
            # Killed before the dispute was decided, or the refund refused: the provider goes on all the same.
            await _let_it_end(shop, deposit, ending)
            await shop.settle()
            after = moved(shop, user_id)
            gained = (after[0], *(now - was for now, was in zip(after[1:], before[1:], strict=True)))
            assert gained == left, f"killed at {at}: {where}"
            before = after
            async with shop.db.snapshot() as tx:
                rows = await store.takebacks_of(tx, deposit.id)
            assert {row.state for row in rows} <= {BackState.LOST, BackState.UNDONE}


async def _let_it_end(shop: Till, deposit: Deposit, ending: str) -> None:
    asked: Any = {"payment_intent": deposit.payment_ref}
    if ending == "refund_fails":
        for back in await shop.look(lambda client: client.v1.refunds.list(asked).data):
            await shop.mock.service.fail_refund(back.id)
        return
    for one in await shop.look(lambda client: client.v1.disputes.list(asked).data):
        if one.status == "needs_response":
            await decide(shop, one.id, ending)
