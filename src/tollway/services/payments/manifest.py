"""What the payments service is, needs and offers."""

from functools import partial

from tollway.contracts.events import GiftMade, UserDeleted
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.payments.settings import PaymentsSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service on the providers that are enabled."""
    from tollway.fabric.user_data import UserData
    from tollway.services.payments import subscribers
    from tollway.services.payments.http import router
    from tollway.services.payments.jobs import JOBS, TIMED
    from tollway.services.payments.providers import ProviderContext, open_providers
    from tollway.services.payments.service import Payments
    from tollway.services.payments.service.leaving import obstacles
    from tollway.services.payments.user_data import USER_TABLES

    settings: PaymentsSettings = context.settings
    surroundings = ProviderContext(mock_url=f"http://{context.shared.payments_mock_address}")
    service = Payments(
        context.db,
        settings,
        open_providers(settings.enabled, settings.providers, surroundings),
        context.client("ledger"),
        context.client("identity"),
        currencies=context.shared.currencies,
        public_url=context.shared.public_url,
        seal_key=context.secrets.key("payments"),
    )
    return ServiceParts(
        service=service,
        router=router(service, context.answers),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES, partial(obstacles, context.db)),
        components=[("providers", service)],
        prepare=service.webhooks.register,
    )


MANIFEST = ServiceManifest(
    name="payments",
    purpose="money from and to the outside",
    durable=True,
    settings=PaymentsSettings,
    calls={"ledger": ("GetAccount", "Post", "Reverse"), "identity": ("GetUser",)},
    by_itself={"ledger": ("Post", "Reverse")},
    subscribes=(GiftMade, UserDeleted),
    permissions=(
        Permission("wallet:write", ROLES),
        Permission("billing:read", ROLES),
        Permission("billing:write", ROLES),
        Permission("deposits:read", ("support", "admin")),
        Permission("deposits:manage", ("admin",)),
        Permission("corrections:read", ("support", "admin")),
        Permission("corrections:manage", ("admin",)),
    ),
    build=build,
)
