"""Events of orders. Orders."""

from tollway.contracts.events.event import Event


class OrderPlaced(Event):
    topic, source = "ORDER_PLACED", "orders"
    order_id: str
    user_id: str
    asset: str
    quantity: int
    currency: str
    price: int


class OrderFilled(Event):
    topic, source = "ORDER_FILLED", "orders"
    order_id: str
    user_id: str
    asset: str
    quantity: int
    currency: str
    price: int


class OrderFailed(Event):
    topic, source = "ORDER_FAILED", "orders"
    order_id: str
    user_id: str
    reason: str
