"""The customer's request for a deposit.

    start    store it → ask the provider → record its answer

No transaction is open while the provider is asked. What is interrupted in between is found by reconciliation, and every
step is safe to repeat: the provider knows the deposit's key.
"""

from collections.abc import Sequence

from tollway.contracts.errors import CardDeclined, IdempotencyKeyReused, PaymentFailed, ProviderUnavailable
from tollway.contracts.events import DepositRequested
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.services.payments.model import Deposit, DepositMove, DepositState, check_range, minor
from tollway.services.payments.service.charging import Charging
from tollway.services.payments.service.methods import SavedMethods
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.settings import PaymentsSettings
from tollway.services.payments.store import deposits as store


class Deposits:
    """Starts deposits and shows them to their owners."""

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        providers: Providers,
        methods: SavedMethods,
        charging: Charging,
        settlement: Settlement,
        patience_us: int,
        currencies: Sequence[str],
    ) -> None:
        self._db = db
        self._currencies = currencies
        self._settings = settings
        self._providers = providers
        self._methods = methods
        self._charging = charging
        self._settlement = settlement
        self._patience_us = patience_us

    async def start(
        self, user_id: str, key: str, currency: str, amount: int, method: str, provider: str = ""
    ) -> Deposit:
        """Begin a deposit; without a `method` the customer pays on a page of the provider (`action_url`).

        The same key again continues where the first request stood. Raises Invalid, NotFound (no such payment method),
        CardDeclined, PaymentFailed, IdempotencyKeyReused. If the provider does not answer, it stays `processing`.
        """
        name, token = await self._provider_and_token(user_id, method, provider)
        self._check(name, currency, amount)
        asked = self._new(user_id, key, currency, amount, token, name)
        deposit = await self._stored(asked)
        unanswered = not (deposit.payment_ref or deposit.checkout_ref)
        if deposit.state in (DepositState.CREATED, DepositState.PROCESSING) and unanswered:
            deposit = await self._pay(deposit)
        if deposit.state == DepositState.FAILED:
            raise _failure(deposit)
        return deposit

    async def get(self, user_id: str, deposit_id: str) -> Deposit:
        """Return a user's own deposit. Raises NotFound."""
        deposit = await self._settlement.load(deposit_id)
        if deposit.user_id != user_id:
            raise NotFound("there is no such deposit")
        return deposit

    async def list(self, user_id: str, limit: int, cursor: str) -> Page[Deposit]:
        """Return a user's deposits, newest first. Raises Invalid for a cursor that is not ours."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        async with self._db.snapshot() as tx:
            rows = await store.list_deposits(tx, user_id, before_id, limit + 1)
        return make_page(rows, limit, lambda deposit: [deposit.id])

    async def _provider_and_token(self, user_id: str, method: str, provider: str) -> tuple[str, str]:
        """Say which provider does it, and with which of its tokens. Raises Invalid, NotFound."""
        if not method:
            return self._providers.to_host(provider).name, ""
        saved = await self._methods.find(user_id, method)
        if saved is None:
            return self._providers.to_charge(provider).name, method
        if provider not in ("", saved.provider):
            raise Invalid.of("provider", f"this payment method is saved at {saved.provider}")
        return self._providers.to_charge(saved.provider).name, saved.ref

    def _check(self, provider: str, currency: str, amount: int) -> None:
        if currency not in self._currencies:
            raise Invalid.of("currency", f"must be one of {', '.join(self._currencies)}")
        if currency in self._providers.of(provider).capabilities.refused_currencies:
            raise Invalid.of("currency", f"{provider} does not take {currency}; choose another provider")
        minor(amount, currency)
        limits = self._settings.limits_of(currency)
        check_range(amount, limits.min, limits.max)

    def _new(self, user_id: str, key: str, currency: str, amount: int, token: str, provider: str) -> Deposit:
        now_us = self._db.clock.now_us()
        return Deposit(
            id=new_id("dep"),
            user_id=user_id,
            request_key=key,
            currency=currency,
            amount=amount,
            method=token,
            checkout=not token,
            state=DepositState.CREATED,
            reason="",
            decline_code="",
            provider=provider,
            customer_ref="",
            payment_ref="",
            checkout_ref="",
            action_url="",
            transaction_id="",
            check_at_us=now_us + self._patience_us,
            created_at_us=now_us,
            updated_at_us=now_us,
        )

    async def _stored(self, asked: Deposit) -> Deposit:
        """Store a deposit, or return the one that was asked for under the same key."""
        async with self._db.transaction() as tx:
            if await store.add_deposit(tx, asked):
                tx.publish(
                    DepositRequested(
                        deposit_id=asked.id,
                        user_id=asked.user_id,
                        currency=asked.currency,
                        amount=asked.amount,
                    )
                )
                return asked
            known = await store.find_by_request(tx, asked.user_id, asked.request_key)
        assert known is not None, "a row was in the way, so it is there"
        if not known.asks_the_same(asked):
            raise IdempotencyKeyReused
        return known

    async def _pay(self, deposit: Deposit) -> Deposit:
        """Ask the provider for the money, and record its answer."""
        customer = await self._charging.customer(deposit)
        async with self._db.transaction() as tx:
            # From here on the provider may have been asked; before it, certainly not.
            wait = {"customer_ref": customer, "check_at_us": tx.now_us + self._patience_us}
            mine = await self._settlement.apply(tx, deposit, DepositMove(DepositState.PROCESSING, wait))
        deposit = await self._settlement.load(deposit.id)
        if not mine or deposit.state != DepositState.PROCESSING:
            # Reconciliation gave it up a moment ago, or another request with the key asks: not from here.
            return deposit
        try:
            if deposit.checkout:
                return await self._open_page(deposit, customer)
            payment = await self._charging.charge(deposit, customer)
        except ProviderUnavailable:
            if deposit.checkout:
                raise  # no page, nothing to pay: the customer can only try again
            return await self._settlement.load(deposit.id)
        except Invalid as refusal:
            await self._settlement.fail(deposit, "refused")
            raise Invalid(refusal.detail, **refusal.extra, deposit_id=deposit.id) from refusal
        settled = await self._settlement.settle(deposit, payment)
        if settled.state == DepositState.FAILED:
            raise _failure(settled, payment.message)
        return settled

    async def _open_page(self, deposit: Deposit, customer: str) -> Deposit:
        page = await self._charging.open_page(deposit, customer)
        async with self._db.transaction() as tx:
            values = {"checkout_ref": page.ref, "action_url": page.url}
            await store.update_deposit(tx, deposit.id, DepositState.PROCESSING, **values)
        return await self._settlement.load(deposit.id)


def _failure(deposit: Deposit, message: str = "") -> PaymentFailed:
    """Say why a deposit failed, the same way however often it is asked for under its key."""
    about = {"reason": deposit.reason, "deposit_id": deposit.id}
    if deposit.decline_code:
        return CardDeclined(message, decline_code=deposit.decline_code, **about)
    return PaymentFailed(message, **about)
