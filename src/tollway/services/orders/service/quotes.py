"""Prices: what a quantity costs at the moment, and quotes, which keep that for a while."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tollway.contracts import catalog_pb2
from tollway.contracts.errors import TooManyQuotes
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Unavailable
from tollway.kit.ids import new_id
from tollway.kit.times import SECOND_US
from tollway.services.orders import store
from tollway.services.orders.model import Quote, Side, Terms
from tollway.services.orders.settings import OrdersSettings

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub

# Expired quotes are kept this long, so that "used or expired" can still be distinguished from "never existed".
KEEP_QUOTES_US = 24 * 3600 * SECOND_US
# How often a price is asked for anew because others were promised units meanwhile.
PRICE_TRIES = 20

Written = TypeVar("Written")


class Quotes:
    """Quotes prices.

    What was promised before counts as sold: the units of open quotes, and of orders that do not hold capacity yet. So
    a price is asked for with what is promised, and written down only if nobody was promised anything meanwhile.
    Promises are counted for that. Their sum is not enough: an order leaves it when it holds capacity, and a price that
    was asked for before the order was placed knows it neither as a promise nor as held.
    """

    def __init__(self, db: Database, settings: OrdersSettings, catalog: "CatalogAsyncStub") -> None:
        self._db = db
        self._settings = settings
        self._catalog = catalog

    async def offer(self, user_id: str, asset: str, quantity: int, currency: str) -> Quote:
        """Quote a price and keep it for a while. Raises UnknownAsset, Invalid, TooManyQuotes, Unavailable."""

        async def keep(tx: Tx, terms: Terms) -> Quote:
            open_until_us = await store.open_quotes(tx, user_id)
            if len(open_until_us) >= self._settings.max_open_quotes:
                wait_s = -((tx.now_us - min(open_until_us)) // SECOND_US)
                raise TooManyQuotes(retry_after_s=max(1, wait_s))
            expires_us = tx.now_us + int(self._settings.quote_ttl_s * SECOND_US)
            quote = Quote(new_id("quo"), user_id, terms, tx.now_us, expires_us)
            await store.add_quote(tx, quote)
            return quote

        return await self.promise(user_id, asset, quantity, currency, keep)

    async def promise(
        self,
        user_id: str,
        asset: str,
        quantity: int,
        currency: str,
        write: Callable[[Tx, Terms], Awaitable[Written]],
    ) -> Written:
        """Price a quantity and have `write` write down who is promised it, in a transaction of its own.

        Raises UnknownAsset, Invalid, Unavailable, and what `write` raises.
        """
        for _ in range(PRICE_TRIES):
            async with self._db.snapshot() as tx:
                made = await store.promises_made(tx, asset)
                promised = await store.promised_units(tx, asset)
            terms = await self._price(user_id, asset, quantity, currency, promised)
            async with self._db.transaction() as tx:
                if await store.count_promise(tx, asset, made):
                    return await write(tx, terms)
        raise Unavailable("the price moves too fast at the moment; try again", retry_after_s=1)

    async def delete_old(self) -> None:
        """Delete quotes that expired long ago and were never used."""
        async with self._db.transaction() as tx:
            await store.delete_quotes(tx, tx.now_us - KEEP_QUOTES_US)

    async def _price(self, user_id: str, asset: str, quantity: int, currency: str, promised: int) -> Terms:
        line = await self._catalog.Price(
            catalog_pb2.PriceRequest(
                asset=asset,
                quantity=quantity,
                currency=currency,
                buyer=user_id,
                side=catalog_pb2.SIDE_BUY,
                promised_units=promised,
            )
        )
        return Terms(
            Side.BUY,
            asset,
            quantity,
            currency,
            price=line.net + line.tax,
            fee=line.fee,
            ask_per_lot=line.ask_per_lot,
            lot_units=line.lot_units,
            validity_us=line.validity_us,
        )
