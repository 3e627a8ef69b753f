"""Events of users. Profiles and exports."""

from tollway.contracts.events.event import Event


class ProfileChanged(Event):
    topic, source = "PROFILE_CHANGED", "users"
    user_id: str
    fields: list[str]


class ExportRequested(Event):
    """Somebody asked for a file with all that the platform keeps of them."""

    topic, source = "EXPORT_REQUESTED", "users"
    user_id: str
    export_id: str


class ExportReady(Event):
    """The file can be downloaded until it expires."""

    topic, source = "EXPORT_READY", "users"
    user_id: str
    export_id: str
    expires_at_us: int
