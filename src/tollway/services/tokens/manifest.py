"""What the tokens service is, needs and offers."""

from tollway.contracts import tokens_pb2_grpc
from tollway.contracts.permissions import Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.tokens.settings import TokensSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.tokens.http import router
    from tollway.services.tokens.jobs import TIMED
    from tollway.services.tokens.rpc import TokensRpc
    from tollway.services.tokens.service import Tokens

    service = Tokens(context.db, context.clock, context.settings, context.secrets.key("tokens"))
    return ServiceParts(
        service=service,
        rpc=TokensRpc(service),
        router=router(service),
        timed=TIMED,
        components=[("keys", service)],
    )


MANIFEST = ServiceManifest(
    name="tokens",
    purpose="signs access tokens, keeps sessions",
    settings=TokensSettings,
    api=tokens_pb2_grpc,
    permissions=(
        Permission("keys:read", ("admin",)),
        Permission("keys:manage", ("admin",)),
    ),
    build=build,
)
