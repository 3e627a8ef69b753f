"""What the ledger service is, needs and offers."""

from functools import partial

from tollway.contracts import ledger_pb2_grpc
from tollway.contracts.events import UserDeleted, UserRegistered
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.ledger.settings import LedgerSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service."""
    from tollway.fabric.user_data import UserData
    from tollway.services.ledger import subscribers
    from tollway.services.ledger.http import router
    from tollway.services.ledger.jobs import JOBS, timed_work
    from tollway.services.ledger.rpc import LedgerRpc
    from tollway.services.ledger.service import Ledger
    from tollway.services.ledger.service.books import Books
    from tollway.services.ledger.service.gifts import Gifts
    from tollway.services.ledger.service.leaving import obstacles
    from tollway.services.ledger.user_data import USER_TABLES

    service = Ledger(
        context.db,
        context.clock,
        context.settings,
        context.secrets.key("ledger.seal"),
        context.shared.currencies,
        context.head_notes,
        context.client("audit"),
    )
    books = Books(service)
    return ServiceParts(
        service=service,
        rpc=LedgerRpc(service),
        router=router(service, Gifts(service, context.client("identity")), context.answers, books),
        subscribers=subscribers,
        jobs=JOBS,
        timed=timed_work(books),
        components=[("batcher", service)],
        user_data=UserData(context.db, USER_TABLES, partial(obstacles, service)),
    )


MANIFEST = ServiceManifest(
    name="ledger",
    purpose="money and access in one set of books",
    durable=True,
    settings=LedgerSettings,
    api=ledger_pb2_grpc,
    calls={"audit": ("GetHead",), "identity": ("GetUser",)},
    subscribes=(UserDeleted, UserRegistered),
    permissions=(
        Permission("wallet:read", ROLES),
        Permission("transactions:read", ROLES),
        Permission("transactions:write", ROLES),
        Permission("books:read", ("support", "admin")),
        Permission("books:manage", ("support", "admin")),
        Permission("wallets:read", ("support", "admin")),
    ),
    build=build,
)
