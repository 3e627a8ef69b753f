"""Who a user is at a provider."""

from typing import TYPE_CHECKING

from tollway.contracts import identity_pb2
from tollway.fabric.db import Database
from tollway.services.payments.providers import PaymentProvider
from tollway.services.payments.store import methods as store

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub


class Customers:
    """The providers' references of users, made on first use."""

    def __init__(self, db: Database, identity: "IdentityAsyncStub") -> None:
        self._db = db
        self._identity = identity

    async def ref_of(self, user_id: str, provider: PaymentProvider) -> str:
        """Return the provider's reference of a user.

        Two first uses at once make one customer: the provider recognizes the user.
        """
        async with self._db.snapshot() as tx:
            known = await store.find_customer(tx, user_id, provider.name)
        if known is not None:
            return known
        user = await self._identity.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
        ref = await provider.make_customer(user_id, user.email)
        async with self._db.transaction() as tx:
            await store.save_customer(tx, user_id, provider.name, ref)
        return ref

    async def replace(self, user_id: str, provider: PaymentProvider) -> str:
        """Make a new customer, as the provider does not know the old one any more; return its reference."""
        async with self._db.transaction() as tx:
            await store.delete_customer(tx, user_id, provider.name)
        return await self.ref_of(user_id, provider)
