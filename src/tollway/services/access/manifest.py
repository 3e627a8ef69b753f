"""What the access service is, needs and offers."""

import time

from tollway.contracts import access_pb2_grpc
from tollway.contracts.events import PasswordChanged, UserDeleted, UserStateChanged
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.access.settings import AccessSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.access import subscribers
    from tollway.services.access.http import router
    from tollway.services.access.jobs import JOBS, TIMED
    from tollway.services.access.rpc import AccessRpc
    from tollway.services.access.service import Access
    from tollway.services.access.user_data import USER_TABLES

    service = Access(
        context.db,
        context.clock,
        context.settings,
        context.client("ledger"),
        context.client("catalog"),
        locations=context.shared.locations,
        monotonic=time.monotonic,
        public_sources_only=context.shared.production,
    )
    return ServiceParts(
        service=service,
        rpc=AccessRpc(service),
        router=router(service),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
    )


MANIFEST = ServiceManifest(
    name="access",
    purpose="resources, credentials and their charging",
    durable=True,
    settings=AccessSettings,
    api=access_pb2_grpc,
    calls={
        "ledger": (
            "GetAccount",
            "ListAccounts",
            "ListAssets",
            "ListLots",
            "RecordUse",
            "Release",
            "Reserve",
        ),
        "catalog": ("GetProduct",),
    },
    by_itself={"ledger": ("RecordUse", "Release", "Reserve")},
    subscribes=(PasswordChanged, UserDeleted, UserStateChanged),
    permissions=(
        Permission("access:read", ROLES),
        Permission("access:write", ROLES),
        Permission("usage:read", ROLES),
        Permission("dashboard:read", ROLES),
        Permission("nodes:read", ("support", "admin")),
        Permission("resources:read", ("support", "admin")),
        Permission("resources:manage", ("admin",)),
        Permission("traffic:read", ("support", "admin")),
        Permission("connections:manage", ("support", "admin")),
        Permission("credentials:manage", ("support", "admin")),
    ),
    build=build,
)
