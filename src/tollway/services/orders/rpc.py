"""The service API of orders."""

from typing import Any

from tollway.contracts import orders_pb2, orders_pb2_grpc
from tollway.services.orders.service import Orders


class OrdersRpc(orders_pb2_grpc.OrdersServicer):
    """Serves `contracts/orders.proto`."""

    def __init__(self, service: Orders) -> None:
        self._service = service

    async def GetOrder(self, request: orders_pb2.GetOrderRequest, context: Any) -> orders_pb2.Order:
        """Return an order, whoever placed it. Raises NotFound."""
        order = await self._service.any_order(request.order_id)
        return orders_pb2.Order(
            id=order.id,
            user_id=order.user_id,
            asset=order.terms.asset,
            quantity=order.terms.quantity,
            currency=order.terms.currency,
            price=order.terms.price,
            state=order.state,
            reason=order.reason,
            created_at_us=order.created_at_us,
            updated_at_us=order.updated_at_us,
        )
