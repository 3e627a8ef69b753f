"""Customers at the provider, and the cards they keep there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tollway.contracts import identity_pb2
from tollway.fabric.db import Database
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.services.payments import store
from tollway.services.payments.model import SavedMethod
from tollway.services.payments.providers import CustomerGone, PaymentProvider

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub

PREFIX = "pmt"


class Cards:
    """Who a user is at the provider, and which cards are kept."""

    def __init__(
        self, db: Database, provider: PaymentProvider, identity: "IdentityAsyncStub", most: int
    ) -> None:
        self._db = db
        self._provider = provider
        self._identity = identity
        self._most = most

    async def customer_of(self, user_id: str) -> str:
        """Return the provider's reference of a user, made on first use.

        Two first uses at once make one customer: the provider knows the user's key.
        """
        async with self._db.snapshot() as tx:
            known = await store.find_customer(tx, user_id, self._provider.name)
        if known is not None:
            return known
        user = await self._identity.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
        ref = await self._provider.make_customer(user_id, user.email)
        async with self._db.transaction() as tx:
            await store.keep_customer(tx, user_id, self._provider.name, ref)
        return ref

    async def another_customer_of(self, user_id: str) -> str:
        """Make a new customer, as the provider does not know the old one any more."""
        async with self._db.transaction() as tx:
            await store.forget_customer(tx, user_id, self._provider.name)
        return await self.customer_of(user_id)

    async def token_of(self, user_id: str, method: str) -> str:
        """Return the provider's token of a saved card; any other text is a token already. Raises NotFound."""
        return (await self._own(user_id, method)).ref if is_id(PREFIX, method) else method

    async def save(self, user_id: str, token: str) -> SavedMethod:
        """Keep a card for later.

        Raises CardDeclined, Invalid for a token that the provider refuses, Conflict when enough are kept.
        """
        if len(await self.list(user_id)) >= self._most:
            raise self._enough()
        try:
            card = await self._provider.save_card(await self.customer_of(user_id), token)
        except CustomerGone:
            card = await self._provider.save_card(await self.another_customer_of(user_id), token)
        async with self._db.transaction() as tx:
            events = (card.ref, card.brand, card.last4, card.exp_month, card.exp_year)
            # Counted again: others may have been saved while the provider was asked.
            if len(await store.list_methods(tx, user_id)) < self._most:
                await store.add_method(
                    tx, SavedMethod(new_id(PREFIX), user_id, *events, tx.now_us), self._provider.name
                )
            kept = await store.list_methods(tx, user_id)
        for one in kept:
            if one.ref == card.ref:
                return one
        await self._provider.forget_card(card.ref)
        raise self._enough()

    async def list(self, user_id: str) -> Sequence[SavedMethod]:
        """Return a user's cards, newest first."""
        async with self._db.snapshot() as tx:
            return await store.list_methods(tx, user_id)

    async def forget(self, user_id: str, method_id: str) -> None:
        """Let go of a card, at the provider first. Raises NotFound."""
        own = await self._own(user_id, method_id)
        await self._provider.forget_card(own.ref)
        async with self._db.transaction() as tx:
            await store.drop_method(tx, own.id)

    def _enough(self) -> Conflict:
        return Conflict(f"you have {self._most} saved cards, which is the most; forget one")

    async def _own(self, user_id: str, method_id: str) -> SavedMethod:
        async with self._db.snapshot() as tx:
            own = await store.find_method(tx, method_id, user_id)
        if own is None:
            raise NotFound("there is no such payment method")
        return own
