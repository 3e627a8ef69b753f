"""Connections that customers end themselves."""

from collections.abc import Sequence

from tollway.contracts.events import ConnectionEnded
from tollway.fabric.db import Database
from tollway.kit.errors import NotFound
from tollway.services.access import store
from tollway.services.access.service.changes import Changes
from tollway.services.access.store.changes import FLOW_LEFT, Change

BY_CUSTOMER = "ended by the customer"


class Connections:
    """A customer's flows under way."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db, self._changes = db, changes

    async def end(self, user_id: str, session_ids: Sequence[str]) -> list[str]:
        """End flows within a second, all of them or none; return those that were open.

        Raises NotFound when one of them is not the customer's.
        """
        async with self._db.transaction() as tx:
            found = await store.usage.find_records(tx, user_id, session_ids)
            if missing := sorted(set(session_ids) - found.keys()):
                raise NotFound(f"there is no connection {missing[0]}")
            open_ones = [found[one] for one in dict.fromkeys(session_ids) if not found[one].flow.stopped]
            await store.changes.add(
                tx,
                *(
                    Change(
                        FLOW_LEFT,
                        one.flow.resource_id,
                        user_id=user_id,
                        node=one.node,
                        session_id=one.flow.session_id,
                    )
                    for one in open_ones
                ),
            )
            for one in open_ones:
                tx.publish(
                    ConnectionEnded(
                        session_id=one.flow.session_id,
                        resource_id=one.flow.resource_id,
                        user_id=user_id,
                        reason=BY_CUSTOMER,
                    )
                )
        self._changes.notify()
        return [one.flow.session_id for one in open_ones]
