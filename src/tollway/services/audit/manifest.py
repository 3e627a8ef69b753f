"""What the audit service is, needs and offers."""

from tollway.contracts.events import Event
from tollway.contracts.permissions import Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.services.audit import subscribers
    from tollway.services.audit.http import router
    from tollway.services.audit.service import Audit

    service = Audit(context.db)
    return ServiceParts(service=service, router=router(service), subscribers=subscribers)


MANIFEST = ServiceManifest(
    name="audit",
    purpose="a hash-chained record of everything",
    durable=True,
    subscribes=(Event,),
    permissions=(Permission("audit:read", ("support", "admin")),),
    build=build,
)
