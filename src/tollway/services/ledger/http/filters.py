"""What the routes of the ledger take: which transactions are wanted."""

from typing import Annotated

from fastapi import Depends, Query

from tollway.fabric.rest import PRINTABLE, id_path
from tollway.kit.errors import Invalid
from tollway.kit.times import from_rfc3339
from tollway.services.ledger.model.records import StatementFilter

TransactionPath = Annotated[str, id_path("txn", "transaction")]
Prove = Annotated[bool, Query(description="Show the place in the sealed books too")]
TimeQuery = Annotated[str, Query(max_length=40, description="RFC 3339; absent: no bound")]
AssetQuery = Annotated[
    str, Query(max_length=100, pattern=PRINTABLE, description="An asset's code; absent: all")
]


def _wanted(
    *,
    details: Annotated[bool, Query(description="Show each posting, and what was held and released")] = False,
    code: Annotated[
        str,
        Query(pattern=r"^[a-z_]{0,40}$", description="Only one kind of event, such as `buy`; absent: all"),
    ] = "",
    since: TimeQuery = "",
    until: TimeQuery = "",
) -> StatementFilter:
    return StatementFilter(details, code, _time("since", since), _time("until", until))


def _time(name: str, text: str) -> int:
    try:
        return from_rfc3339(text) if text else 0
    except (ValueError, OverflowError) as error:
        raise Invalid.of(name, "must be a time with its zone, such as 2026-11-01T00:00:00Z") from error


Wanted = Annotated[StatementFilter, Depends(_wanted)]
