"""What the identity service is, needs and offers."""

from tollway.contracts import identity_pb2_grpc
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.identity.settings import IdentitySettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.identity.http import router
    from tollway.services.identity.jobs import JOBS, TIMED
    from tollway.services.identity.rpc import IdentityRpc
    from tollway.services.identity.service import Identity
    from tollway.services.identity.user_data import USER_TABLES

    service = Identity(
        context.db,
        context.settings,
        context.shared.public_url,
        context.client("tokens"),
        context.client("notifications"),
        context.secrets.key("identity devices"),
        neighbours=context.user_data(),
    )
    return ServiceParts(
        service=service,
        rpc=IdentityRpc(service),
        router=router(service),
        jobs=JOBS,
        timed=TIMED,
        components=[("passwords", service)],
        user_data=UserData(context.db, USER_TABLES),
    )


MANIFEST = ServiceManifest(
    name="identity",
    purpose="who somebody is",
    settings=IdentitySettings,
    api=identity_pb2_grpc,
    calls={"tokens": ("OpenSession", "Revoke"), "notifications": ("SendEmail",)},
    asks_user_data=("ListObstacles",),
    by_itself={
        "tokens": ("OpenSession", "Revoke"),
        "notifications": ("SendEmail",),
        "user_data": ("ListObstacles",),
    },
    permissions=(
        Permission("auth:read", ROLES),
        Permission("auth:write", ROLES),
        Permission("users:read", ("support", "admin")),
        Permission("users:manage", ("admin",)),
        Permission("sessions:manage", ("support", "admin")),
        Permission("notes:read", ("support", "admin")),
        Permission("notes:manage", ("support", "admin")),
    ),
    build=build,
)
