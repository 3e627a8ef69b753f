"""Builds each service out of its surroundings: the one place that knows constructors.

Imports are inside the functions, so that a process loads only the services it runs.
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
from tollway.topology.service_context import ServiceContext, ServiceParts

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


def tokens(context: ServiceContext) -> ServiceParts:
    """Build the tokens service."""
    from tollway.services.tokens.http import router
    from tollway.services.tokens.jobs import TIMED
    from tollway.services.tokens.rpc import TokensRpc
    from tollway.services.tokens.service import Tokens

    service = Tokens(context.db, context.clock, context.settings.tokens, context.secrets.key("tokens"))
    return ServiceParts(
        service,
        lambda server: tokens_pb2_grpc.add_TokensServicer_to_server(TokensRpc(service), server),
        router(service),
        timed=TIMED,
        components=[("keys", service)],
    )


def notifications(context: ServiceContext) -> ServiceParts:
    """Build the notifications service, with its development inbox when that is how mail leaves."""
    from tollway.fabric.rest import RestServer
    from tollway.services.notifications.http import inbox_app, router
    from tollway.services.notifications.jobs import JOBS, TIMED
    from tollway.services.notifications.rpc import NotificationsRpc
    from tollway.services.notifications.service import Notifications
    from tollway.services.notifications.subscribers import SUBSCRIBERS

    settings = context.settings
    mailer = backends.open_mailer(settings)
    service = Notifications(
        context.db, mailer, settings.notifications, settings.mail.sender, settings.network.public_url
    )
    inbox = backends.open_inbox(settings)
    page = [("inbox", RestServer(inbox_app(inbox), settings.network.inbox))] if inbox else []
    return ServiceParts(
        service,
        lambda server: notifications_pb2_grpc.add_NotificationsServicer_to_server(
            NotificationsRpc(service), server
        ),
        router(service),
        SUBSCRIBERS,
        JOBS,
        timed=TIMED,
        components=page,
    )


def identity(context: ServiceContext) -> ServiceParts:
    """Build the identity service; it makes the first operator as soon as it is up."""
    from tollway.services.identity.http import router
    from tollway.services.identity.jobs import JOBS, TIMED
    from tollway.services.identity.rpc import IdentityRpc
    from tollway.services.identity.service import Identity

    service = Identity(
        context.db,
        context.settings.identity,
        context.settings.network.public_url,
        context.client("tokens"),
        context.client("notifications"),
    )
    servicer = IdentityRpc(service)
    first_operator = context.settings.data / "secrets" / "operator.json"

    async def make_operator() -> None:
        if first_operator.exists():
            known = json.loads(first_operator.read_text())
            request = identity_pb2.EnsureOperatorRequest(email=known["email"], password=known["password"])
            await servicer.EnsureOperator(request, None)

    return ServiceParts(
        service,
        lambda server: identity_pb2_grpc.add_IdentityServicer_to_server(servicer, server),
        router(service),
        jobs=JOBS,
        timed=TIMED,
        components=[("passwords", service)],
        prepare=make_operator,
    )


def users(context: ServiceContext) -> ServiceParts:
    """Build the users service."""
    from tollway.services.users.http import router
    from tollway.services.users.rpc import UsersRpc
    from tollway.services.users.service import Users

    service = Users(context.db)
    return ServiceParts(
        service,
        lambda server: users_pb2_grpc.add_UsersServicer_to_server(UsersRpc(service), server),
        router(service),
    )


def ledger(context: ServiceContext) -> ServiceParts:
    """Build the ledger service."""
    from tollway.services.ledger.http import router
    from tollway.services.ledger.jobs import JOBS, TIMED
    from tollway.services.ledger.rpc import LedgerRpc
    from tollway.services.ledger.service import Ledger

    service = Ledger(context.db, context.clock, context.settings.ledger, context.secrets.key("ledger.seal"))
    return ServiceParts(
        service,
        lambda server: ledger_pb2_grpc.add_LedgerServicer_to_server(LedgerRpc(service), server),
        router(service),
        jobs=JOBS,
        timed=TIMED,
        components=[("batcher", service)],
    )


def catalog(context: ServiceContext) -> ServiceParts:
    """Build the catalogue; it seeds itself as soon as the ledger answers."""
    from tollway.services.catalog.http import router
    from tollway.services.catalog.jobs import JOBS
    from tollway.services.catalog.rpc import CatalogRpc
    from tollway.services.catalog.service import Catalog

    service = Catalog(context.db, context.clock, context.settings.catalog, context.client("ledger"))
    return ServiceParts(
        service,
        lambda server: catalog_pb2_grpc.add_CatalogServicer_to_server(CatalogRpc(service), server),
        router(service),
        jobs=JOBS,
        prepare=service.seed,
    )


def orders(context: ServiceContext) -> ServiceParts:
    """Build the orders service."""
    from tollway.services.orders.http import router
    from tollway.services.orders.jobs import JOBS, TIMED
    from tollway.services.orders.rpc import OrdersRpc
    from tollway.services.orders.service import Orders

    service = Orders(
        context.db,
        context.clock,
        context.settings.orders,
        context.client("catalog"),
        context.client("ledger"),
    )
    return ServiceParts(
        service,
        lambda server: orders_pb2_grpc.add_OrdersServicer_to_server(OrdersRpc(service), server),
        router(service),
        jobs=JOBS,
        timed=TIMED,
    )


def access(context: ServiceContext) -> ServiceParts:
    """Build the access service."""
    from tollway.services.access.http import router
    from tollway.services.access.jobs import TIMED
    from tollway.services.access.rpc import AccessRpc
    from tollway.services.access.service import Access
    from tollway.services.access.subscribers import SUBSCRIBERS

    service = Access(
        context.db,
        context.clock,
        context.settings.access,
        context.client("ledger"),
        context.client("catalog"),
    )
    return ServiceParts(
        service,
        lambda server: access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(service), server),
        router(service),
        SUBSCRIBERS,
        timed=TIMED,
    )


def payments_mock(context: ServiceContext) -> ServiceParts:
    """Build the development payment provider, on a port of its own."""
    from tollway.fabric.rest import RestServer
    from tollway.services.payments_mock.http import app
    from tollway.services.payments_mock.jobs import JOBS
    from tollway.services.payments_mock.service import PaymentsMock

    service = PaymentsMock(context.db, context.settings.payments_mock)
    return ServiceParts(
        service,
        jobs=JOBS,
        components=[("api", RestServer(app(service), context.settings.network.payments_mock))],
    )


def audit(context: ServiceContext) -> ServiceParts:
    """Build the audit service, which subscribes to everybody."""
    from tollway.services.audit.http import router
    from tollway.services.audit.rpc import AuditRpc
    from tollway.services.audit.service import Audit
    from tollway.services.audit.subscribers import SUBSCRIBERS

    service = Audit(context.db)
    return ServiceParts(
        service,
        lambda server: audit_pb2_grpc.add_AuditServicer_to_server(AuditRpc(service), server),
        router(service),
        SUBSCRIBERS,
    )


def payments(context: ServiceContext) -> ServiceParts:
    """Build the payments service on Stripe, or on the development mock when there is no key."""
    from tollway.services.payments.http import router
    from tollway.services.payments.jobs import JOBS, TIMED
    from tollway.services.payments.providers.stripe import StripeProvider
    from tollway.services.payments.rpc import PaymentsRpc
    from tollway.services.payments.service import Payments

    wanted, network = context.settings.payments, context.settings.network
    mock = f"http://{network.payments_mock}" if wanted.uses_mock else ""
    provider = StripeProvider(
        wanted.stripe_api_key or backends.MOCK_KEY,
        wanted.stripe_url or mock,
        timeout_s=wanted.timeout_s,
        retries=wanted.retries,
    )
    service = Payments(
        context.db,
        wanted,
        provider,
        context.client("ledger"),
        context.client("identity"),
        public_url=network.public_url,
        seal_key=context.secrets.key("payments"),
    )
    return ServiceParts(
        service,
        lambda server: payments_pb2_grpc.add_PaymentsServicer_to_server(PaymentsRpc(service), server),
        router(service),
        jobs=JOBS,
        timed=TIMED,
        prepare=service.webhooks.register,
    )


BUILDERS: dict[str, Callable[[ServiceContext], ServiceParts]] = {
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
