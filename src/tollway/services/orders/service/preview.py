"""What a change of a price or of capacity would do, before it is made."""

from typing import TYPE_CHECKING, NamedTuple

from tollway.contracts import catalog_pb2
from tollway.fabric.db import Database
from tollway.services.orders import store

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub


class Preview(NamedTuple):
    """Prices are of one lot. Quotes and orders that are open keep the price that they have."""

    asset: str
    currency: str
    lot_units: int
    ask_now: int
    ask_then: int
    open: store.OpenTerms


class Previews:
    """Asks the catalogue for the price as it would be, and counts what has a price of before."""

    def __init__(self, db: Database, catalog: "CatalogAsyncStub") -> None:
        self._db = db
        self._catalog = catalog

    async def change(
        self, asset: str, currency: str, *, list_price: int = 0, added_units: int = 0
    ) -> Preview:
        """Return what another list price, or more capacity, would do. Raises UnknownAsset, Invalid, Unavailable."""
        now = await self._catalog.GetPrice(catalog_pb2.GetPriceRequest(asset=asset, currency=currency))
        then = await self._catalog.GetPrice(
            catalog_pb2.GetPriceRequest(
                asset=asset, currency=currency, list_price=list_price, added_units=added_units
            )
        )
        async with self._db.snapshot() as tx:
            counted = await store.open_terms(tx, asset, now.currency)
        return Preview(asset, now.currency, now.lot_units, now.ask_per_lot, then.ask_per_lot, counted)
