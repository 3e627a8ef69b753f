"""Events of notifications. Messages."""

from tollway.contracts.events.event import Event


class EmailSent(Event):
    topic, source = "EMAIL_SENT", "notifications"
    message_id: str
    user_id: str
    template: str
