"""The service API of notifications."""

from typing import Any

from tollway.contracts import notifications_pb2, notifications_pb2_grpc
from tollway.services.notifications.service import EmailRequest, Notifications


class NotificationsRpc(notifications_pb2_grpc.NotificationsServicer):
    """Serves `contracts/notifications.proto`."""

    def __init__(self, service: Notifications) -> None:
        self._service = service

    async def SendEmail(
        self, request: notifications_pb2.SendEmailRequest, context: Any
    ) -> notifications_pb2.SendEmailResponse:
        """Queue one message. Raises Invalid, IdempotencyKeyReused."""
        letter = EmailRequest(request.key, request.template, dict(request.params), request.user_id)
        message_id, replayed = await self._service.send_email(letter, request.to)
        return notifications_pb2.SendEmailResponse(message_id=message_id, replayed=replayed)
