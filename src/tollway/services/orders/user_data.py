"""What orders keeps of people."""

from sqlalchemy import select

from tollway.fabric.user_data import UserTable, own
from tollway.services.orders import store

USER_TABLES = (
    UserTable(
        table=store.orders,
        purpose="orders",
        theirs=own(store.orders),
        keeps="for good: what was bought and for how much belongs to the books; ids only",
        # A key is any text of the customer's; the id is as unique.
        blanks={"request_key": store.orders.c.id},
        exports=(
            "id",
            "asset",
            "quantity",
            "currency",
            "price",
            "fee",
            "side",
            "state",
            "reason",
            "transaction_id",
            "created_at_us",
        ),
    ),
    UserTable(
        table=store.order_step,
        purpose="when an order reached which state",
        theirs=lambda user_id: store.order_step.c.order_id.in_(
            select(store.orders.c.id).where(store.orders.c.user_id == user_id)
        ),
        keeps="for good, with the order",
        exports=("order_id", "state", "at_us"),
    ),
    UserTable(
        table=store.quote,
        purpose="prices that were kept for a while",
        theirs=own(store.quote),
        keeps="with the order that used it; others for some days; ids only",
        exports=(
            "id",
            "asset",
            "quantity",
            "currency",
            "price",
            "fee",
            "side",
            "created_at_us",
            "expires_at_us",
        ),
    ),
)
IMPERSONAL = (store.promise,)
