"""A service's file: only the owner reads it, and one that is lost is not made anew in silence."""

import stat
from pathlib import Path

import pytest

from tollway.fabric.db import DatabaseUnusable
from tollway.fabric.db.sqlite import SqliteDatabase


async def _open(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.start()
    try:
        async with database.writing() as conn:
            await conn.exec_driver_sql("CREATE TABLE IF NOT EXISTS note (text TEXT)")
        others = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        assert len(others) == 3  # with its log and the log's index
        assert {stat.S_IMODE(file.stat().st_mode) for file in others} == {0o600}
    finally:
        await database.stop()


async def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "services" / "identity.db"
    await _open(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await _open(path)


@pytest.mark.parametrize("lose", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
async def test_a_lost_file_is_not_made_anew(tmp_path: Path, lose: object) -> None:
    path = tmp_path / "ledger.db"
    await _open(path)
    assert callable(lose)
    lose(path)
    with pytest.raises(DatabaseUnusable, match=r"ledger\.db was there and is gone or empty"):
        await SqliteDatabase(path).start()
    assert not (path.exists() and path.stat().st_size)
    path.with_suffix(".made").unlink()
    await _open(path)  # that was meant


async def test_what_cannot_be_opened_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(DatabaseUnusable) as raised:
        await SqliteDatabase(tmp_path / "ledger.db").start()
    assert "\n" not in str(raised.value)
