"""What was reversed and spent is owed: new money settles it first, and nobody keeps any of it by moving it about."""

import itertools
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.delays import SlowChannel
from tests.kit.killing import Fate, Killed
from tests.kit.payments import RunningPayments, running_payments
from tests.tollway.services.payments.service.test_payments import mortal
from tests.tollway.services.payments.service.test_reversals import (
    USD,
    decide,
    dispute,
    moved,
    owed,
    paid,
    refund,
    spend,
)
from tollway.contracts.events import GiftMade
from tollway.services.payments import subscribers
from tollway.services.payments.jobs import TIMED
from tollway.services.payments.model import Debt, Deposit
from tollway.services.payments.store import debts as store

ANN, BOB = "usr_ann", "usr_bob"


async def debts(payments: RunningPayments) -> list[Debt]:
    return list((await payments.service.debts.list(10, "")).items)


async def pay(payments: RunningPayments, key: str, amount: int) -> Deposit:
    made = await payments.service.deposits.start(ANN, key, "USD", amount, "pm_card_visa")
    await payments.drain()
    return await payments.load(made.id)


def give(payments: RunningPayments, giver: str, receiver: str, amount: int) -> None:
    payments.ledger.move(("user", giver, "USD", "available"), ("user", receiver, "USD", "available"), amount)


async def collect(payments: RunningPayments) -> None:
    payments.clock.advance(3601)
    await TIMED["collect_debts"].run(payments.service)


@pytest.fixture
async def indebted(payments: RunningPayments) -> Deposit:
    """Ann spent 14 of 20 USD before the deposit was refunded."""
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    await refund(payments, deposit)
    await payments.drain()
    return deposit


async def test_new_money_settles_a_debt_in_its_own_posting(
    payments: RunningPayments, indebted: Deposit
) -> None:
    assert [(one.user_id, one.owed) for one in await debts(payments)] == [(ANN, 14 * USD)]
    posts = len(payments.ledger.posts)
    first = await pay(payments, "second", 10 * USD)
    assert (first.settles, payments.balance(ANN), owed(payments)) == (10 * USD, 0, 4 * USD)
    last = await pay(payments, "third", 10 * USD)
    assert (last.settles, payments.balance(ANN), owed(payments)) == (4 * USD, 6 * USD, 0)
    assert len(payments.ledger.posts) == posts + 2, "the money is never in the wallet first"
    assert await debts(payments) == []
    shown = await payments.rest.get(f"/api/wallet/deposits/{last.id}", ANN)
    assert (shown.json["amount"], shown.json["debt_settled"]) == ("10.00", "4.00")
    news = [event for topic, event in await payments.published() if topic == "DEBT_SETTLED"]
    assert [(one["amount"], one["owed"]) for one in news] == [(10 * USD, 4 * USD), (4 * USD, 0)]


async def test_a_gift_settles_a_debt_too(payments: RunningPayments, indebted: Deposit) -> None:
    payments.ledger.give(BOB, "USD", 30 * USD)
    give(payments, BOB, ANN, 5 * USD)
    await collect(payments)
    assert (payments.balance(ANN), owed(payments)) == (0, 9 * USD)
    give(payments, BOB, ANN, 20 * USD)
    await collect(payments)
    assert (payments.balance(ANN), owed(payments)) == (11 * USD, 0)
    posts = list(payments.ledger.posts)
    await collect(payments)
    assert payments.ledger.posts == posts


