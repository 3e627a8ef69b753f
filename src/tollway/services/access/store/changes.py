"""The log of what must reach the nodes at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from tollway.fabric.db import Tx
from tollway.services.access.store.tables import change, change_head

RESOURCE_STOPPED = "resource_stopped"
RESOURCE_LEFT = "resource_left"
CREDENTIAL_REVOKED = "credential_revoked"
USER_SUSPENDED = "user_suspended"
POLICY_CHANGED = "policy_changed"
LEASE_RECALLED = "lease_recalled"
FLOW_ENDED = "flow_ended"
FLOW_LEFT = "flow_left"
SOURCE_ADDRESS_ADDED = "source_address_added"
TEST_REQUESTED = "test_requested"
# What matters to its node for a moment only.
_PASSING = (LEASE_RECALLED, TEST_REQUESTED)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry: flows of what it names must end, or (`policy_changed`) grants on it must be asked for again.

    `lease_recalled`: `node` gives back what the flows of the resource do not have in their hands.
    `flow_ended`: `node` ends the flow `session_id`, as an operator wants; `flow_left`: as its customer wants.
    `test_requested`: `node` carries out the test `test_id`. `source_address_added`: clients from a network are let in
    now, that it refused them is to be forgotten. `resource_left`: the customer disconnected; `resource_stopped`: the
    operator suspended it.
    """

    kind: str
    resource_id: str = ""
    credential_id: str = ""
    user_id: str = ""
    sequence: int = 0
    at_us: int = 0
    node: str = ""
    session_id: str = ""
    test_id: str = ""


async def add(tx: Tx, *entries: Change) -> None:
    """Append to the log.

    The numbers are taken under a lock that holds until the commit, so no reader can see a number while a
    smaller one is still to come.
    """
    if not entries:
        return
    taken = update(change_head).values(sequence=change_head.c.sequence + len(entries))
    last = int(await tx.scalar(taken.returning(change_head.c.sequence)))
    rows = [
        {
            "sequence": sequence,
            "kind": entry.kind,
            "resource_id": entry.resource_id,
            "credential_id": entry.credential_id,
            "user_id": entry.user_id,
            "node": entry.node,
            "session_id": entry.session_id,
            "test_id": entry.test_id,
            "at_us": tx.now_us,
        }
        for sequence, entry in enumerate(entries, last - len(entries) + 1)
    ]
    await tx.run(change.insert(), rows)


async def delete_passing(tx: Tx, before_us: int) -> None:
    """Delete recalls and tests from before a moment: what they were about has ended or was asked for again."""
    await tx.run(delete(change).where(change.c.kind.in_(_PASSING), change.c.at_us < before_us))


async def head(tx: Tx) -> int:
    """Return the number of the last change; 0 when there is none."""
    return int(await tx.scalar(select(change_head.c.sequence)))


async def after(tx: Tx, sequence: int, limit: int) -> Sequence[Change]:
    """Return changes after a number, in order."""
    rows = await tx.all(
        select(change).where(change.c.sequence > sequence).order_by(change.c.sequence).limit(limit)
    )
    return [
        Change(
            row.kind,
            row.resource_id,
            row.credential_id,
            row.user_id,
            row.sequence,
            row.at_us,
            row.node,
            row.session_id,
            row.test_id,
        )
        for row in rows
    ]
