"""A service's file: only the owner reads it, and one that is lost is not made anew in silence."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tollway.fabric.db import DatabaseUnusable
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.kit.errors import Unavailable


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("making a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass


def for_reading(folder: Path) -> None:
    # It is mounted anew, which no open file may stop.
    subprocess.run(["mount", "-o", "remount,ro,size=4m", str(folder)], check=False)


@pytest.mark.parametrize("spoil", [fill, for_reading])
async def test_a_disk_that_refuses_is_unavailable_to_who_writes_and_to_who_reads(
    small_disk: Path, spoil: Callable[[Path], None]
) -> None:
    path = small_disk / "notes.db"
    first = SqliteDatabase(path)
    await first.start()
    async with first.writing() as conn:
        await conn.exec_driver_sql("CREATE TABLE note (text TEXT)")
    await first.stop()  # so the companions of the file are to be made anew
    spoil(small_disk)
    database = SqliteDatabase(path)
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match="try again later"):
                async with database.reading() as conn:
                    await conn.exec_driver_sql("SELECT * FROM note")
            with pytest.raises(Unavailable, match="nothing can be stored"):
                async with database.writing() as conn:
                    await conn.exec_driver_sql("INSERT INTO note VALUES ('x')")
    finally:
        await database.stop()


async def test_a_disk_that_fills_up_while_it_is_used_is_unavailable_and_well_again_with_space(
    small_disk: Path,
) -> None:
    database = SqliteDatabase(small_disk / "notes.db")
    await database.start()
    try:
        async with database.writing() as conn:
            await conn.exec_driver_sql("CREATE TABLE note (text TEXT)")
        fill(small_disk)
        with pytest.raises(Unavailable, match="nothing can be stored"):
            async with database.writing() as conn:
                for _ in range(100):
                    await conn.exec_driver_sql("INSERT INTO note VALUES (hex(zeroblob(100000)))")
        async with database.reading() as conn:
            assert not (await conn.exec_driver_sql("SELECT * FROM note")).all()
        (small_disk / "filler").unlink()
        async with database.writing() as conn:
            await conn.exec_driver_sql("INSERT INTO note VALUES ('x')")
        async with database.reading() as conn:
            assert len((await conn.exec_driver_sql("SELECT * FROM note")).all()) == 1
    finally:
        await database.stop()
