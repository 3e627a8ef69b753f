"""What notifications keeps of people."""

from tollway.fabric.user_data import UserTable, own
from tollway.services.notifications import store

USER_TABLES = (
    UserTable(
        table=store.email,
        purpose="messages to the customer, listed for a year (`notifications.kept_days`)",
        # One that waits is still sent: it says that the account is gone. It goes when it was sent.
        theirs=lambda user_id: (store.email.c.user_id == user_id) & (store.email.c.state != "queued"),
        exports=("id", "address", "template", "subject", "state", "created_at_us"),
    ),
    UserTable(
        table=store.recipient,
        purpose="where the customer is written to",
        theirs=own(store.recipient),
        keeps="for good, without the address: so nothing more is sent",
        blanks={"address": ""},
        exports=("address", "verified"),
    ),
    UserTable(
        table=store.preference,
        purpose="which messages the customer wants",
        theirs=own(store.preference),
        exports=("category", "wanted"),
    ),
)
IMPERSONAL = ()
