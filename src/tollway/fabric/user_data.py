"""What a service keeps of people: declared table by table, so that it can be shown to them, and erased.

Each service declares it in `user_data.py`: `USER_TABLES`, and `IMPERSONAL` for the tables that hold nothing of people.
The export (`Export` of the API), the erasure, the page of the documentation and the tests are made from these
declarations; the service adds what stands in the way of somebody's leaving.

A person has left when identity publishes UserDeleted. Whoever keeps something of them subscribes, and leaves a job that
erases it: `enqueue_erasure` in the transaction of the event, `erase` in the job. Both may be repeated.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, delete, or_, select, tuple_, update

from tollway.contracts import user_data_pb2, user_data_pb2_grpc
from tollway.fabric.db import Database, Tx
from tollway.fabric.retention import PAUSE_S
from tollway.kit.errors import Invalid, NotFound
from tollway.kit.times import to_rfc3339

ERASE = "erase_user"
"""The kind of the job that erases what a service keeps of somebody who has left; its payload is {"user_id": …}."""
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTable:
    """A table with rows of people.

    `theirs` selects a person's rows by their id. `purpose` says what the rows are for. When the person has left, the
    rows are deleted; or, when `keeps` says why they have to stay and for how long, only `blanks` of them is set: for
    each column that holds something personal a value, another column, or a function of the person's id. `exports`
    names the columns that the person is shown; none when it says nothing to them or is a secret. `name` is what it is
    called there, when one table is shown in two parts.
    """

    table: Table
    purpose: str
    theirs: Callable[[str], ColumnElement[bool]]
    keeps: str = ""
    blanks: Mapping[str, Any] = field(default_factory=dict[str, Any])
    exports: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserObstacle:
    """What stands in the way of deleting an account: `detail` says what it is and what to do about it.

    `amount` is in the smallest unit of `asset`. `forfeitable`: the person may give it up instead.
    """

    kind: str
    detail: str
    asset: str = ""
    amount: int = 0
    forfeitable: bool = False


async def _none(_user_id: str) -> Sequence[UserObstacle]:
    return ()


@dataclass(frozen=True, slots=True)
class UserData:
    """What a service keeps of people, and what of it stands in the way of their leaving."""

    db: Database
    tables: tuple[UserTable, ...]
    obstacles: Callable[[str], Awaitable[Sequence[UserObstacle]]] = _none


def own(table: Table, column: str = "user_id") -> Callable[[str], ColumnElement[bool]]:
    """Select the rows of a table that name the person in one column."""
    return lambda user_id: table.c[column] == user_id


# ── erasing ─────────────────────────────────────────────────────────────────────────────────────────


def enqueue_erasure(tx: Tx, user_id: str) -> None:
    """Have everything of a person erased, once, in the transaction that learns that they have left."""
    tx.enqueue(ERASE, {"user_id": user_id}, unique=user_id)


async def erase(database: Database, tables: Sequence[UserTable], user_id: str) -> int:
    """Erase what tables hold of a person, some rows in each transaction; return how many were changed.

    A repeat goes on where an earlier one was interrupted, and changes nothing when it is done.
    """
    erased = 0
    for one in tables:
        if one.keeps and not one.blanks:
            continue
        while True:
            async with database.transaction() as tx:
                changed = await _erase_some(tx, one, user_id)
            erased += changed
            if changed < BATCH:
                break
            await asyncio.sleep(PAUSE_S)
    return erased


async def _erase_some(tx: Tx, one: UserTable, user_id: str) -> int:
    key = list(one.table.primary_key.columns)
    blanks = {name: made(user_id) if callable(made) else made for name, made in one.blanks.items()}
    theirs = one.theirs(user_id)
    if one.keeps:
        theirs &= or_(*(one.table.c[name].is_distinct_from(value) for name, value in blanks.items()))
    rows = [tuple(row) for row in await tx.all(select(*key).where(theirs).limit(BATCH))]
    if rows:
        chosen = key[0].in_([row[0] for row in rows]) if len(key) == 1 else tuple_(*key).in_(rows)
        change = update(one.table).values(blanks) if one.keeps else delete(one.table)
        # Chosen again by what they hold: a row may have become somebody else's meanwhile.
        await tx.run(change.where(chosen, theirs))
    return len(rows)


# ── showing ─────────────────────────────────────────────────────────────────────────────────────────


async def pages(
    database: Database, tables: Sequence[UserTable], user_id: str, cursor: str = ""
) -> AsyncGenerator[tuple[str, list[dict[str, str]], str]]:
    """Yield what tables hold of a person: a table's name, some of its rows, and the cursor behind them.

    With the cursor of a page it goes on behind that. Raises Invalid for one of a table that is not shown any more.
    """
    shown = {one.name or one.table.name: one for one in tables if one.exports}
    begin, behind = _read_cursor(cursor, shown)
    for name in list(shown)[begin:]:
        one = shown[name]
        key = list(one.table.primary_key.columns)
        columns = [
            *key,
            *(one.table.c[name] for name in one.exports if name not in one.table.primary_key.columns),
        ]
        after, behind = behind, None
        while True:
            wanted = one.theirs(user_id) if after is None else and_(one.theirs(user_id), _later(key, after))
            async with database.snapshot() as tx:
                rows = await tx.all(select(*columns).where(wanted).order_by(*key).limit(BATCH))
            if not rows:
                break
            after = tuple(getattr(rows[-1], column.key) for column in key)
            yield name, [_shown(row, one.exports) for row in rows], json.dumps([name, *after])
            if len(rows) < BATCH:
                break


def _read_cursor(cursor: str, shown: Mapping[str, UserTable]) -> tuple[int, tuple[Any, ...] | None]:
    """Return the number of the table where a cursor stands, and the key that it stands behind."""
    if not cursor:
        return 0, None
    name, *key = json.loads(cursor)
    if name not in shown:
        raise Invalid(f"the table {name!r} is not shown")
    return list(shown).index(name), tuple(key)


def _later(key: Sequence[Any], after: tuple[Any, ...]) -> ColumnElement[bool]:
    return key[0] > after[0] if len(key) == 1 else tuple_(*key) > after


def _shown(row: Row[Any], names: Sequence[str]) -> dict[str, str]:
    """Write a row for a person: times as RFC 3339, all else as text."""
    shown: dict[str, str] = {}
    for name in names:
        value = getattr(row, name)
        if name.endswith("_us") and not name.endswith("_time_us"):
            shown[name.removesuffix("_us")] = to_rfc3339(value) if value else ""
        elif isinstance(value, dict | list):
            shown[name] = json.dumps(value, ensure_ascii=False, sort_keys=True)
        elif isinstance(value, bool):
            shown[name] = "true" if value else "false"
        else:
            shown[name] = "" if value is None else str(value)
    return shown


# ── the API ─────────────────────────────────────────────────────────────────────────────────────────


class UserDataServer(user_data_pb2_grpc.UserDataServicer):
    """Serves the UserData API of the services in this process."""

    def __init__(self) -> None:
        self._services: dict[str, UserData] = {}

    def add(self, service: str, data: UserData) -> None:
        """Answer for a service from now on."""
        self._services[service] = data

    async def ListObstacles(  # noqa: N802
        self,
        request: user_data_pb2.ListObstaclesRequest,
        context: Any,  # noqa: ARG002
    ) -> user_data_pb2.ListObstaclesResponse:
        """Return what stands in the way of a person's leaving. Raises NotFound for a service that is not here."""
        found = await self._of(request.service).obstacles(request.user_id)
        return user_data_pb2.ListObstaclesResponse(
            obstacles=[
                user_data_pb2.Obstacle(
                    kind=one.kind,
                    detail=one.detail,
                    asset=one.asset,
                    amount=one.amount,
                    forfeitable=one.forfeitable,
                )
                for one in found
            ]
        )

    async def Export(  # noqa: N802
        self,
        request: user_data_pb2.ExportRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncGenerator[user_data_pb2.ExportPage]:
        """Stream what a service keeps of a person. Raises NotFound for a service that is not here."""
        data = self._of(request.service)
        purposes = {one.name or one.table.name: one.purpose for one in data.tables}
        async for table, rows, cursor in pages(data.db, data.tables, request.user_id, request.after):
            yield user_data_pb2.ExportPage(
                table=table,
                rows_json=json.dumps(rows, ensure_ascii=False),
                purpose=purposes[table],
                cursor=cursor,
            )

    def _of(self, service: str) -> UserData:
        data = self._services.get(service)
        if data is None:
            raise NotFound(f"the service {service!r} keeps nothing of people here; check the topology")
        return data
