"""What identity keeps of people."""

from tollway.fabric.user_data import UserTable, own
from tollway.services.identity import store
from tollway.services.identity.model import session_subject, tombstone
from tollway.services.identity.store import tables

USER_TABLES = (
    UserTable(
        table=store.user,
        purpose="the account: address, password, roles, state",
        theirs=own(store.user, "id"),
        keeps="for good: the books and the audit trail name the account by its id",
        blanks={"email": tombstone, "email_key": tombstone, "password_hash": ""},
        exports=(
            "id",
            "email",
            "roles",
            "state",
            "email_verified_at_us",
            "password_changed_at_us",
            "created_at_us",
        ),
    ),
    UserTable(
        table=tables.deletion,
        purpose="that the account is to be deleted, and when",
        theirs=own(tables.deletion),
        keeps="for good: it says when the account was erased, and whether what was held was given up; ids only",
        exports=("id", "forfeit", "state", "requested_at_us", "erase_at_us"),
    ),
    UserTable(
        table=store.note,
        purpose="what operators noted about the customer",
        theirs=own(store.note),
        exports=("created_at_us", "text"),
    ),
    UserTable(
        table=store.note,
        name="notes_written",
        purpose="which notes about customers somebody wrote as an operator",
        theirs=own(store.note, "author_id"),
        keeps="until the customer whom a note is about has left; its author is named by id",
    ),
    UserTable(
        table=store.email_link,
        purpose="links that were mailed and still work",
        theirs=own(store.email_link),
        exports=("purpose", "email", "created_at_us", "expires_at_us"),
    ),
    UserTable(
        table=store.sign_in_attempt,
        purpose="attempts to sign in, for an hour",
        theirs=own(store.sign_in_attempt),
        exports=("ip", "user_agent", "state", "created_at_us"),
    ),
    UserTable(
        table=store.attempt_counter,
        purpose="failed attempts and networks of successful ones, by a hash of the address; 90 days after the last",
        theirs=lambda user_id: store.attempt_counter.c.subject.startswith(
            session_subject(user_id, ""), autoescape=True
        ),
    ),
)
IMPERSONAL = ()
