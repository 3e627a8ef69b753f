"""What the routes of the ledger take: which transactions are wanted."""

from typing import Annotated

from fastapi import Depends, Query

from tollway.fabric.rest import PRINTABLE, TimeQuery, id_path, read_time
from tollway.services.ledger.model.records import StatementFilter

TransactionPath = Annotated[str, id_path("txn", "transaction")]
AccountPath = Annotated[str, id_path("acc", "account")]
Prove = Annotated[bool, Query(description="Show the place in the sealed books too")]
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
    q: Annotated[
        str,
        Query(
            max_length=100,
            pattern=PRINTABLE,
            description="Only a transaction with this id, or those with this text in their notes; absent: all",
        ),
    ] = "",
) -> StatementFilter:
    return StatementFilter(details, code, read_time("since", since), read_time("until", until), q.strip())


Wanted = Annotated[StatementFilter, Depends(_wanted)]
