"""What the notifications service is, needs and offers."""

from tollway.contracts import notifications_pb2_grpc
from tollway.contracts.events import EmailChanged, EmailVerified, UserDeleted, UserRegistered
from tollway.contracts.permissions import ROLES, Permission
from tollway.fabric.service import ServiceContext, ServiceManifest, ServiceParts
from tollway.services.notifications.settings import NotificationsSettings
from tollway.services.notifications.templates import EVENT_EMAILS


def build(context: ServiceContext) -> ServiceParts:
    """Build the service, with the page of the development inbox when that is where mail goes."""
    from tollway.fabric.rest import RestServer
    from tollway.fabric.user_data import UserData
    from tollway.services.notifications.http import inbox_app, router
    from tollway.services.notifications.jobs import JOBS, TIMED
    from tollway.services.notifications.rpc import NotificationsRpc
    from tollway.services.notifications.service import Notifications
    from tollway.services.notifications.subscribers import SUBSCRIBERS
    from tollway.services.notifications.user_data import USER_TABLES

    shared = context.shared
    service = Notifications(
        context.db, context.mailer(), context.settings, shared.mail_sender, shared.public_url
    )
    inbox = context.inbox()
    return ServiceParts(
        service=service,
        rpc=NotificationsRpc(service),
        router=router(service),
        subscribers=SUBSCRIBERS,
        jobs=JOBS,
        timed=TIMED,
        user_data=UserData(context.db, USER_TABLES),
        components=[("inbox", RestServer(inbox_app(inbox), shared.inbox_address))] if inbox else [],
    )


MANIFEST = ServiceManifest(
    name="notifications",
    purpose="e-mail to people",
    settings=NotificationsSettings,
    api=notifications_pb2_grpc,
    subscribes=tuple(
        dict.fromkeys(
            (
                UserRegistered,
                EmailVerified,
                EmailChanged,
                UserDeleted,
                *(email.event for email in EVENT_EMAILS),
            )
        )
    ),
    permissions=(
        Permission("notifications:read", ROLES),
        Permission("notifications:write", ROLES),
        Permission("messages:read", ("support", "admin")),
    ),
    build=build,
)
