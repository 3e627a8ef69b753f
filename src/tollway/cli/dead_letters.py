"""`tollway dead-letters`: work that gave up and waits for a person, in every service; and how it is put back."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tollway.cli.console import fail, read_settings, say, table
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import Database, DatabaseUnusable, migrate
from tollway.fabric.dead_letters import DeadLetter, dead_letters, retry
from tollway.kit.times import to_rfc3339
from tollway.settings import Settings
from tollway.topology import SERVICES, backends

Found = list[tuple[str, DeadLetter]]


def run(data: Path, config: Path | None, retry: Sequence[str], *, retry_all: bool, as_json: bool) -> None:
    """Show what is stuck, or put some of it back. Exits 1 when an id is not stuck, 2 when there is no platform."""
    settings = read_settings(data, config).settings
    if not settings.database.url and not (settings.data / "services").is_dir():
        fail(f"there is no platform in {settings.data}; name another --data", 2)
    try:
        found, back = asyncio.run(_look(settings, set(retry), retry_all=retry_all))
    except DatabaseUnusable as error:
        fail(str(error), 2)
    if retry or retry_all:
        say(f"dead letters: put back {len(back)}")
        if missing := sorted(set(retry) - back):
            fail(f"not waiting anywhere: {', '.join(missing)}; `tollway dead-letters` lists what is")
        return
    if as_json:
        say(json.dumps([{"service": service, **asdict(one)} for service, one in found], indent=2))
        return
    rows = [[service, one.id, one.what, to_rfc3339(one.since_us), one.error] for service, one in found]
    table("Waiting for a person", ["service", "id", "what", "since", "why"], rows)
    say(f"dead letters: {len(found)} waiting; `tollway dead-letters --retry ID` has one tried again")


async def _look(settings: Settings, wanted: set[str], *, retry_all: bool) -> tuple[Found, set[str]]:
    found: Found = []
    back: set[str] = set()
    for service in SERVICES:
        database = backends.open_database(settings, service, SystemClock())
        await database.start()
        try:
            await migrate(database, None)
            async with database.snapshot() as tx:
                here = await dead_letters(tx)
            found += [(service, one) for one in here]
            back |= await _put_back(database, {one.id for one in here if retry_all or one.id in wanted})
        finally:
            await database.stop()
    return found, back


async def _put_back(database: Database, ids: set[str]) -> set[str]:
    if not ids:
        return set()
    async with database.transaction() as tx:
        return {id_ for id_ in sorted(ids) if await retry(tx, id_)}