@pytest.mark.parametrize("waited_s", [0, 60, 3600, 90_000])
async def test_a_gift_is_collected_when_it_comes_however_old_the_debt_is(
    payments: RunningPayments, indebted: Deposit, waited_s: int
) -> None:
    for _ in range(4):
        payments.clock.advance(waited_s / 4)
        await TIMED["collect_debts"].run(payments.service)
    payments.ledger.give(BOB, "USD", 30 * USD)
    give(payments, BOB, ANN, 9 * USD)
    for user_id, asset in ((BOB, "USD"), (ANN, "EUR"), (ANN, "bandwidth.residential.standard")):
        await told(payments, user_id, asset)
        assert payments.balance(ANN) == 9 * USD, "of somebody else, or of something else"
    await told(payments, ANN, "USD")
    assert (payments.balance(ANN), owed(payments)) == (0, 5 * USD)
    give(payments, BOB, ANN, 8 * USD)
    await told(payments, ANN, "USD")
    assert (payments.balance(ANN), owed(payments)) == (3 * USD, 0)
    posts = list(payments.ledger.posts)
    await told(payments, ANN, "USD")
    assert payments.ledger.posts == posts


async def told(payments: RunningPayments, user_id: str, asset: str) -> None:
    """Let payments know that somebody was given something, and do what it leaves."""
    event = GiftMade(
        transaction_id="txn_1",
        user_id=user_id,
        from_user_id=BOB,
        asset=asset,
        kind="money",
        amount=1,
        note="",
    )
    async with payments.db.transaction() as tx:
        await subscribers.on_gift_made(payments.service, tx, event)
    await payments.drain()


async def test_an_empty_wallet_costs_the_ledger_no_posting(
    payments: RunningPayments, indebted: Deposit
) -> None:
    posts = list(payments.ledger.posts)
    for _ in range(5):
        await collect(payments)
    assert payments.ledger.posts == posts


@pytest.mark.parametrize("settled", [0, 4, 14])
async def test_what_was_settled_of_a_refund_that_failed_comes_back(
    payments: RunningPayments, settled: int
) -> None:
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    back = await refund(payments, deposit)
    await payments.drain()
    if settled:
        await pay(payments, "second", settled * USD)
    await payments.mock.service.fail_refund(back.id)
    await payments.drain()
    await collect(payments)
    assert (payments.balance(ANN), owed(payments)) == ((6 + settled) * USD, 0)
    assert await debts(payments) == []


async def test_a_dispute_that_is_lost_leaves_the_debt_open(payments: RunningPayments) -> None:
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    ref = await dispute(payments, deposit)
    await payments.drain()
    await decide(payments, ref, "losing_evidence")
    await payments.drain()
    assert moved(payments) == (0, 0, 0, 14)
    await pay(payments, "second", 20 * USD)
    assert (payments.balance(ANN), owed(payments)) == (6 * USD, 0)


async def test_operators_see_who_owes_what(payments: RunningPayments, indebted: Deposit) -> None:
    listed = await payments.rest.get("/api/admin/debts", "usr_sam:support")
    assert [(one["user_id"], one["currency"], one["owed"]) for one in listed.json["items"]] == [
        (ANN, "USD", "14.00")
    ]
    for token, status in (("", 401), (ANN, 403)):
        assert (await payments.rest.get("/api/admin/debts", token)).status == status
    assert (await payments.rest.get("/api/admin/debts?cursor=%00", "usr_sam:support")).status == 422


# ── whoever moves money meanwhile ───────────────────────────────────────────────────────────────────

Trick = Callable[[RunningPayments, random.Random], None]


