"""An audit service on each engine, and somebody who tampers with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Database
from tollway.services.audit.model import AuditRecord, record_of
from tollway.services.audit.service import Audit

SEED = bytes(range(32))
Tamper = Callable[[str], Awaitable[None]]


def a_event(number: int, **changes: str) -> AuditRecord:
    fields: dict[str, Any] = {
        "id": f"evt_{number:03}",
        "type": "USER_LOGGED_IN" if number % 2 else "ORDER_PLACED",
        "source": "identity",
        "subject": f"usr_{number % 3}",
        "actor": "usr_operator",
        "action": "auth:session:open",
        "correlation_id": f"cor_{number}",
        "data_json": f'{{"user_id":"usr_{number % 3}","n":{number}}}',
    }
    return record_of(EventEnvelope(at_us=1_000_000 * number, **{**fields, **changes}))


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, service_migrations("audit"), "audit") as db:
        yield db


@pytest.fixture
def service(db: Database) -> Audit:
    return Audit(db, SEED)


@pytest.fixture
def tamper(db: Database) -> Tamper:
    """Change the tables the way only their owner could: with the triggers out of the way."""

    async def change(statement: str) -> None:
        async with db.transaction() as tx:
            if db.dialect == "sqlite":
                for name in ("entry_no_update", "entry_no_delete", "head_forward", "head_no_delete"):
                    await tx.conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            else:
                await tx.conn.exec_driver_sql("ALTER TABLE entry DISABLE TRIGGER ALL")
                await tx.conn.exec_driver_sql("ALTER TABLE head DISABLE TRIGGER ALL")
            await tx.conn.exec_driver_sql(statement)

    return change


async def record(service: Audit, *events: AuditRecord) -> None:
    for event in events:
        async with service.db.transaction() as tx:
            await service.record(tx, event)
