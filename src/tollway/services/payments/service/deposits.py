"""A deposit from the request to the credit.

    start    write it down → ask the provider → note what it said
    settle   the provider's word, from wherever it comes: its answer, its webhook, the janitor's question
    credit   post to the ledger under the payment's key, then say so; safe to repeat at any point
    resolve  what the janitor does with a deposit that stands still

No transaction is open while the provider or the ledger is asked. Whatever is killed in between is found by the
janitor, and every step is safe to repeat: the provider knows the deposit's key, the ledger the payment's.
"""

import logging
from typing import TYPE_CHECKING, Any

from tollway.contracts import ledger_pb2
from tollway.contracts.books import customer, platform, post_request, transfer
from tollway.contracts.chart.payments import CLEARING
from tollway.contracts.errors import CardDeclined, IdempotencyKeyReused, ProviderUnavailable
from tollway.contracts.events import DepositCredited, DepositFailed
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid, NotFound, Problem
from tollway.kit.ids import new_id
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.kit.times import SECOND_US
from tollway.services.payments import store
from tollway.services.payments.model import Deposit, State, check_range, ledger_key, to_cents
from tollway.services.payments.providers import Checkout, CustomerGone, Order, Payment, PaymentProvider
from tollway.services.payments.service.cards import Cards
from tollway.services.payments.settings import PaymentsSettings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

BATCH = 50
TAKE_BACK = "take_back"
LONGEST_WAIT_US = 3600 * SECOND_US


