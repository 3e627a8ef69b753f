"""`tollway export`: the books as text for an outside auditor."""

import asyncio
import sys
from pathlib import Path

from tollway.cli.console import fail, read_settings
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import DatabaseUnusable, check_current
from tollway.settings import Settings
from tollway.topology import backends


def run(data: Path, config: Path | None, form: str) -> None:
    """Write every transaction to standard output."""
    if form != "beancount":
        fail(f"there is no format {form!r}; there is beancount", 2)
    settings = read_settings(data, config).settings
    if not settings.database.url and not (settings.data / "services" / "ledger.db").exists():
        fail(
            f"there are no books in {settings.data}; start a platform there first, or name another --data", 2
        )
    try:
        asyncio.run(_export(settings))
    except DatabaseUnusable as error:
        fail(str(error), 2)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough


async def _export(settings: Settings) -> None:
    from tollway.services.ledger.service.export import beancount

    books = backends.open_database(settings, "ledger", SystemClock())
    await books.start()
    try:
        await check_current(books, backends.service_migrations("ledger"))
        async with books.snapshot() as tx:
            async for piece in beancount(tx):
                sys.stdout.write(piece)
        sys.stdout.flush()
    finally:
        await books.stop()
