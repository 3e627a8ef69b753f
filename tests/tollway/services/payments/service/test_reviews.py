"""What nobody could decide is decided by an operator, with the provider as the witness."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import Till, till
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.payments import store
from tollway.services.payments.model import Deposit, State

USD = 1_000_000
BOSS = "usr_boss"


async def in_review(shop: Till, key: str = "key", **values: Any) -> Deposit:
    """A deposit that was paid, but waits for a person."""
    made = await shop.service.deposits.start("usr_ann", key, "USD", 20 * USD, "pm_card_visa")
    async with shop.db.transaction() as tx:
        stuck = {"state": State.NEEDS_REVIEW.value, "reason": "unknown_outcome", **values}
        await tx.run(store.deposit.update().where(store.deposit.c.id == made.id).values(stuck))
    return made


async def test_they_are_listed_newest_first(shop: Till) -> None:
    first, second = await in_review(shop, "a"), await in_review(shop, "b")
    page = await shop.service.reviews.list(State.NEEDS_REVIEW, 1, "")
    assert [one.id for one in page.items] == [second.id]
    page = await shop.service.reviews.list(State.NEEDS_REVIEW, 1, page.next_cursor)
    assert [one.id for one in page.items] == [first.id]
    assert (await shop.service.reviews.list(State.FAILED, 10, "")).items == []


async def test_what_the_provider_took_is_credited_once(shop: Till) -> None:
    made = await in_review(shop, amount=25 * USD)
    done = await shop.service.reviews.resolve(made.id, "credit", "they paid 20")
    assert (done.state, done.amount, done.reason) == (State.CREDITED, 20 * USD, "")
    await shop.settle()
    assert shop.balance("usr_ann") == 20 * USD
    published = dict(await shop.published())
    assert published["DEPOSIT_REVIEWED"]["outcome"] == "credit"
    assert published["DEPOSIT_REVIEWED"]["reason"] == "they paid 20"
    with pytest.raises(Conflict):
        await shop.service.reviews.resolve(made.id, "credit", "again")


async def test_a_payment_that_was_never_heard_of_can_be_named(shop: Till) -> None:
    made = await in_review(shop, payment_ref="")
    other = await in_review(shop, "other")
    with pytest.raises(Conflict):
        await shop.service.reviews.resolve(made.id, "credit", "no idea")
    for wrong in ("pi_none", other.payment_ref):
        with pytest.raises(Invalid):
            await shop.service.reviews.resolve(made.id, "credit", "that one", wrong)
    done = await shop.service.reviews.resolve(made.id, "credit", "this one", made.payment_ref)
    assert (done.state, done.payment_ref) == (State.CREDITED, made.payment_ref)
    with pytest.raises(Invalid):
        await shop.service.reviews.resolve(other.id, "credit", "mixed up", made.payment_ref)


async def test_a_customers_money_is_not_dismissed(shop: Till) -> None:
    made = await in_review(shop)
    with pytest.raises(Conflict, match="refund it there first"):
        await shop.service.reviews.resolve(made.id, "dismiss", "away with it")
    asked: Any = {"payment_intent": made.payment_ref}
    await shop.look(lambda client: client.v1.refunds.create(asked))
    done = await shop.service.reviews.resolve(made.id, "dismiss", "refunded")
    assert (done.state, done.reason) == (State.FAILED, "dismissed")
    await shop.settle()
    assert shop.balance("usr_ann") == 0


async def test_what_needs_no_review_is_left_alone(shop: Till) -> None:
    made = await shop.service.deposits.start("usr_ann", "key", "USD", 20 * USD, "pm_card_visa")
    with pytest.raises(Conflict):
        await shop.service.reviews.resolve(made.id, "dismiss", "why")
    with pytest.raises(NotFound):
        await shop.service.reviews.resolve("dep_none", "dismiss", "why")


async def test_an_operator_does_it_over_http(tmp_path: Path, clock: FakeClock) -> None:
    async with till("sqlite", tmp_path, clock) as shop:
        made = await in_review(shop)
        listed = await shop.rest.get("/api/admin/deposits", f"{BOSS}:support")
        (shown,) = listed.json["items"]
        assert (shown["id"], shown["user_id"], shown["state"]) == (made.id, "usr_ann", "needs_review")
        address = f"/api/admin/deposits/{made.id}/resolve"
        wish = {"outcome": "credit", "reason": "seen at the provider"}
        assert (await shop.rest.post(address, wish, f"{BOSS}:support")).status == 403
        assert (await shop.rest.post(address, {**wish, "reason": ""}, f"{BOSS}:admin")).status == 422
        done = await shop.rest.post(address, wish, f"{BOSS}:admin")
        assert (done.status, done.json["state"]) == (200, "credited")
        assert (await shop.rest.post(address, wish, f"{BOSS}:admin")).status == 409