class Deposits:
    """Money on its way into wallets."""

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        provider: PaymentProvider,
        cards: Cards,
        ledger: "LedgerAsyncStub",
        public_url: str,
    ) -> None:
        self._db = db
        self._settings = settings
        self._provider = provider
        self._cards = cards
        self._ledger = ledger
        self._public_url = public_url.rstrip("/")

    # ── the customer's request ──────────────────────────────────────────────────────────────────────

    async def start(self, user_id: str, key: str, currency: str, amount: int, method: str) -> Deposit:
        """Begin a deposit; without a `method` the customer pays on a page of the provider (`action_url`).

        The same key again goes on where the first request stood. Raises Invalid, NotFound (no such card),
        CardDeclined, IdempotencyKeyReused. If the provider does not answer, the deposit stays `processing`.
        """
        self._check(currency, amount)
        token = await self._cards.token_of(user_id, method)
        asked = self._new(user_id, key, currency, amount, token)
        deposit = await self._written(asked)
        if deposit.state == State.FAILED and deposit.decline_code:
            raise CardDeclined(
                decline_code=deposit.decline_code, reason=deposit.reason, deposit_id=deposit.id
            )
        unanswered = not (deposit.payment_ref or deposit.checkout_ref)
        if deposit.state in (State.CREATED, State.PROCESSING) and unanswered:
            return await self._pay(deposit)
        return deposit

    async def get(self, user_id: str, deposit_id: str) -> Deposit:
        """Return a user's own deposit. Raises NotFound."""
        deposit = await self.any_deposit(deposit_id)
        if deposit.user_id != user_id:
            raise NotFound("there is no such deposit")
        return deposit

    async def any_deposit(self, deposit_id: str) -> Deposit:
        """Return a deposit, whoever's it is. Raises NotFound."""
        async with self._db.snapshot() as tx:
            deposit = await store.find_deposit(tx, deposit_id)
        if deposit is None:
            raise NotFound("there is no such deposit")
        return deposit

    async def list(self, user_id: str, limit: int, cursor: str) -> Page[Deposit]:
        """Return a user's deposits, newest first. Raises Invalid for a cursor that is not ours."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        async with self._db.snapshot() as tx:
            rows = await store.list_deposits(tx, user_id, before_id, limit + 1)
        return make_page(rows, limit, lambda deposit: [deposit.id])

    def _check(self, currency: str, amount: int) -> None:
        if currency not in self._settings.currencies:
            raise Invalid.of("currency", f"must be one of {', '.join(self._settings.currencies)}")
        to_cents(amount)
        check_range(amount, self._settings.deposit_min, self._settings.deposit_max)

    def _new(self, user_id: str, key: str, currency: str, amount: int, token: str) -> Deposit:
        now_us = self._db.clock.now_us()
        return Deposit(
            id=new_id("dep"),
            user_id=user_id,
            request_key=key,
            currency=currency,
            amount=amount,
            method=token,
            checkout=not token,
            state=State.CREATED,
            reason="",
            decline_code="",
            provider=self._provider.name,
            customer_ref="",
            payment_ref="",
            checkout_ref="",
            action_url="",
            transaction_id="",
            check_at_us=now_us + self._patience_us,
            created_at_us=now_us,
            updated_at_us=now_us,
        )

    async def _written(self, asked: Deposit) -> Deposit:
        """Write a deposit down, or return the one that was asked for under the same key."""
        async with self._db.transaction() as tx:
            if await store.add_deposit(tx, asked):
                return asked
            known = await store.find_by_request(tx, asked.user_id, asked.request_key)
        assert known is not None, "a row was in the way, so it is there"
        if not known.asks_the_same(asked):
            raise IdempotencyKeyReused
        return known

    # ── asking the provider ─────────────────────────────────────────────────────────────────────────

    async def _pay(self, deposit: Deposit) -> Deposit:
        """Ask the provider for the money, and note its answer."""
        customer = await self._cards.customer_of(deposit.user_id)
        async with self._db.transaction() as tx:
            # From here on the provider may have been asked; before it, certainly not.
            wait = {"customer_ref": customer, "check_at_us": tx.now_us + self._patience_us}
            await store.move(tx, deposit.id, State.PROCESSING, **wait)
            now = await store.find_deposit(tx, deposit.id)
        if now is None or now.state != State.PROCESSING:
            # The janitor gave it up a moment ago: then it must not be charged.
            return await self.any_deposit(deposit.id)
        try:
            if deposit.checkout:
                return await self._opened(deposit, await self._page(deposit, customer))
            payment = await self._charged(deposit, customer)
        except ProviderUnavailable:
            if deposit.checkout:
                raise  # no page, nothing to pay: the customer can only try again
            return await self.any_deposit(deposit.id)
        except Invalid as refusal:
            await self.fail(deposit, "refused")
            raise Invalid(refusal.detail, **refusal.extra, deposit_id=deposit.id) from refusal
        settled = await self.settle(deposit, payment)
        if settled.state == State.FAILED:
            raise CardDeclined(
                payment.message,
                decline_code=settled.decline_code,
                reason=settled.reason,
                deposit_id=settled.id,
            )
        return settled

    async def _charged(self, deposit: Deposit, customer: str) -> Payment:
        return_url = self._way_back(deposit, self._settings.success_url)
        try:
            return await self._provider.charge(self._order(deposit, customer), deposit.method, return_url)
        except CustomerGone:
            customer = await self._cards.another_customer_of(deposit.user_id)
            return await self._provider.charge(self._order(deposit, customer), deposit.method, return_url)

    async def _page(self, deposit: Deposit, customer: str) -> Checkout:
        success = self._way_back(deposit, self._settings.success_url)
        cancel = self._way_back(deposit, self._settings.cancel_url or self._settings.success_url)
        try:
            return await self._provider.open_checkout(self._order(deposit, customer), success, cancel)
        except CustomerGone:
            customer = await self._cards.another_customer_of(deposit.user_id)
            return await self._provider.open_checkout(self._order(deposit, customer), success, cancel)

    async def _opened(self, deposit: Deposit, page: Checkout) -> Deposit:
        async with self._db.transaction() as tx:
            page_of = {"checkout_ref": page.ref, "action_url": page.url}
            await store.note(tx, deposit.id, State.PROCESSING, **page_of)
        return await self.any_deposit(deposit.id)

    def _order(self, deposit: Deposit, customer: str) -> Order:
        return Order(deposit.id, deposit.user_id, customer, to_cents(deposit.amount), deposit.currency)

    def _way_back(self, deposit: Deposit, configured: str) -> str:
        return configured or f"{self._public_url}/api/wallet/deposits/{deposit.id}"

    # ── the provider's word ─────────────────────────────────────────────────────────────────────────

    async def settle(self, deposit: Deposit, payment: Payment) -> Deposit:
        """Note what the provider says about a deposit's payment; old news changes nothing."""
        if payment.status == "succeeded":
            await self._succeed(deposit, payment)
        elif payment.status == "canceled" or (payment.status == "failed" and not deposit.checkout):
            await self.fail(deposit, payment.reason or payment.status, payment)
        elif payment.status != "failed":
            # On a hosted page a declined card is not the end: the customer may try another one.
            async with self._db.transaction() as tx:
                waiting = {"payment_ref": payment.ref, "action_url": payment.action_url}
                await store.note(tx, deposit.id, State.PROCESSING, **waiting)
        return await self.any_deposit(deposit.id)

    async def fail(self, deposit: Deposit, reason: str, payment: Payment | None = None) -> None:
        """Close a deposit that brought nothing, unless it has gone further meanwhile."""
        values: dict[str, Any] = {"reason": reason, "action_url": ""}
        if payment is not None:
            values |= {"payment_ref": payment.ref, "decline_code": payment.decline_code}
        async with self._db.transaction() as tx:
            if await store.move(tx, deposit.id, State.FAILED, **values):
                tx.publish(DepositFailed(deposit_id=deposit.id, user_id=deposit.user_id, reason=reason))

    async def _succeed(self, deposit: Deposit, payment: Payment) -> None:
        taken = (payment.cents, payment.currency)
        if taken != (to_cents(deposit.amount), deposit.currency):
            _log.error("deposit %s: the provider took %s %s", deposit.id, *taken)
            await self._review(deposit, "amount_differs", payment_ref=payment.ref)
            return
        async with self._db.transaction() as tx:
            await store.move(
                tx,
                deposit.id,
                State.SUCCEEDED,
                payment_ref=payment.ref,
                reason="",
                decline_code="",
                action_url="",
                check_at_us=tx.now_us + self._patience_us,
            )

    async def _review(self, deposit: Deposit, reason: str, **values: Any) -> None:
        """Hand a deposit to a person."""
        _log.error("deposit %s needs a look: %s", deposit.id, reason)
        async with self._db.transaction() as tx:
            await store.move(tx, deposit.id, State.NEEDS_REVIEW, reason=reason, **values)

    # ── the credit ──────────────────────────────────────────────────────────────────────────────────

    async def credit(self, deposit_id: str) -> Deposit:
        """Credit a deposit that has succeeded, once, however often this is called.

        Raises Unavailable or DeadlineExceeded when the ledger does not answer: call again.
        """
        deposit = await self.any_deposit(deposit_id)
        if deposit.state != State.SUCCEEDED:
            return deposit
        try:
            posted = await self._ledger.Post(_posting(deposit))
        except Problem as problem:
            if problem.status >= 500:
                raise
            await self._review(deposit, problem.code)
            return await self.any_deposit(deposit_id)
        async with self._db.transaction() as tx:
            if await store.move(tx, deposit.id, State.CREDITED, transaction_id=posted.transaction_id):
                if await store.takebacks_of(tx, deposit.id):
                    # Some of it was taken back while it was not ours yet.
                    tx.enqueue(TAKE_BACK, {"payment_ref": deposit.payment_ref})
                tx.publish(
                    DepositCredited(
                        deposit_id=deposit.id,
                        user_id=deposit.user_id,
                        currency=deposit.currency,
                        amount=deposit.amount,
                    )
                )
        return await self.any_deposit(deposit_id)

    # ── the janitor ─────────────────────────────────────────────────────────────────────────────────

    async def tend(self) -> None:
        """Take up every deposit that stood still for too long."""
        async with self._db.snapshot() as tx:
            due = await store.due_deposits(tx, BATCH)
        for deposit in due:
            # Next time later: as long as it has been waiting already, up to an hour.
            waited_us = self._db.clock.now_us() - deposit.created_at_us
            async with self._db.transaction() as tx:
                wait_us = min(max(waited_us, self._patience_us), LONGEST_WAIT_US)
                await store.note(tx, deposit.id, deposit.state, check_at_us=tx.now_us + wait_us)
            try:
                await self.resolve(deposit)
            except Problem as problem:
                _log.warning("deposit %s waits: %s", deposit.id, problem.detail)

    async def resolve(self, deposit: Deposit) -> Deposit:
        """Find out what became of an open deposit, and finish it. Raises what the provider or the ledger raise."""
        if deposit.state == State.CREATED:
            # The provider was never asked: nothing can have been taken.
            await self.fail(deposit, "interrupted")
        elif deposit.state == State.PROCESSING:
            await (self._resolve_page(deposit) if deposit.checkout else self._resolve_charge(deposit))
        return await self.credit(deposit.id)

    async def _resolve_page(self, deposit: Deposit) -> None:
        if not deposit.checkout_ref:
            # Nobody was told where the page is, so nobody can have paid on it.
            await self.fail(deposit, "interrupted")
            return
        page = await self._provider.find_checkout(deposit.checkout_ref)
        payment = await self._provider.find_payment(page.payment_ref) if page and page.payment_ref else None
        if payment is not None:
            await self.settle(deposit, payment)
        elif page is None:
            await self._review(deposit, "unknown_to_provider")
        elif page.status == "expired":
            await self.fail(deposit, "expired")

    async def _resolve_charge(self, deposit: Deposit) -> None:
        waited_s = (self._db.clock.now_us() - deposit.created_at_us) / SECOND_US
        if deposit.payment_ref:
            payment = await self._provider.find_payment(deposit.payment_ref)
            if payment and payment.status == "requires_action" and waited_s > self._settings.abandon_after_s:
                payment = await self._provider.cancel(deposit.payment_ref)
        elif waited_s > self._settings.resolve_within_s:
            # The provider forgets keys after a day; long before that, asking again must stop.
            await self._review(deposit, "unknown_outcome")
            return
        else:
            try:
                payment = await self._charged(deposit, deposit.customer_ref)
            except Invalid:
                await self.fail(deposit, "refused")
                return
        if payment is None:
            await self._review(deposit, "unknown_to_provider")
        else:
            await self.settle(deposit, payment)

    @property
    def _patience_us(self) -> int:
        return int(self._settings.stuck_after_s * SECOND_US)


def _posting(deposit: Deposit) -> ledger_pb2.PostRequest:
    """Make the transaction that credits a deposit: the same bytes each time, as the ledger compares them."""
    clearing = platform("payments", deposit.currency, CLEARING)
    wallet = customer(deposit.user_id, deposit.currency)
    return post_request(
        "payments",
        ledger_key(deposit.payment_ref),
        "deposit",
        [transfer(clearing, wallet, deposit.amount)],
        actor="payments",
        meta={"deposit": deposit.id, "provider": deposit.provider, "payment": deposit.payment_ref},
    )
