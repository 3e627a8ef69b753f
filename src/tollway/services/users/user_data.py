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
)
IMPERSONAL = ()
