"""What the payments service is, needs and offers."""

from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.payments.settings import PaymentsSettings

# The payment mock takes any test key; this one says whose it is.
MOCK_KEY = "sk_test_tollway_mock"


def build(context: ServiceContext) -> ServiceParts:
    """Build the service on Stripe, or on the development mock when there is no key."""
    from tollway.services.payments.http import router
    from tollway.services.payments.jobs import JOBS, TIMED
    from tollway.services.payments.providers.stripe import StripeProvider
    from tollway.services.payments.service import Payments

    settings: PaymentsSettings = context.settings
    mock = f"http://{context.shared.payments_mock_address}" if settings.uses_mock else ""
    provider = StripeProvider(
        settings.stripe_api_key or MOCK_KEY,
        settings.stripe_url or mock,
        timeout_s=settings.timeout_s,
        retries=settings.retries,
    )
    service = Payments(
        context.db,
        settings,
        provider,
        context.client("ledger"),
        context.client("identity"),
        public_url=context.shared.public_url,
        seal_key=context.secrets.key("payments"),
    )
    return ServiceParts(
        service=service,
        router=router(service),
        jobs=JOBS,
        timed=TIMED,
        prepare=service.webhooks.register,
    )


MANIFEST = ServiceManifest(
    name="payments",
    purpose="money from and to the outside",
    durable=True,
    settings=PaymentsSettings,
    calls={"ledger": ("GetAccount", "Post", "Reverse"), "identity": ("GetUser",)},
    permissions=(
        Permission("wallet:write", ROLES),
        Permission("billing:read", ROLES),
        Permission("billing:write", ROLES),
        Permission("deposits:read", ("support", "admin")),
        Permission("deposits:manage", ("admin",)),
    ),
    build=build,
)
