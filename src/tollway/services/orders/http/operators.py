"""Orders of every customer, for operators."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from tollway.fabric.rest import PageQuery, route, sorted_by
from tollway.kit.ids import id_pattern
from tollway.services.orders.http.views import OrderDetail, OrderId, OrderView, detail_view, order_view
from tollway.services.orders.model import Order, OrderState
from tollway.services.orders.service import Orders

READ = route(permission="sales:read", owner="any")
UserQuery = Annotated[str, Query(pattern=id_pattern("usr"), description="Of one customer only")]
StateQuery = Annotated[OrderState | None, Query(description="In this state only")]
NewestFirst = Annotated[PageQuery, sorted_by("-created_at", "created_at")]


class CustomerOrderView(OrderView):
    """An order and whose it is."""

    user_id: str


class CustomerOrderList(BaseModel):
    items: list[CustomerOrderView]
    next_cursor: str


class CustomerOrderDetail(OrderDetail):
    """An order with the steps it took, and whose it is."""

    user_id: str


def add_routes(api: APIRouter, service: Orders) -> None:
    """Add the operators' routes."""

    @api.get("/api/admin/orders", tags=["operators"], **READ)
    async def customers_orders(
        page: NewestFirst, user_id: UserQuery = "", state: StateQuery = None
    ) -> CustomerOrderList:
        """List orders of all customers or of one, newest first unless you ask for another order."""
        found = await service.market.search(
            user_id, state, page.limit, page.cursor, newest_first=page.descending
        )
        return CustomerOrderList(items=[_order(one) for one in found.items], next_cursor=found.next_cursor)

    @api.get("/api/admin/orders/{order_id}", tags=["operators"], **READ)
    async def customers_order(order_id: OrderId) -> CustomerOrderDetail:
        """Show anybody's order, with the steps it took."""
        order, steps = await service.market.look_up(order_id)
        return CustomerOrderDetail(**dict(detail_view(order, steps)), user_id=order.user_id)


def _order(one: Order) -> CustomerOrderView:
    return CustomerOrderView(**dict(order_view(one)), user_id=one.user_id)
