"""What the payment mock is, needs and offers."""

from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.payments_mock.settings import PaymentsMockSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the mock, on a port of its own."""
    from tollway.fabric.rest import RestServer
    from tollway.services.payments_mock.http import app
    from tollway.services.payments_mock.jobs import JOBS
    from tollway.services.payments_mock.model.hosts import host_of
    from tollway.services.payments_mock.service import PaymentsMock

    shared = context.shared
    hosts = {host_of(shared.public_url), host_of(shared.payments_mock_address)}
    service = PaymentsMock(context.db, context.settings, hosts)
    server = RestServer(app(service), shared.payments_mock_address)
    return ServiceParts(service=service, jobs=JOBS, components=[("api", server)])


MANIFEST = ServiceManifest(
    name="payments_mock",
    purpose="a payment provider for development",
    development=True,
    rest=False,
    settings=PaymentsMockSettings,
    build=build,
)
