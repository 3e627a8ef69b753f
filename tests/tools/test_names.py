"""Unused names, names that mean two things and retired words are found."""

from pathlib import Path

import pytest

from tools import names


def put(root: Path, inside: str, text: str) -> None:
    path = root / inside
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_public_function_that_nobody_calls_is_found(tmp_path: Path) -> None:
    put(tmp_path, "kit/a.py", "def used():\n    pass\n\n\ndef unused():\n    used()\n")
    assert [line.split(": ")[1] for line in names.findings(tmp_path)] == ["nobody uses unused; delete it"]


def test_a_method_that_nobody_calls_is_found(tmp_path: Path) -> None:
    put(tmp_path, "kit/a.py", "class Part:\n    def alone(self):\n        pass\n\n\n_part = Part\n")
    assert ["nobody uses alone" in line for line in names.findings(tmp_path)] == [True]


def test_what_a_framework_registers_or_calls_by_name_is_used(tmp_path: Path) -> None:
    put(
        tmp_path,
        "kit/a.py",
        "@app.get('/')\ndef index():\n    pass\n\n\ndef on_user_registered():\n    pass\n",
    )
    assert list(names.findings(tmp_path)) == []


def test_a_class_name_of_two_modules_is_found(tmp_path: Path) -> None:
    put(tmp_path, "kit/a.py", "class Plan:\n    pass\n\n\n_a = Plan\n")
    put(tmp_path, "kit/b.py", "class Plan:\n    pass\n\n\n_b = Plan\n")
    (line,) = names.findings(tmp_path)
    assert (
        line == "src/tollway/kit/a.py: Plan is also a class of src/tollway/kit/b.py; name each for what it is"
    )


def test_a_retired_word_is_found_in_names_strings_comments_and_files(tmp_path: Path) -> None:
    put(
        tmp_path,
        "kit/room_keys.py",
        "RoomKeys = open_door = 1  # the house\nprint(RoomKeys, open_door, 'rooms')\n",
    )
    said = {line.partition(": ")[2] for line in names.findings(tmp_path)}
    assert "the name says 'room'; say 'service'" in said
    assert {"'door'; say 'API'", "'house'; say 'platform'", "'rooms'; say 'services'"} <= said


def test_an_ordinary_sense_of_a_word_is_let_through(tmp_path: Path) -> None:
    put(tmp_path, "kit/a.py", '"""A node may have no room for more; a chat room is a room of people\'s."""\n')
    assert len(list(names.findings(tmp_path))) == 1, "only the last one"
    put(
        tmp_path,
        "kit/a.py",
        '"""There is room for more, and a factory, an indoor thing and a warehouse."""\n',
    )
    assert list(names.findings(tmp_path)) == []


@pytest.mark.slow
def test_the_sources_say_what_they_mean() -> None:
    assert list(names.findings()) == []
