"""The operations of the users service."""

from typing import Any

from tollway.contracts.events import ProfileChanged
from tollway.fabric.db import Database
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id
from tollway.services.users import store
from tollway.services.users.model import Profile
from tollway.services.users.service.exports import Exports


class Users:
    """See the package docstring for what the service promises."""

    def __init__(self, db: Database, exports: Exports) -> None:
        self.db = db
        self.exports = exports

    async def profile(self, user_id: str) -> Profile:
        """Return a user's profile; it is created on first use. Raises NotFound for anything but a user's id."""
        if not is_id("usr", user_id):
            raise NotFound("there is no such user")
        async with self.db.snapshot() as tx:
            known = await store.find(tx, user_id)
        if known is not None:
            return known
        async with self.db.transaction() as tx:
            await store.add(tx, user_id)
            created = await store.find(tx, user_id)
        assert created is not None
        return created

    async def change(self, user_id: str, changes: dict[str, Any]) -> Profile:
        """Change some fields of a profile, and publish which. Raises Conflict when somebody else did just now."""
        seen = await self.profile(user_id)
        real = {name: value for name, value in changes.items() if getattr(seen, name) != value}
        if not real:
            return seen
        async with self.db.transaction() as tx:
            if not await store.change(tx, seen, real):
                raise Conflict("the profile was changed at the same moment; try again")
            tx.publish(ProfileChanged(user_id=user_id, fields=sorted(real)))
            changed = await store.find(tx, user_id)
        assert changed is not None
        return changed
