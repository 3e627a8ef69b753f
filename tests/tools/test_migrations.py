"""A landed migration is never edited."""

from pathlib import Path

import pytest

from tools import migrations


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "src" / "tollway" / "services" / "orders" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_orders.py").write_text("revision = 1\n")
    return tmp_path


def first(root: Path) -> Path:
    return root / "src/tollway/services/orders/migrations/0001_orders.py"


def test_what_is_as_it_landed_is_let_through(root: Path) -> None:
    assert list(migrations.edited(root, migrations.hashes(root))) == []


def test_an_edited_migration_is_refused(root: Path) -> None:
    landed = migrations.hashes(root)
    first(root).write_text("revision = 1  # and a little more\n")
    (line,) = migrations.edited(root, landed)
    assert line.endswith("a landed migration was edited; put it back and write a new revision")


def test_a_removed_migration_is_refused(root: Path) -> None:
    landed = migrations.hashes(root)
    first(root).unlink()
    (line,) = migrations.edited(root, landed)
    assert line.endswith("a landed migration was removed; put it back")


def test_a_new_migration_is_no_edit(root: Path) -> None:
    landed = migrations.hashes(root)
    first(root).with_name("0002_more.py").write_text("revision = 2\n")
    assert list(migrations.edited(root, landed)) == []


def test_every_migration_of_this_repository_is_listed_and_as_it_landed() -> None:
    known = migrations.read(migrations.ROOT)
    assert known == migrations.hashes(migrations.ROOT)
