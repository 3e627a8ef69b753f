"""What the catalog service is, needs and offers."""

from tollway.contracts import catalog_pb2_grpc
from tollway.contracts.permissions import Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.catalog.settings import CatalogSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service; it writes its first products as soon as the ledger answers."""
    from tollway.fabric.user_data import UserData
    from tollway.services.catalog.http import router
    from tollway.services.catalog.jobs import JOBS, TIMED
    from tollway.services.catalog.rpc import CatalogRpc
    from tollway.services.catalog.service import Catalog
    from tollway.services.catalog.user_data import USER_TABLES

    service = Catalog(
        context.db,
        context.clock,
        context.settings,
        context.client("ledger"),
        context.shared.currencies,
        context.shared.locations,
    )
    return ServiceParts(
        service=service,
        rpc=CatalogRpc(service),
        router=router(service, context.answers),
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
        prepare=service.prepare,
    )


MANIFEST = ServiceManifest(
    name="catalog",
    purpose="what is for sale and for how much",
    settings=CatalogSettings,
    api=catalog_pb2_grpc,
    calls={"ledger": ("DefineAsset", "ListAccounts", "Post")},
    by_itself={"ledger": ("DefineAsset", "Post")},
    permissions=(
        Permission("prices:manage", ("admin",)),
        Permission("capacity:manage", ("admin",)),
        Permission("products:read", ("support", "admin")),
        Permission("products:manage", ("admin",)),
    ),
    build=build,
)
