"""Between rows and values: how each is read back, and how a query asks for many at once."""

from collections.abc import Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, String, any_, bindparam, func, select

from tollway.fabric.db import Tx
from tollway.services.ledger.model.values import Account, AccountRef

Cells = Sequence[Any]
"""A row, whatever made it."""


def among(tx: Tx, column: ColumnElement[str], reads: Collection[str]) -> ColumnElement[bool]:
    """Match any of many texts with one parameter, so that the statement is prepared once for any number."""
    if tx.dialect == "postgresql":
        return column == any_(bindparam(None, sorted(reads), ARRAY(String)))
    listed = func.json_each(orjson.dumps(sorted(reads)).decode()).table_valued("value")
    return column.in_(select(listed.c.value))


def to_account(cells: Cells) -> Account:
    """Read a row of `account`; all other rows are laid out as their values are."""
    return Account(cells[0], AccountRef._make(cells[1:5]), *cells[5:])


def account_row(account: Account) -> tuple[Any, ...]:
    """Lay an account out as a row."""
    return (account.id, *account.ref, *account[2:])
