"""Deposits that wait for an operator: the list of them, and the two ways out.

credit     what the provider took is credited; the provider is asked, never believed from a form
dismiss    nothing is credited; refused while the provider still has the customer's money
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tollway.contracts.events import DepositReviewed
from tollway.fabric import dead_letters
from tollway.fabric.db import Database
from tollway.kit.errors import Conflict, Invalid
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.services.payments.model import Deposit, DepositMove, DepositState
from tollway.services.payments.providers import Payment
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement, failed
from tollway.services.payments.store import deposits as store
from tollway.services.payments.store.debts import count_unsettled

REVIEWS = 50
Outcome = Literal["credit", "dismiss"]


class Waiting(NamedTuple):
    """How many deposits wait for a decision, since when (0: none does), the newest; debts, and work that gave up."""

    in_review: int
    oldest_us: int
    reviews: Sequence[Deposit]
    owing: int
    gave_up: int


class Reviews:
    """The operator's part of deposits."""

    def __init__(self, db: Database, providers: Providers, settlement: Settlement) -> None:
        self._db = db
        self._providers = providers
        self._settlement = settlement

    async def list(
        self,
        state: DepositState | None,
        limit: int,
        cursor: str,
        *,
        user_id: str = "",
        newest_first: bool = True,
    ) -> Page[Deposit]:
        """Return deposits in a state or any, of one customer or all, by when they were made.

        Raises Invalid for a cursor that is not ours.
        """
        (after_id,) = decode_cursor(cursor, str) or ("",)
        async with self._db.snapshot() as tx:
            rows = await store.list_deposits(
                tx, user_id, after_id, limit + 1, state=state, newest_first=newest_first
            )
        return make_page(rows, limit, lambda deposit: [deposit.id])

    async def overview(self) -> Waiting:
        """Return what of payments waits for a person."""
        async with self._db.snapshot() as tx:
            in_review, oldest_us = await store.count_in_review(tx)
            reviews = await store.list_deposits(tx, "", "", REVIEWS, state=DepositState.NEEDS_REVIEW)
            return Waiting(
                in_review, oldest_us, reviews, await count_unsettled(tx), await dead_letters.count(tx)
            )

    async def resolve(self, deposit_id: str, outcome: Outcome, reason: str, payment_ref: str = "") -> Deposit:
        """End a review. `payment_ref` names the provider's payment where the deposit does not know it.

        Raises NotFound, Conflict when there is nothing to review or what the provider says speaks against it, Invalid
        for a payment that is not this deposit's, ProviderUnavailable.
        """
        deposit = await self._settlement.load(deposit_id)
        if deposit.state != DepositState.NEEDS_REVIEW:
            raise Conflict(f"this deposit is {deposit.state} and needs no review")
        payment = await self._payment(deposit, payment_ref)
        if outcome == "credit":
            return await self._credit(deposit, payment, reason)
        return await self._dismiss(deposit, payment, reason)

    async def _payment(self, deposit: Deposit, given: str) -> Payment | None:
        if deposit.payment_ref and given not in ("", deposit.payment_ref):
            raise Invalid.of("payment", f"the payment of this deposit is {deposit.payment_ref}")
        ref = deposit.payment_ref or given
        payment = await self._providers.of(deposit.provider).find_payment(ref) if ref else None
        if given and (payment is None or payment.deposit_id != deposit.id):
            raise Invalid.of("payment", "the provider knows no such payment of this deposit")
        return payment

    async def _credit(self, deposit: Deposit, payment: Payment | None, reason: str) -> Deposit:
        if payment is None or payment.status != "succeeded" or payment.amount.count <= 0:
            raise Conflict(
                "the provider has taken no money for this deposit; name its payment, or dismiss it"
            )
        if payment.amount.currency != deposit.currency:
            raise Conflict(
                f"the provider took {payment.amount.currency}, and the deposit is in {deposit.currency}; refund it"
            )
        taken = {"amount": payment.amount.units, "payment_ref": payment.ref, "reason": ""}
        async with self._db.transaction() as tx:
            if await self._settlement.apply(tx, deposit, DepositMove(DepositState.SUCCEEDED, taken)):
                tx.publish(_reviewed(deposit, "credit", reason))
        return await self._settlement.credit(deposit.id)

    async def _dismiss(self, deposit: Deposit, payment: Payment | None, reason: str) -> Deposit:
        if payment is not None and payment.status == "succeeded":
            provider = self._providers.of(deposit.provider)
            parts = await provider.list_reversals(payment.ref) if provider.capabilities.reversals else ()
            if sum(part.amount.count for part in parts if part.status != "undone") < payment.amount.count:
                raise Conflict(
                    "the provider has the customer's money; credit the deposit, or refund it there first"
                )
        async with self._db.transaction() as tx:
            if await self._settlement.apply(tx, deposit, failed("dismissed")):
                tx.publish(_reviewed(deposit, "dismiss", reason))
        return await self._settlement.load(deposit.id)


def _reviewed(deposit: Deposit, outcome: Outcome, reason: str) -> DepositReviewed:
    return DepositReviewed(deposit_id=deposit.id, user_id=deposit.user_id, outcome=outcome, reason=reason)
