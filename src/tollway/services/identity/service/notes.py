"""What operators note about a customer. It is erased with the customer; the audit trail has who noted something."""

from tollway.contracts.errors import IdempotencyKeyReused
from tollway.contracts.events import NoteAdded
from tollway.fabric.db import Database
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.paging import Page, decode_cursor, invalid_cursor, make_page
from tollway.services.identity import store
from tollway.services.identity.model import Note
from tollway.services.identity.store import notes


class Notes:
    """Add and list notes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, user_id: str, author_id: str, text: str, request_key: str) -> Note:
        """Note something about a customer. A repeat under the same key returns the note that was made.

        Raises NotFound, Conflict for an account that was deleted, IdempotencyKeyReused.
        """
        async with self._db.transaction() as tx:
            # As it is until the commit: nothing is noted about somebody who is erased at the same moment.
            user = await store.user_by_id(tx, user_id, lock=True) if is_id("usr", user_id) else None
            if user is None:
                raise NotFound("there is no such account")
            if user.state == "deleted":
                raise Conflict("this account was deleted")
            fresh = Note(new_id("not"), user_id, author_id, request_key, text, tx.now_us)
            if await notes.add(tx, fresh):
                tx.publish(NoteAdded(user_id=user_id, note_id=fresh.id))
                return fresh
            known = await notes.by_request(tx, author_id, request_key)
            assert known is not None, "a row was in the way, so it is there"
            if (known.user_id, known.text) != (user_id, text):
                raise IdempotencyKeyReused
            return known

    async def list(self, user_id: str, limit: int, cursor: str) -> Page[Note]:
        """Return the notes about a customer, newest first. Raises Invalid for a cursor that is not ours."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        if before_id and not is_id("not", before_id):
            raise invalid_cursor()
        async with self._db.snapshot() as tx:
            rows = await notes.of_user(tx, user_id, before_id, limit + 1)
        return make_page(rows, limit, lambda note: [note.id])
