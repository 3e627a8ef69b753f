"""What the orders service is, needs and offers."""

from tollway.contracts.events import UserDeleted
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.orders.settings import OrdersSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.orders import subscribers
    from tollway.services.orders.http import router
    from tollway.services.orders.jobs import JOBS, TIMED
    from tollway.services.orders.service import Orders
    from tollway.services.orders.user_data import USER_TABLES

    service = Orders(
        context.db,
        context.clock,
        context.settings,
        context.client("catalog"),
        context.client("ledger"),
        currency=context.shared.currencies[0],
    )
    return ServiceParts(
        service=service,
        router=router(service, context.answers),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES, service.obstacles),
    )


MANIFEST = ServiceManifest(
    name="orders",
    purpose="quotes and orders",
    durable=True,
    settings=OrdersSettings,
    calls={
        "catalog": ("GetPrice", "Price"),
        "ledger": ("ListAccounts", "ListAssets", "ListLots", "Post"),
    },
    by_itself={"ledger": ("Post",)},
    subscribes=(UserDeleted,),
    permissions=(
        Permission("orders:read", ROLES),
        Permission("orders:write", ROLES),
        Permission("sales:read", ("support", "admin")),
    ),
    build=build,
)
