"""What the users service is, needs and offers."""

from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.users.http import router
    from tollway.services.users.service import Users

    service = Users(context.db)
    return ServiceParts(service=service, router=router(service))


MANIFEST = ServiceManifest(
    name="users",
    purpose="profiles and preferences",
    permissions=(
        Permission("profile:read", ROLES),
        Permission("profile:write", ROLES),
    ),
    build=build,
)
