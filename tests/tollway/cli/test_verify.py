"""`tollway verify` only reads: it makes no secret for books that were signed with another."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.platform import command


def test_without_the_master_key_it_says_so_and_makes_none(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "ledger.db").touch()
    ended = command("verify", "--data", str(tmp_path))
    assert ended.returncode == 2
    assert "master.key" in ended.stderr
    assert not (tmp_path / "secrets" / "master.key").exists()


FOREIGN = "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('milk')"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.touch(), "is empty, or another program's"),
        (lambda path: sqlite3.connect(path).executescript(FOREIGN).close(), "is empty, or another program's"),
        (lambda path: path.write_bytes(b"these are not books" * 100), "cannot open"),
    ],
    ids=["empty", "foreign", "no database"],
)
def test_what_are_no_books_is_said_in_one_line(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "master.key").write_text("ab" * 32)
    make(tmp_path / "services" / "ledger.db")
    ended = command("verify", "--data", str(tmp_path))
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_books_of_another_version_are_not_read(tmp_path: Path) -> None:
    assert command("migrate", "--data", str(tmp_path)).returncode == 0
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "master.key").write_text("ab" * 32)
    assert command("verify", "--data", str(tmp_path)).returncode == 0
    books = sqlite3.connect(tmp_path / "services" / "ledger.db")
    books.execute("UPDATE alembic_version SET version_num = 'ledger_9999'")
    books.commit()
    books.close()
    ended = command("verify", "--data", str(tmp_path))
    assert (ended.returncode, "ledger_9999" in ended.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("command_name", ["verify", "export"])
@pytest.mark.parametrize("table", ["leg", "outbox"])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, command_name: str, table: str) -> None:
    assert command("migrate", "--data", str(tmp_path)).returncode == 0
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "master.key").write_text("ab" * 32)
    path = tmp_path / "services" / "ledger.db"
    books = sqlite3.connect(path)
    (page,) = books.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = books.execute("PRAGMA page_size").fetchone()
    books.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    ended = command(command_name, "--data", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "the database of ledger is damaged" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "configured"), [("too short", ""), ("ab" * 32, "not hex"), ("ab" * 32, "abcd")]
)
def test_a_damaged_master_key_is_one_clear_line(tmp_path: Path, key: str, configured: str) -> None:
    assert command("migrate", "--data", str(tmp_path)).returncode == 0
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "master.key").write_text(key)
    ended = command("verify", "--data", str(tmp_path), TOLLWAY_SECURITY__MASTER_KEY=configured)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "master" in ended.stderr


def test_a_database_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    ended = command("verify", "--data", str(tmp_path), TOLLWAY_DATABASE__URL="mysql://127.0.0.1/books")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "database.url" in ended.stderr
