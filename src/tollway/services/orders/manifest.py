"""What the orders service is, needs and offers."""

from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.orders.settings import OrdersSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.orders.http import router
    from tollway.services.orders.jobs import JOBS, TIMED
    from tollway.services.orders.service import Orders

    service = Orders(
        context.db,
        context.clock,
        context.settings,
        context.client("catalog"),
        context.client("ledger"),
        currency=context.shared.currencies[0],
    )
    return ServiceParts(service=service, router=router(service, context.answers), jobs=JOBS, timed=TIMED)


MANIFEST = ServiceManifest(
    name="orders",
    purpose="quotes and orders",
    durable=True,
    settings=OrdersSettings,
    calls={
        "catalog": ("GetPrice", "Price"),
        "ledger": ("ListAccounts", "ListAssets", "ListLots", "Post"),
    },
    permissions=(
        Permission("orders:read", ROLES),
        Permission("orders:write", ROLES),
        Permission("sales:read", ("support", "admin")),
    ),
    build=build,
)
