"""What users keeps of people."""

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
        table=store.export,
        purpose="exports of the customer's own data, for some days (`users.export_kept_days`); the file lies sealed",
        theirs=own(store.export),
        exports=("id", "state", "requested_at_us", "ready_at_us", "expires_at_us", "size_bytes"),
    ),
)
IMPERSONAL = ()
