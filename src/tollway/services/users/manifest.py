"""What the users service is, needs and offers."""

from tollway.contracts import users_pb2_grpc
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.users.http import router
    from tollway.services.users.rpc import UsersRpc
    from tollway.services.users.service import Users

    service = Users(context.db)
    return ServiceParts(service=service, rpc=UsersRpc(service), router=router(service))


MANIFEST = ServiceManifest(
    name="users",
    purpose="profiles and preferences",
    api=users_pb2_grpc,
    paths=("/api/users",),
    build=build,
)