def _to_a_friend(payments: RunningPayments, dice: random.Random) -> None:
    if left := payments.balance(ANN):
        give(payments, ANN, BOB, dice.choice([1, min(2, left), max(left // 2, 1), max(left - 1, 1), left]))


def _back(payments: RunningPayments, dice: random.Random) -> None:
    if left := payments.balance(BOB):
        give(payments, BOB, ANN, dice.choice([1, max(left // 2, 1), left]))


def _spend(payments: RunningPayments, dice: random.Random) -> None:
    if left := payments.balance(ANN):
        spend(payments, ANN, dice.choice([1, max(left // 3, 1)]))


TRICKS: tuple[Trick, ...] = (_to_a_friend, _back, _spend)


@pytest.fixture
async def payments(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningPayments]:
    async with running_payments(kind, tmp_path, clock) as opened:
        yield opened


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_kept_by_who_moves_amounts_at_every_point(
    tmp_path: Path, clock: FakeClock, seed: int, *, before: bool
) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:
        dice = random.Random(seed)

        async def trick(_name: str) -> None:
            for chosen in dice.choices(TRICKS, k=dice.randint(1, 3)):
                chosen(payments, dice)

        service = payments.restarted(channel=SlowChannel(payments.apis, "payments", trick, before=before))
        deposit = await paid(payments)
        back = await dispute(payments, deposit)
        await service.reversals.follow("stripe", deposit.payment_ref)
        wallet, friend, spent = payments.balance(ANN), payments.balance(BOB), _spent(payments)
        assert wallet + friend + spent == owed(payments), "what she still has or spent, she owes"
        # All that comes to her afterwards goes to the debt, until it is settled.
        for amount in itertools.repeat(7 * USD, 6):
            payments.ledger.give(ANN, "USD", amount)
            clock.advance(3601)
            await TIMED["collect_debts"].run(service)
        if kept := payments.balance(BOB):
            give(payments, BOB, ANN, kept)
        await collect(payments)
        assert owed(payments) == sum(one.outstanding for one in await debts(payments))
        assert payments.balance(ANN) == 0 or owed(payments) == 0
        await decide(payments, back, "losing_evidence")
        await payments.drain()
        total = payments.balance(ANN) + payments.balance(BOB) + _spent(payments) - owed(payments)
        assert total == 42 * USD, "the platform bears nothing"


def _spent(payments: RunningPayments) -> int:
    return payments.ledger.counters("platform", "orders", "USD", "revenue").balance


# ── killed anywhere ─────────────────────────────────────────────────────────────────────────────────


async def _life(payments: RunningPayments, service: Any, user_id: str) -> None:
    """A debt that is settled by a gift, by a deposit, and in part returned when the refund fails."""
    made = await service.deposits.start(user_id, "second", "USD", 5 * USD, "pm_card_visa")
    await service.settlement.credit(made.id)
    payments.ledger.give(user_id, "USD", 3 * USD)
    await service.debts.collect(user_id, "USD")


@pytest.mark.slow
async def test_killed_anywhere_a_debt_is_settled_once(tmp_path: Path, clock: FakeClock) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:

        async def begin(user_id: str) -> Any:
            deposit = await paid(payments, user_id)
            spend(payments, user_id, 14 * USD)
            back = await refund(payments, deposit)
            await payments.drain()
            return back

        fate = Fate()
        await begin("usr_whole")
        await _life(payments, mortal(payments, fate), "usr_whole")
        assert {"asked /tollway.ledger.v1.Ledger/Post", "committed"} < set(fate.passed)
        for at, where in enumerate(fate.passed):
            user_id = f"usr_{at}"
            back = await begin(user_id)
            with pytest.raises(Killed):
                await _life(payments, mortal(payments, Fate(at)), user_id)
            for _ in range(3):
                clock.advance(3601)
                await TIMED["reconcile_stale"].run(payments.service)
                await TIMED["collect_debts"].run(payments.service)
                await payments.drain()
            async with payments.db.snapshot() as tx:
                debt = await store.find_debt_of(tx, user_id, "USD")
            assert debt is not None
            account = payments.ledger.counters("user", user_id, "USD", "debt")
            assert (debt.claimed, debt.owed) == (0, -account.balance), f"killed at {at}: {where}"
            assert payments.balance(user_id) == 0
            given = payments.ledger.wallet(user_id, "USD").credits_posted
            assert debt.owed == 14 * USD - (given - 20 * USD), f"killed at {at}: {where}"
            await payments.mock.service.fail_refund(back.id)
            await payments.drain()
            await TIMED["collect_debts"].run(payments.service)
            assert payments.balance(user_id) == 6 * USD + given - 20 * USD
