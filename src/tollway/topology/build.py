"""Builds each room out of its surroundings: the one place that knows constructors.

Imports are inside the functions, so that a process loads only the rooms it runs.
"""

import json
from collections.abc import Callable
from typing import Any

from tollway.contracts import (
    access_pb2_grpc,
    audit_pb2_grpc,
    catalog_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    ledger_pb2_grpc,
    notifications_pb2_grpc,
    orders_pb2_grpc,
    payments_pb2_grpc,
    tokens_pb2_grpc,
    users_pb2_grpc,
)
from tollway.topology import backends
from tollway.topology.house import House, Parts

STUBS: dict[str, Callable[[Any], Any]] = {
    "access": access_pb2_grpc.AccessStub,
    "audit": audit_pb2_grpc.AuditStub,
    "catalog": catalog_pb2_grpc.CatalogStub,
    "identity": identity_pb2_grpc.IdentityStub,
    "ledger": ledger_pb2_grpc.LedgerStub,
    "notifications": notifications_pb2_grpc.NotificationsStub,
    "orders": orders_pb2_grpc.OrdersStub,
    "payments": payments_pb2_grpc.PaymentsStub,
    "tokens": tokens_pb2_grpc.TokensStub,
    "users": users_pb2_grpc.UsersStub,
}


def tokens(house: House) -> Parts:
    """Build the tokens room."""
    from tollway.services.tokens.http import router
    from tollway.services.tokens.jobs import TIMED
    from tollway.services.tokens.rpc import TokensRpc
    from tollway.services.tokens.service import Tokens

    room = Tokens(house.db, house.clock, house.settings.tokens, house.secrets.key("tokens"))
    return Parts(
        room,
        lambda server: tokens_pb2_grpc.add_TokensServicer_to_server(TokensRpc(room), server),
        router(room),
        timed=TIMED,
        components=[("keys", room)],
    )


def notifications(house: House) -> Parts:
    """Build the notifications room, with its development inbox when that is how mail leaves."""
    from tollway.fabric.rest import RestServer
    from tollway.services.notifications.hears import HEARS
    from tollway.services.notifications.http import inbox_app, router
    from tollway.services.notifications.jobs import JOBS, TIMED
    from tollway.services.notifications.rpc import NotificationsRpc
    from tollway.services.notifications.service import Notifications

    settings = house.settings
    mailer = backends.open_mailer(settings)
    room = Notifications(
        house.db, mailer, settings.notifications, settings.mail.sender, settings.network.public_url
    )
    inbox = backends.open_inbox(settings)
    page = [("inbox", RestServer(inbox_app(inbox), settings.network.inbox))] if inbox else []
    return Parts(
        room,
        lambda server: notifications_pb2_grpc.add_NotificationsServicer_to_server(
            NotificationsRpc(room), server
        ),
        router(room),
        HEARS,
        JOBS,
        timed=TIMED,
        components=page,
    )


def identity(house: House) -> Parts:
    """Build the identity room; it makes the first operator as soon as it is up."""
    from tollway.services.identity.http import router
    from tollway.services.identity.jobs import JOBS, TIMED
    from tollway.services.identity.rpc import IdentityRpc
    from tollway.services.identity.service import Identity

    room = Identity(
        house.db,
        house.settings.identity,
        house.settings.network.public_url,
        house.ask("tokens"),
        house.ask("notifications"),
    )
    servicer = IdentityRpc(room)
    first_operator = house.settings.data / "secrets" / "operator.json"

    async def make_operator() -> None:
        if first_operator.exists():
            known = json.loads(first_operator.read_text())
            request = identity_pb2.EnsureOperatorRequest(email=known["email"], password=known["password"])
            await servicer.EnsureOperator(request, None)

    return Parts(
        room,
        lambda server: identity_pb2_grpc.add_IdentityServicer_to_server(servicer, server),
        router(room),
        jobs=JOBS,
        timed=TIMED,
        components=[("passwords", room)],
        prepare=make_operator,
    )


def users(house: House) -> Parts:
    """Build the users room."""
    from tollway.services.users.http import router
    from tollway.services.users.rpc import UsersRpc
    from tollway.services.users.service import Users

    room = Users(house.db)
    return Parts(
        room, lambda server: users_pb2_grpc.add_UsersServicer_to_server(UsersRpc(room), server), router(room)
    )


