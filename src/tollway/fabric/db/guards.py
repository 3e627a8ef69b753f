"""Compares the definitions in a database with what its migrations make: tables, checks, indexes, triggers, functions.

A trigger that was dropped or a check that was loosened leaves no trace in the rows, but the next wrong row is accepted.
The migrations are run into an empty database of the same engine, and the two are compared definition by definition:
on SQLite in memory, on PostgreSQL in a schema that is rolled back.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tollway.fabric.db.database import Database
from tollway.fabric.db.migrate import apply_all

Definitions = dict[tuple[str, str], str]
"""By kind and name."""

_SCRATCH = "tollway_guards"
_POSTGRESQL = """
SELECT 'trigger', c.relname || '.' || t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
UNION ALL SELECT 'constraint', r.relname || '.' || k.conname, k.convalidated::text || ' ' || pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid WHERE k.connamespace = current_schema()::regnamespace
UNION ALL SELECT 'index', c.relname, i.indisvalid::text || ' ' || pg_get_indexdef(c.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = current_schema()::regnamespace
UNION ALL SELECT 'function', p.proname, p.prosrc FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
UNION ALL SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable
FROM information_schema.columns WHERE table_schema = current_schema()
"""


async def check_guards(database: Database, migrations: Path) -> list[str]:
    """Return what is defined otherwise than the migrations make it, one sentence each."""
    if database.dialect == "sqlite":
        async with database.engine.reading() as conn:
            found = await conn.run_sync(_sqlite)
        wanted = _made_in_memory(migrations)
    else:
        async with database.engine.reading() as conn:
            found = await _postgresql(conn)
        wanted = await _made_by_migrations(database, migrations)
    return _differences(wanted, found)


def _differences(wanted: Definitions, found: Definitions) -> list[str]:
    findings = [f"the {kind} {name} is gone" for kind, name in sorted(wanted.keys() - found.keys())]
    findings += [f"the {kind} {name} was added" for kind, name in sorted(found.keys() - wanted.keys())]
    both = sorted(wanted.keys() & found.keys())
    return findings + [f"the {one[0]} {one[1]} was changed" for one in both if wanted[one] != found[one]]


@cache
def _made_in_memory(migrations: Path) -> Definitions:
    with create_engine("sqlite://").begin() as scratch:
        apply_all(scratch, migrations)
        return _sqlite(scratch)


def _sqlite(conn: Connection) -> Definitions:
    rows = conn.execute(text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"))
    return {(row[0], row[1]): row[2] or "" for row in rows}


async def _postgresql(conn: AsyncConnection) -> Definitions:
    schema = (await conn.execute(text("SELECT current_schema()"))).scalar_one()
    rows = await conn.execute(text(_POSTGRESQL))
    return {(row[0], row[1]): row[2].replace(f"{schema}.", "") for row in rows}


async def _made_by_migrations(database: Database, migrations: Path) -> Definitions:
    async with database.engine.writing() as conn, conn.begin_nested() as scratch:
        await conn.exec_driver_sql(f"CREATE SCHEMA {_SCRATCH}")
        await conn.exec_driver_sql(f"SET LOCAL search_path = {_SCRATCH}")
        await conn.run_sync(apply_all, migrations)
        wanted = await _postgresql(conn)
        await scratch.rollback()
    return wanted
