"""The database port: one `Database` per service, on SQLite or PostgreSQL, with the same promises on both.

- `transaction()` writes: all or nothing, events (`publish`) and jobs (`enqueue`) included. SQLite has one writer
  at a time (BEGIN IMMEDIATE); on PostgreSQL the isolation is READ COMMITTED.
- `autocommit()` is for one statement that is a transaction of its own, on PostgreSQL.
- `snapshot()` reads, never waits for a writer, and refuses to write.
- No service API may be called while a transaction or a snapshot is open in the same task (CalledInTransaction), so
  no lock ever waits for another service.
"""

from tollway.fabric.db.database import Database, DatabaseUnusable, Tx, publish_parts
from tollway.fabric.db.guards import check_guards
from tollway.fabric.db.migrate import check_current, migrate
from tollway.fabric.db.types import NAMING, Flag, Int64, Json

__all__ = [
    "NAMING",
    "Database",
    "DatabaseUnusable",
    "Flag",
    "Int64",
    "Json",
    "Tx",
    "check_current",
    "check_guards",
    "migrate",
    "publish_parts",
]
