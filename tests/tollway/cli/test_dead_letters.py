"""`tollway dead-letters` shows what gave up in any service, and puts it back."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.kit.platform import command
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import Database, migrate
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.fabric.db.tables import job


@pytest.mark.slow
def test_a_dead_job_is_listed_and_put_back(tmp_path: Path) -> None:
    asyncio.run(_leave_a_dead_job(tmp_path / "services" / "payments.db"))
    at = ("--data", str(tmp_path))
    (one,) = json.loads(command("dead-letters", *at, "--json").stdout)
    assert (one["service"], one["id"], one["what"], one["error"]) == ("payments", "job_1", "pay", "no money")
    assert "job_1" in command("dead-letters", *at).stdout
    assert command("dead-letters", *at, "--retry", "job_2").returncode == 1
    assert "put back 1" in command("dead-letters", *at, "--retry", "job_1").stdout
    assert json.loads(command("dead-letters", *at, "--json").stdout) == []


def test_without_a_platform_it_says_so(tmp_path: Path) -> None:
    ended = command("dead-letters", "--data", str(tmp_path))
    assert (ended.returncode, "no platform" in ended.stderr) == (2, True)


async def _leave_a_dead_job(path: Path) -> None:
    database = Database(SqliteDatabase(path, "FULL"), SystemClock())
    await database.start()
    await migrate(database, None)
    async with database.transaction() as tx:
        tx.enqueue("pay", {})
    async with database.transaction() as tx:
        await tx.run(job.update().values(id="job_1", state="dead", error="no money"))
    await database.stop()
