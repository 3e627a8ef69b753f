"""The catalogue's service API, asked in process and over gRPC: no difference can be told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.market import GB, STANDARD, USD, running_market
from tests.kit.service_api import TRANSPORTS, ServiceApi, Transport, api
from tollway.contracts import catalog_pb2 as pb
from tollway.contracts import catalog_pb2_grpc
from tollway.contracts.errors import UnknownAsset
from tollway.kit.errors import Invalid, Unavailable
from tollway.services.catalog.rpc import CatalogRpc


@pytest.fixture(params=TRANSPORTS)
async def catalog(request: Any, tmp_path: Path, clock: FakeClock) -> AsyncIterator[ServiceApi]:
    transport: Transport = request.param
    async with (
        running_market("sqlite", tmp_path, clock, seeded=True) as market,
        api(transport, catalog_pb2_grpc, CatalogRpc(market.catalog)) as mounted,
    ):
        yield mounted


async def test_a_seeded_catalogue_answers_with_products_and_prices(catalog: ServiceApi) -> None:
    product = await catalog.stub.GetProduct(pb.GetProductRequest(asset=STANDARD))
    assert (product.lot_units, product.tier, list(product.protocols)) == (
        GB,
        "standard",
        ["http", "https", "socks5"],
    )
    price = await catalog.stub.GetPrice(pb.GetPriceRequest(asset=STANDARD, currency="USD"))
    assert (price.ask_per_lot, price.bid_per_lot, price.lot_units) == (3 * USD, 2_700_000, GB)


async def test_refusals_arrive_as_what_they_are(catalog: ServiceApi) -> None:
    with pytest.raises(UnknownAsset):
        await catalog.stub.GetProduct(pb.GetProductRequest(asset="nothing"))
    with pytest.raises(UnknownAsset):
        await catalog.stub.GetPrice(pb.GetPriceRequest(asset="nothing", currency="USD"))
    with pytest.raises(Invalid):
        await catalog.stub.GetPrice(pb.GetPriceRequest(asset=STANDARD, currency="GBP"))


async def test_a_closed_api_is_unavailable(catalog: ServiceApi) -> None:
    catalog.faults.add("catalog.GetProduct")
    with pytest.raises(Unavailable):
        await catalog.stub.GetProduct(pb.GetProductRequest(asset=STANDARD))


async def test_a_quantity_is_priced_with_its_fee(catalog: ServiceApi) -> None:
    asked = pb.PriceRequest(asset=STANDARD, quantity=2 * GB, currency="USD", side=pb.SIDE_BUY)
    line = await catalog.stub.Price(asked)
    assert (line.list_price, line.net, line.fee, line.tax, line.discount) == (6 * USD, 6 * USD, 0, 0, 0)
    assert line.total == line.net + line.tax + line.fee
    with pytest.raises(Invalid):
        await catalog.stub.Price(
            pb.PriceRequest(asset=STANDARD, quantity=1, currency="USD", side=pb.SIDE_BUY)
        )
    asked.side = pb.SIDE_SELL
    with pytest.raises(Invalid):
        await catalog.stub.Price(asked)
