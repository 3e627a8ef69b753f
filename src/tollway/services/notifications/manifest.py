"""What the notifications service is, needs and offers."""

from tollway.contracts import notifications_pb2_grpc
from tollway.contracts.events import (
    DepositCredited,
    DepositGivenBack,
    DepositTakenBack,
    EmailVerified,
    OrderFilled,
    SessionRevoked,
    UserRegistered,
    UserStateChanged,
)
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.notifications.settings import NotificationsSettings


def build(context: ServiceContext) -> ServiceParts:
    """Build the service, with the page of the development inbox when that is where mail goes."""
    from tollway.fabric.rest import RestServer
    from tollway.services.notifications import subscribers
    from tollway.services.notifications.http import inbox_app, router
    from tollway.services.notifications.jobs import JOBS, TIMED
    from tollway.services.notifications.rpc import NotificationsRpc
    from tollway.services.notifications.service import Notifications

    shared = context.shared
    service = Notifications(
        context.db, context.mailer(), context.settings, shared.mail_sender, shared.public_url
    )
    inbox = context.inbox()
    return ServiceParts(
        service=service,
        rpc=NotificationsRpc(service),
        router=router(service),
        subscribers=subscribers,
        jobs=JOBS,
        timed=TIMED,
        components=[("inbox", RestServer(inbox_app(inbox), shared.inbox_address))] if inbox else [],
    )


MANIFEST = ServiceManifest(
    name="notifications",
    purpose="e-mail to people",
    settings=NotificationsSettings,
    api=notifications_pb2_grpc,
    subscribes=(
        UserRegistered,
        EmailVerified,
        UserStateChanged,
        SessionRevoked,
        DepositCredited,
        DepositTakenBack,
        DepositGivenBack,
        OrderFilled,
    ),
    paths=("/api/notifications",),
    build=build,
)
