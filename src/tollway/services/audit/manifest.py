"""What the audit service is, needs and offers."""

from tollway.contracts import audit_pb2_grpc
from tollway.contracts.events import Event
from tollway.contracts.permissions import Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.audit.settings import AuditSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.audit import subscribers
    from tollway.services.audit.http import router
    from tollway.services.audit.jobs import TIMED
    from tollway.services.audit.rpc import AuditRpc
    from tollway.services.audit.service import Audit
    from tollway.services.audit.user_data import USER_TABLES

    service = Audit(context.db, context.secrets.key("audit.sign"), context.settings, context.head_notes)
    return ServiceParts(
        service=service,
        rpc=AuditRpc(service),
        router=router(service),
        subscribers=subscribers,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
    )


MANIFEST = ServiceManifest(
    name="audit",
    purpose="a hash-chained record of everything",
    durable=True,
    settings=AuditSettings,
    api=audit_pb2_grpc,
    subscribes=(Event,),
    permissions=(
        Permission("audit:read", ("support", "admin")),
        Permission("audit:manage", ("support", "admin")),
    ),
    build=build,
)
