"""Events of users. Profiles."""

from tollway.contracts.events.event import Event


class ProfileChanged(Event):
    topic, source = "PROFILE_CHANGED", "users"
    user_id: str
    fields: list[str]
