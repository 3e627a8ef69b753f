"""Between rows and values: how each is read back, and how a query asks for many at once."""

from collections.abc import Collection
from typing import Any, cast

import orjson
from sqlalchemy import ARRAY, ColumnElement, Row, String, any_, bindparam, func, select

from tollway.fabric.db import Tx
from tollway.services.ledger.model.values import Account, AccountRef


def among(tx: Tx, column: ColumnElement[str], wanted: Collection[str]) -> ColumnElement[bool]:
    """Match any of many texts with one parameter, so that the statement is prepared once for any number."""
    if tx.dialect == "postgresql":
        return column == any_(bindparam(None, sorted(wanted), ARRAY(String)))
    listed = func.json_each(orjson.dumps(sorted(wanted)).decode()).table_valued("value")
    return column.in_(select(listed.c.value))


def to_account(row: Row[Any]) -> Account:
    """Read a row of `account`; all other rows are laid out as their values are."""
    cells = cells_of(row)
    return Account(cells[0], AccountRef._make(cells[1:5]), *cells[5:])


def account_row(account: Account) -> tuple[Any, ...]:
    """Lay an account out as a row."""
    return (account.id, *account.ref, *account[2:])


def cells_of(row: Row[Any]) -> tuple[Any, ...]:
    """Give a row as a plain tuple."""
    return cast("tuple[Any, ...]", row)
