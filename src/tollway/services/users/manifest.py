"""What the users service is, needs and offers."""

from tollway.contracts.events import UserDeleted
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.users.settings import UsersSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.secrets import Sealer
    from tollway.fabric.user_data import UserData
    from tollway.services.users import subscribers
    from tollway.services.users.http import router
    from tollway.services.users.jobs import JOBS, TIMED
    from tollway.services.users.service import Users
    from tollway.services.users.service.exports import Exports
    from tollway.services.users.user_data import USER_TABLES

    exports = Exports(
        context.db,
        context.settings,
        context.user_data(),
        context.blobs,
        Sealer(context.secrets.key("users exports")),
    )
    service = Users(context.db, exports)
    return ServiceParts(
        service=service,
        router=router(service),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
    )


MANIFEST = ServiceManifest(
    name="users",
    purpose="profiles, preferences, exports of one's own data",
    settings=UsersSettings,
    asks_user_data=("Export",),
    by_itself={"user_data": ("Export",)},
    subscribes=(UserDeleted,),
    permissions=(
        Permission("profile:read", ROLES),
        Permission("profile:write", ROLES),
    ),
    build=build,
)
