"""What the tokens service is, needs and offers."""

from tollway.contracts import tokens_pb2_grpc
from tollway.contracts.events import UserDeleted
from tollway.contracts.permissions import Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.tokens.settings import TokensSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.tokens import subscribers
    from tollway.services.tokens.http import router
    from tollway.services.tokens.jobs import JOBS, TIMED
    from tollway.services.tokens.rpc import TokensRpc
    from tollway.services.tokens.service import Tokens
    from tollway.services.tokens.user_data import USER_TABLES

    service = Tokens(
        context.db,
        context.clock,
        context.settings,
        context.secrets.key("tokens"),
        context.service_methods,
    )
    return ServiceParts(
        service=service,
        rpc=TokensRpc(service),
        router=router(service),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
        components=[("keys", service)],
    )


MANIFEST = ServiceManifest(
    name="tokens",
    purpose="signs access tokens, keeps sessions",
    settings=TokensSettings,
    api=tokens_pb2_grpc,
    subscribes=(UserDeleted,),
    permissions=(
        Permission("sessions:read", ("support", "admin")),
        Permission("keys:read", ("admin",)),
        Permission("keys:manage", ("admin",)),
    ),
    build=build,
)
