"""Notes are read whole or not at all."""

from pathlib import Path

from tollway.supervisor.notes import read_note, write_note


def test_a_note_is_read_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    note = tmp_path / "edge-0.ready"
    assert read_note(note) is None
    write_note(note, {"pid": 7})
    assert read_note(note) == {"pid": 7}
    assert note.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["edge-0.ready"]


def test_a_damaged_note_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "edge-0.ready").write_text('{"pid": ')
    assert read_note(tmp_path / "edge-0.ready") is None
