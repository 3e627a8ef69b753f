"""What nobody could decide is decided by an operator, with the provider as the witness."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import RunningPayments, running_payments
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.services.payments.model import Deposit, DepositState
from tollway.services.payments.store import tables

USD = 1_000_000
OPERATOR = "usr_operator"


async def in_review(payments: RunningPayments, key: str = "key", **values: Any) -> Deposit:
    """A deposit that was paid, but waits for a review."""
    made = await payments.service.deposits.start("usr_ann", key, "USD", 20 * USD, "pm_card_visa")
    async with payments.db.transaction() as tx:
        stuck = {"state": DepositState.NEEDS_REVIEW.value, "reason": "unknown_outcome", **values}
        await tx.run(tables.deposit.update().where(tables.deposit.c.id == made.id).values(stuck))
    return made


async def test_they_are_listed_newest_first(payments: RunningPayments) -> None:
    first, second = await in_review(payments, "a"), await in_review(payments, "b")
    page = await payments.service.reviews.list(DepositState.NEEDS_REVIEW, 1, "")
    assert [one.id for one in page.items] == [second.id]
    page = await payments.service.reviews.list(DepositState.NEEDS_REVIEW, 1, page.next_cursor)
    assert [one.id for one in page.items] == [first.id]
    assert (await payments.service.reviews.list(DepositState.FAILED, 10, "")).items == []


async def test_what_the_provider_took_is_credited_once(payments: RunningPayments) -> None:
    made = await in_review(payments, amount=25 * USD)
    done = await payments.service.reviews.resolve(made.id, "credit", "they paid 20")
    assert (done.state, done.amount, done.reason) == (DepositState.CREDITED, 20 * USD, "")
    await payments.drain()
    assert payments.balance("usr_ann") == 20 * USD
    published = dict(await payments.published())
    assert published["DEPOSIT_REVIEWED"]["outcome"] == "credit"
    assert published["DEPOSIT_REVIEWED"]["reason"] == "they paid 20"
    with pytest.raises(Conflict):
        await payments.service.reviews.resolve(made.id, "credit", "again")


async def test_a_payment_that_no_webhook_reported_can_be_named(payments: RunningPayments) -> None:
    made = await in_review(payments, payment_ref="")
    other = await in_review(payments, "other")
    with pytest.raises(Conflict):
        await payments.service.reviews.resolve(made.id, "credit", "no idea")
    for wrong in ("pi_none", other.payment_ref):
        with pytest.raises(Invalid):
            await payments.service.reviews.resolve(made.id, "credit", "that one", wrong)
    done = await payments.service.reviews.resolve(made.id, "credit", "this one", made.payment_ref)
    assert (done.state, done.payment_ref) == (DepositState.CREDITED, made.payment_ref)
    with pytest.raises(Invalid):
        await payments.service.reviews.resolve(other.id, "credit", "mixed up", made.payment_ref)


async def test_a_customers_money_is_not_dismissed(payments: RunningPayments) -> None:
    made = await in_review(payments)
    with pytest.raises(Conflict, match="refund it there first"):
        await payments.service.reviews.resolve(made.id, "dismiss", "away with it")
    asked: Any = {"payment_intent": made.payment_ref}
    await payments.at_provider(lambda client: client.v1.refunds.create(asked))
    done = await payments.service.reviews.resolve(made.id, "dismiss", "refunded")
    assert (done.state, done.reason) == (DepositState.FAILED, "dismissed")
    await payments.drain()
    assert payments.balance("usr_ann") == 0


async def test_what_needs_no_review_is_left_alone(payments: RunningPayments) -> None:
    made = await payments.service.deposits.start("usr_ann", "key", "USD", 20 * USD, "pm_card_visa")
    with pytest.raises(Conflict):
        await payments.service.reviews.resolve(made.id, "dismiss", "why")
    with pytest.raises(NotFound):
        await payments.service.reviews.resolve("dep_none", "dismiss", "why")


async def test_an_operator_does_it_over_http(tmp_path: Path, clock: FakeClock) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:
        made = await in_review(payments)
        listed = await payments.rest.get("/api/admin/deposits", f"{OPERATOR}:support")
        (shown,) = listed.json["items"]
        assert (shown["id"], shown["user_id"], shown["state"]) == (made.id, "usr_ann", "needs_review")
        address = f"/api/admin/deposits/{made.id}/resolve"
        body = {"outcome": "credit", "reason": "seen at the provider"}
        assert (await payments.rest.post(address, body, f"{OPERATOR}:support")).status == 403
        assert (await payments.rest.post(address, {**body, "reason": ""}, f"{OPERATOR}:admin")).status == 422
        done = await payments.rest.post(address, body, f"{OPERATOR}:admin")
        assert (done.status, done.json["state"]) == (200, "credited")
        assert (await payments.rest.post(address, body, f"{OPERATOR}:admin")).status == 409


async def test_an_operator_sees_the_deposits_and_debts_of_one_customer(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:
        support, ann, ben = f"{OPERATOR}:support", new_id("usr"), new_id("usr")
        made = [
            (await payments.service.deposits.start(user_id, f"key-{n}", "USD", 20 * USD, "pm_card_visa")).id
            for n, user_id in enumerate((ann, ann, ben))
        ]
        await payments.drain()
        api = payments.rest
        of_ann = (await api.get(f"/api/admin/deposits?user_id={ann}", support)).json["items"]
        assert [(one["id"], one["state"]) for one in of_ann] == [(made[1], "credited"), (made[0], "credited")]
        first = f"/api/admin/deposits?user_id={ann}&sort=created_at&limit=1"
        page = (await api.get(first, support)).json
        assert [one["id"] for one in page["items"]] == made[:1]
        second = (await api.get(f"{first}&cursor={page['next_cursor']}", support)).json
        assert [one["id"] for one in second["items"]] == made[1:2]
        failed = await api.get(f"/api/admin/deposits?user_id={ann}&state=failed", support)
        assert failed.json["items"] == []
        assert (await api.get("/api/admin/deposits", support)).json[
            "items"
        ] == []  # nothing waits for a review
        assert (await api.get(f"/api/admin/debts?user_id={ann}", support)).json["items"] == []
        assert (await api.get("/api/admin/debts?user_id=x", support)).status == 422


async def test_an_operator_sees_what_waits_for_a_decision(tmp_path: Path, clock: FakeClock) -> None:
    async with running_payments("sqlite", tmp_path, clock) as payments:
        path, support = "/api/admin/overview/payments", f"{OPERATOR}:support"
        nothing = (await payments.rest.get(path, support)).json
        assert nothing == {"in_review": 0, "oldest_review_at": None, "reviews": [], "owing": 0, "gave_up": 0}
        await in_review(payments)
        waits = (await payments.rest.get(path, support)).json
        assert waits["in_review"] == 1
        assert waits["oldest_review_at"]
        listed = (await payments.rest.get("/api/admin/deposits", support)).json["items"]
        assert waits["reviews"] == listed
        assert len(listed) == 1


async def test_decided_by_several_operators_at_once_it_is_decided_once(payments: RunningPayments) -> None:
    made = await in_review(payments)
    outcomes = await asyncio.gather(
        *(payments.service.reviews.resolve(made.id, "credit", "paid") for _ in range(3)),
        *(payments.service.reviews.resolve(made.id, "dismiss", "not paid") for _ in range(3)),
        return_exceptions=True,
    )
    assert {type(one) for one in outcomes} <= {Deposit, Conflict}
    await payments.drain()
    topics = [topic for topic, _ in await payments.published()]
    assert (topics.count("DEPOSIT_REVIEWED"), topics.count("DEPOSIT_CREDITED")) == (1, 1)
    assert payments.balance("usr_ann") == 20 * USD
