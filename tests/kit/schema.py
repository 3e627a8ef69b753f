"""Compares the tables that a service's migrations made with those that its store describes."""

from typing import Any

from sqlalchemy import CheckConstraint, MetaData, Table, UniqueConstraint, inspect
from sqlalchemy.engine import Connection

from tollway.fabric.db import Database


async def drift(db: Database, metadata: MetaData) -> list[str]:
    """Say what differs between the database and the tables: columns, keys, indexes, constraints."""
    async with db.engine.reading() as conn:
        return await conn.run_sync(_drift, metadata)


def _drift(connection: Connection, metadata: MetaData) -> list[str]:
    found = inspect(connection)
    different: list[str] = []
    for table in metadata.sorted_tables:
        made = {
            "columns": {one["name"]: bool(one["nullable"]) for one in found.get_columns(table.name)},
            "types": {one["name"]: str(one["type"]) for one in found.get_columns(table.name)},
            "primary key": set(found.get_pk_constraint(table.name)["constrained_columns"]),
            "uniques": {frozenset(one["column_names"]) for one in found.get_unique_constraints(table.name)},
            "checks": {one["name"] for one in found.get_check_constraints(table.name)},
            "indexes": {
                (one["name"], tuple(one["column_names"]))
                for one in found.get_indexes(table.name)
                if not one.get("duplicates_constraint")
            },
        }
        described = _described(table, connection)
        different += [
            f"{table.name}: {what}: {made[what]} in the database, {described[what]} in the store"
            for what in made
            if made[what] != described[what]
        ]
    return different


def _described(table: Table, connection: Connection) -> dict[str, Any]:
    name = connection.dialect.identifier_preparer.format_constraint
    return {
        "columns": {one.name: bool(one.nullable) for one in table.columns},
        "types": {one.name: one.type.compile(connection.dialect) for one in table.columns},
        "primary key": {one.name for one in table.primary_key.columns},
        "uniques": {
            frozenset(column.name for column in one.columns)
            for one in table.constraints
            if isinstance(one, UniqueConstraint)
        },
        "checks": {name(one) for one in table.constraints if isinstance(one, CheckConstraint)},
        "indexes": {(one.name, tuple(column.name for column in one.columns)) for one in table.indexes},
    }