def ledger(house: House) -> Parts:
    """Build the ledger room."""
    from tollway.services.ledger.http import router
    from tollway.services.ledger.jobs import JOBS, TIMED
    from tollway.services.ledger.rpc import LedgerRpc
    from tollway.services.ledger.service import Ledger

    room = Ledger(house.db, house.clock, house.settings.ledger, house.secrets.key("ledger.seal"))
    return Parts(
        room,
        lambda server: ledger_pb2_grpc.add_LedgerServicer_to_server(LedgerRpc(room), server),
        router(room),
        jobs=JOBS,
        timed=TIMED,
        components=[("batcher", room)],
    )


def catalog(house: House) -> Parts:
    """Build the catalogue; it seeds itself as soon as the ledger answers."""
    from tollway.services.catalog.http import router
    from tollway.services.catalog.jobs import JOBS
    from tollway.services.catalog.rpc import CatalogRpc
    from tollway.services.catalog.service import Catalog

    room = Catalog(house.db, house.clock, house.settings.catalog, house.ask("ledger"))
    return Parts(
        room,
        lambda server: catalog_pb2_grpc.add_CatalogServicer_to_server(CatalogRpc(room), server),
        router(room),
        jobs=JOBS,
        prepare=room.seed,
    )


def orders(house: House) -> Parts:
    """Build the orders room."""
    from tollway.services.orders.http import router
    from tollway.services.orders.jobs import JOBS, TIMED
    from tollway.services.orders.rpc import OrdersRpc
    from tollway.services.orders.service import Orders

    room = Orders(house.db, house.clock, house.settings.orders, house.ask("catalog"), house.ask("ledger"))
    return Parts(
        room,
        lambda server: orders_pb2_grpc.add_OrdersServicer_to_server(OrdersRpc(room), server),
        router(room),
        jobs=JOBS,
        timed=TIMED,
    )


def access(house: House) -> Parts:
    """Build the access room."""
    from tollway.services.access.hears import HEARS
    from tollway.services.access.http import router
    from tollway.services.access.jobs import TIMED
    from tollway.services.access.rpc import AccessRpc
    from tollway.services.access.service import Access

    room = Access(house.db, house.clock, house.settings.access, house.ask("ledger"), house.ask("catalog"))
    return Parts(
        room,
        lambda server: access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(room), server),
        router(room),
        HEARS,
        timed=TIMED,
    )


def payments_mock(house: House) -> Parts:
    """Build the development payment provider, on a port of its own."""
    from tollway.fabric.rest import RestServer
    from tollway.services.payments_mock.http import app
    from tollway.services.payments_mock.jobs import JOBS
    from tollway.services.payments_mock.service import PaymentsMock

    room = PaymentsMock(house.db, house.settings.payments_mock)
    return Parts(
        room, jobs=JOBS, components=[("api", RestServer(app(room), house.settings.network.payments_mock))]
    )


def audit(house: House) -> Parts:
    """Build the audit room, which hears everybody."""
    from tollway.services.audit.hears import HEARS
    from tollway.services.audit.http import router
    from tollway.services.audit.rpc import AuditRpc
    from tollway.services.audit.service import Audit

    room = Audit(house.db)
    return Parts(
        room,
        lambda server: audit_pb2_grpc.add_AuditServicer_to_server(AuditRpc(room), server),
        router(room),
        HEARS,
    )


def payments(house: House) -> Parts:
    """Build the payments room on Stripe, or on the development mock when there is no key."""
    from tollway.services.payments.http import router
    from tollway.services.payments.jobs import JOBS, TIMED
    from tollway.services.payments.providers.stripe import StripeProvider
    from tollway.services.payments.rpc import PaymentsRpc
    from tollway.services.payments.service import Payments

    wanted, network = house.settings.payments, house.settings.network
    mock = f"http://{network.payments_mock}" if wanted.uses_mock else ""
    provider = StripeProvider(
        wanted.stripe_api_key or backends.MOCK_KEY,
        wanted.stripe_url or mock,
        timeout_s=wanted.timeout_s,
        retries=wanted.retries,
    )
    room = Payments(
        house.db,
        wanted,
        provider,
        house.ask("ledger"),
        house.ask("identity"),
        public_url=network.public_url,
        seal_key=house.secrets.key("payments"),
    )
    return Parts(
        room,
        lambda server: payments_pb2_grpc.add_PaymentsServicer_to_server(PaymentsRpc(room), server),
        router(room),
        jobs=JOBS,
        timed=TIMED,
        prepare=room.webhooks.register,
    )


BUILDERS: dict[str, Callable[[House], Parts]] = {
    builder.__name__: builder
    for builder in (
        tokens,
        notifications,
        identity,
        users,
        ledger,
        catalog,
        orders,
        payments,
        access,
        audit,
        payments_mock,
    )
}
