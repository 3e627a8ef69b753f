"""What the users service is, needs and offers."""

from tollway.contracts.events import UserDeleted
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.users import subscribers
    from tollway.services.users.http import router
    from tollway.services.users.jobs import JOBS
    from tollway.services.users.service import Users
    from tollway.services.users.user_data import USER_TABLES

    service = Users(context.db)
    return ServiceParts(
        service=service,
        router=router(service),
        subscribers=subscribers,
        jobs=JOBS,
        user_data=UserData(context.db, USER_TABLES),
    )


MANIFEST = ServiceManifest(
    name="users",
    purpose="profiles and preferences",
    subscribes=(UserDeleted,),
    permissions=(
        Permission("profile:read", ROLES),
        Permission("profile:write", ROLES),
    ),
    build=build,
)
