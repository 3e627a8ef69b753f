"""Heads noted outside the data."""

from pathlib import Path

import pytest

from tollway.fabric.head_notes import HeadNote, HeadNotes, HeadNoteUnusable

NOTE = HeadNote(3, "ab" * 32, "cd" * 32, 1_000_000)


def test_a_note_is_read_as_it_was_written_and_the_newest_replaces_it(tmp_path: Path) -> None:
    notes = HeadNotes(tmp_path / "heads")
    assert notes.read("ledger") is None
    notes.write("ledger", NOTE)
    notes.write("audit", NOTE._replace(number=9))
    assert HeadNotes(tmp_path / "heads").read("ledger") == NOTE
    notes.write("ledger", NOTE._replace(number=4))
    assert [notes.read(chain).number for chain in ("ledger", "audit")] == [4, 9]  # pyright: ignore[reportOptionalMemberAccess]
    assert sorted(path.name for path in (tmp_path / "heads").iterdir()) == ["audit.json", "ledger.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number": "x"}', "\x00"])
def test_a_damaged_note_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(HeadNoteUnusable, match="put it back from a copy"):
        HeadNotes(tmp_path).read("ledger")


def test_without_a_folder_nothing_is_noted() -> None:
    HeadNotes(None).write("ledger", NOTE)
    assert HeadNotes(None).read("ledger") is None
