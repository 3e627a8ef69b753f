"""`tollway migrate`: every service's database brought up to date."""

import asyncio
from pathlib import Path

from tollway.cli.console import fail, read_settings, say
from tollway.cli.folder_lock import writing
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import DatabaseUnusable
from tollway.fabric.db import migrate as bring_up_to_date
from tollway.settings import Settings
from tollway.topology import SERVICES, backends


def run(data: Path, config: Path | None) -> None:
    """Migrate every service. Exits 1 when a database cannot be used, or a platform uses it."""
    settings = read_settings(data, config).settings
    try:
        with writing(settings):
            asyncio.run(_migrate(settings))
    except DatabaseUnusable as error:
        fail(str(error))


async def _migrate(settings: Settings) -> None:
    for service in SERVICES:
        database = backends.open_database(settings, service, SystemClock())
        await database.start()
        try:
            await bring_up_to_date(database, backends.service_migrations(service))
        finally:
            await database.stop()
        say(f"{service}: up to date")
