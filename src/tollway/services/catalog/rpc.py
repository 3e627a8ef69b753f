"""The catalogue's service API."""

from typing import Any

from tollway.contracts import catalog_pb2, catalog_pb2_grpc
from tollway.kit.errors import Invalid
from tollway.services.catalog.model import Product
from tollway.services.catalog.service import Catalog


class CatalogRpc(catalog_pb2_grpc.CatalogServicer):
    """Serves `contracts/catalog.proto`."""

    def __init__(self, service: Catalog) -> None:
        self._service = service

    async def GetProduct(self, request: catalog_pb2.GetProductRequest, context: Any) -> catalog_pb2.Product:
        """Return one product. Raises UnknownAsset."""
        return _product(await self._service.product(request.asset))

    async def GetPrice(self, request: catalog_pb2.GetPriceRequest, context: Any) -> catalog_pb2.Price:
        """Return the price now, or as it would be after a change. Raises UnknownAsset, Invalid."""
        price = await self._service.price_if(
            request.asset, request.currency, request.list_price, request.added_units
        )
        return catalog_pb2.Price(
            asset=price.asset,
            currency=price.currency,
            ask_per_lot=price.ask_per_lot,
            bid_per_lot=price.bid_per_lot,
            lot_units=price.lot_units,
            at_us=price.at_us,
        )

    async def Price(self, request: catalog_pb2.PriceRequest, context: Any) -> catalog_pb2.PriceLine:
        """Return what a quantity costs now, for a quote or an order. Raises UnknownAsset, Invalid."""
        if request.side != catalog_pb2.SIDE_BUY:
            raise Invalid.of("side", "must be buy; selling back is not offered yet")
        line = await self._service.binding_price_line(
            request.asset, request.quantity, request.currency, request.promised_units
        )
        return catalog_pb2.PriceLine(
            asset=line.asset,
            quantity=line.quantity,
            currency=line.currency,
            list_price=line.list_price,
            net=line.list_price,
            fee=line.fee,
            total=line.total,
            ask_per_lot=line.ask_per_lot,
            lot_units=line.lot_units,
            validity_us=line.validity_us,
            at_us=line.at_us,
        )


def _product(one: Product) -> catalog_pb2.Product:
    return catalog_pb2.Product(
        asset=one.asset,
        name=one.name,
        description=one.description,
        protocols=one.protocols,
        tier=one.tier,
        unit=one.unit,
        lot_units=one.lot_units,
        min_units=one.min_units,
        max_units=one.max_units,
        validity_us=one.validity_us,
        capacity_units=one.capacity_units,
        active=one.active,
    )
