"""What users keeps of people."""

from sqlalchemy import select

from tollway.fabric.user_data import UserTable, own
from tollway.services.users import store

USER_TABLES = (
    UserTable(
        table=store.profile,
        purpose="name, language, time zone and preferences",
        theirs=own(store.profile),
        exports=(
            "user_id",
            "display_name",
            "locale",
            "time_zone",
            "preferences",
            "created_at_us",
            "updated_at_us",
        ),
    ),
    UserTable(
        table=store.export_part,
        purpose="the pieces of which an export's file is made",
        theirs=lambda user_id: store.export_part.c.export_id.in_(
            select(store.export.c.id).where(store.export.c.user_id == user_id)
        ),
    ),
    UserTable(
        table=store.export,
        purpose="exports of the customer's own data, for some days (`users.export_kept_days`); the file lies sealed",
        theirs=own(store.export),
        exports=("id", "state", "requested_at_us", "ready_at_us", "expires_at_us", "size_bytes"),
    ),
)
IMPERSONAL = ()
