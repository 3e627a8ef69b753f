"""Events of notifications. Messages."""

from tollway.contracts.events.event import Event


class EmailSent(Event):
    topic, source = "EMAIL_SENT", "notifications"
    message_id: str
    user_id: str
    template: str


class NotificationSettingsChanged(Event):
    """A person chose which kinds of e-mail they get; `wanted` are the choices that they made now."""

    topic, source = "NOTIFICATION_SETTINGS_CHANGED", "notifications"
    user_id: str
    wanted: dict[str, bool]
