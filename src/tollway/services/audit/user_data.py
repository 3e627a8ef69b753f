"""What audit keeps of people."""

from tollway.fabric.user_data import UserTable, own
from tollway.services.audit import store

USER_TABLES = (
    UserTable(
        table=store.entry,
        purpose="the record of everything that happened, with network addresses of sign-ins as evidence",
        theirs=own(store.entry, "subject"),
        keeps="for good: an entry cannot be changed without breaking the chain; people are named by id",
        exports=("topic", "at_us", "action", "data"),
    ),
    UserTable(
        table=store.entry,
        name="deeds",
        purpose="what the customer did, in the same record",
        theirs=lambda user_id: (store.entry.c.actor == user_id) & (store.entry.c.subject != user_id),
        keeps="for good, as the others",
        # Without the data, which may name somebody else.
        exports=("topic", "at_us", "action"),
    ),
)
IMPERSONAL = (store.head,)
