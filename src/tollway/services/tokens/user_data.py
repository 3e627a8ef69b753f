"""What tokens keeps of people."""

from tollway.fabric.user_data import UserTable, own
from tollway.services.tokens import store

USER_TABLES = (
    UserTable(
        table=store.session,
        purpose="where somebody is signed in, with browser and network address; a week after its end",
        theirs=own(store.session),
        exports=(
            "id",
            "client_kind",
            "client_id",
            "scopes",
            "user_agent",
            "ip",
            "created_at_us",
            "last_used_at_us",
            "ended_at_us",
            "ended_reason",
        ),
    ),
    UserTable(
        table=store.revocation,
        purpose="ended sessions, for those who check tokens",
        theirs=own(store.revocation),
        keeps="an hour: a token of an ended session must be refused while it runs; ids only",
    ),
)
IMPERSONAL = (store.signing_key, store.counter)
