"""The service API of orders, asked in process and over gRPC: no difference can be told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.market import GB, STANDARD, USD, Market, market
from tests.kit.service_api import TRANSPORTS, Door, Transport, api
from tollway.contracts import orders_pb2 as pb
from tollway.contracts import orders_pb2_grpc
from tollway.kit.errors import NotFound
from tollway.services.orders.rpc import OrdersRpc


@pytest.fixture
async def shop(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with market("sqlite", tmp_path, clock) as opened:
        yield opened


@pytest.fixture(params=TRANSPORTS)
async def orders(request: Any, shop: Market) -> AsyncIterator[Door]:
    transport: Transport = request.param
    async with api(transport, orders_pb2_grpc, OrdersRpc(shop.orders)) as mounted:
        yield mounted


async def test_an_order_is_told_as_it_stands(orders: Door, shop: Market) -> None:
    shop.ledger.give("usr_ann", "USD", 3 * USD)
    filled = await shop.orders.place_market("usr_ann", STANDARD, GB, "USD", None, "key1")
    failed = await shop.orders.place_market("usr_ann", STANDARD, GB, "USD", None, "key2")
    published = await orders.stub.GetOrder(pb.GetOrderRequest(order_id=filled.id))
    assert published == pb.Order(
        id=filled.id,
        user_id="usr_ann",
        asset=STANDARD,
        quantity=GB,
        currency="USD",
        price=3 * USD,
        state="filled",
        created_at_us=shop.clock.at_us,
        updated_at_us=shop.clock.at_us,
    )
    published = await orders.stub.GetOrder(pb.GetOrderRequest(order_id=failed.id))
    assert (published.state, published.reason) == ("failed", "insufficient_funds")


async def test_an_unknown_order_is_not_found(orders: Door) -> None:
    with pytest.raises(NotFound):
        await orders.stub.GetOrder(pb.GetOrderRequest(order_id="ord_none"))
