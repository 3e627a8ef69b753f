"""Payment methods that customers keep at a provider."""

from collections.abc import Sequence

from tollway.contracts.events import PaymentMethodDeleted, PaymentMethodSaved
from tollway.fabric.db import Database
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.services.payments.model import SavedMethod
from tollway.services.payments.providers import CustomerGone
from tollway.services.payments.service.customers import Customers
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.store import methods as store

PREFIX = "pmt"


class SavedMethods:
    """Saved payment methods: at most `limit` for each user."""

    def __init__(self, db: Database, providers: Providers, customers: Customers, limit: int) -> None:
        self._db = db
        self._providers = providers
        self._customers = customers
        self._limit = limit

    async def find(self, user_id: str, method: str) -> SavedMethod | None:
        """Return a user's own saved method; None for any other text, which is a provider's token. Raises NotFound."""
        return await self._own(user_id, method) if is_id(PREFIX, method) else None

    async def save(self, user_id: str, token: str, provider: str = "") -> SavedMethod:
        """Save a payment method for later.

        Raises CardDeclined, Invalid for a token that the provider refuses or a provider that cannot save, Conflict when
        the limit is reached.
        """
        chosen = self._providers.to_save(provider)
        if len(await self.list(user_id)) >= self._limit:
            raise self._limit_reached()
        try:
            card = await chosen.save_method(await self._customers.ref_of(user_id, chosen), token)
        except CustomerGone:
            card = await chosen.save_method(await self._customers.replace(user_id, chosen), token)
        async with self._db.transaction() as tx:
            # Counted again: others may have been saved while the provider was asked.
            if len(await store.list_methods(tx, user_id)) < self._limit:
                shown = (card.brand, card.last4, card.exp_month, card.exp_year)
                fresh = SavedMethod(new_id(PREFIX), user_id, chosen.name, card.ref, *shown, tx.now_us)
                await store.add_method(tx, fresh)
                tx.publish(PaymentMethodSaved(method_id=fresh.id, user_id=user_id, provider=chosen.name))
            saved = await store.list_methods(tx, user_id)
        for one in saved:
            if (one.provider, one.ref) == (chosen.name, card.ref):
                return one
        await chosen.delete_method(card.ref)
        raise self._limit_reached()

    async def list(self, user_id: str) -> Sequence[SavedMethod]:
        """Return a user's saved payment methods, newest first."""
        async with self._db.snapshot() as tx:
            return await store.list_methods(tx, user_id)

    async def delete(self, user_id: str, method_id: str) -> None:
        """Delete a saved payment method, at the provider first. Raises NotFound, ProviderUnavailable."""
        own = await self._own(user_id, method_id)
        await self._providers.of(own.provider).delete_method(own.ref)
        async with self._db.transaction() as tx:
            if await store.delete_method(tx, own.id):
                tx.publish(PaymentMethodDeleted(method_id=own.id, user_id=user_id, provider=own.provider))

    async def delete_all(self, user_id: str) -> None:
        """Delete every saved payment method of a user. Raises ProviderUnavailable; a repeat goes on with the rest."""
        for one in await self.list(user_id):
            await self.delete(user_id, one.id)

    def _limit_reached(self) -> Conflict:
        return Conflict(f"you have {self._limit} saved payment methods, which is the most; delete one first")

    async def _own(self, user_id: str, method_id: str) -> SavedMethod:
        async with self._db.snapshot() as tx:
            own = await store.find_method(tx, method_id, user_id)
        if own is None:
            raise NotFound("there is no such payment method")
        return own
