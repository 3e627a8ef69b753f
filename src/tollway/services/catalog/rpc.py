"""The catalogue's service API."""

from typing import Any

from tollway.contracts import catalog_pb2, catalog_pb2_grpc
from tollway.services.catalog.model import Product
from tollway.services.catalog.service import Catalog


class CatalogRpc(catalog_pb2_grpc.CatalogServicer):
    """Serves `contracts/catalog.proto`."""

    def __init__(self, service: Catalog) -> None:
        self._service = service

    async def ListProducts(
        self, request: catalog_pb2.ListProductsRequest, context: Any
    ) -> catalog_pb2.ListProductsResponse:
        """Return what is for sale."""
        products = await self._service.products(include_inactive=request.include_inactive)
        return catalog_pb2.ListProductsResponse(products=[_product(one) for one in products])

    async def GetProduct(self, request: catalog_pb2.GetProductRequest, context: Any) -> catalog_pb2.Product:
        """Return one product. Raises UnknownAsset."""
        return _product(await self._service.product(request.asset))

    async def GetPrice(self, request: catalog_pb2.GetPriceRequest, context: Any) -> catalog_pb2.Price:
        """Return the price now. Raises UnknownAsset, Invalid."""
        price = await self._service.price(request.asset, request.currency)
        return catalog_pb2.Price(
            asset=price.asset,
            currency=price.currency,
            ask_per_lot=price.ask_per_lot,
            bid_per_lot=price.bid_per_lot,
            lot_units=price.lot_units,
            at_us=price.at_us,
        )

    async def Seed(self, request: catalog_pb2.SeedRequest, context: Any) -> catalog_pb2.SeedResponse:
        """Make the first catalogue. Raises Unavailable."""
        count, made = await self._service.seed()
        return catalog_pb2.SeedResponse(products=count, made=made)


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
