"""Fragments become a section of the changelog, and what is not well formed is named."""

from pathlib import Path

import pytest

from tools import changelog

OLD = "# Changelog\n\nIntroduction.\n\n## 0.1.0 — 2026-01-01\nThe first one.\n\n- Something.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "README.md").write_text("# How\n")
    (tmp_path / "CHANGELOG.md").write_text(OLD)
    return tmp_path


def put(root: Path, name: str, text: str) -> Path:
    path = root / "changes" / name
    path.write_text(text)
    return path


def test_the_fragments_of_this_repository_are_well_formed() -> None:
    assert list(changelog.problems(changelog.ROOT / "changes")) == []


def test_a_release_takes_the_fragments_in_order_and_removes_them(root: Path) -> None:
    fixed = put(root, "fixed-a-leak.md", "A leak is closed.\n")
    added = put(root, "added-b-thing.md", "A thing\nis there (A4).\n")
    assert changelog.main(["--release", "0.2.0", "--date", "2026-02-03"], root) == 0
    assert not fixed.exists()
    assert not added.exists()
    assert (root / "changes" / "README.md").exists()
    assert (root / "CHANGELOG.md").read_text() == (
        "# Changelog\n\nIntroduction.\n\n"
        "## 0.2.0 — 2026-02-03\n\n### Added\n- A thing is there (A4).\n\n### Fixed\n- A leak is closed.\n\n"
        "## 0.1.0 — 2026-01-01\nThe first one.\n\n- Something.\n"
    )


def test_a_section_that_is_not_released_yet_becomes_the_release(root: Path) -> None:
    (root / "CHANGELOG.md").write_text(OLD.replace("2026-01-01", "unreleased"))
    put(root, "changed-it.md", "It is different.")
    assert changelog.main(["--release", "0.1.0", "--date", "2026-02-03"], root) == 0
    assert (root / "CHANGELOG.md").read_text() == (
        "# Changelog\n\nIntroduction.\n\n## 0.1.0 — 2026-02-03\nThe first one.\n\n- Something.\n\n"
        "### Changed\n- It is different.\n"
    )


def test_a_draft_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(root, "security-hole.md", "A hole is closed.")
    assert changelog.main(["--draft"], root) == 0
    assert capsys.readouterr().out == "## next — unreleased\n\n### Security\n- A hole is closed.\n"
    assert path.exists()
    assert (root / "CHANGELOG.md").read_text() == OLD


def test_long_entries_are_wrapped(root: Path) -> None:
    put(root, "added-much.md", "word " * 60 + "end.")
    assert changelog.main(["--release", "0.2.0"], root) == 0
    lines = (root / "CHANGELOG.md").read_text().splitlines()
    assert max(map(len, lines)) <= changelog.WIDTH
    assert any(line.startswith("  word") for line in lines)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("new-thing.md", "Text.", "the name is"),
        ("added-Thing.md", "Text.", "the name is"),
        ("added.md", "Text.", "the name is"),
        ("added-thing.txt", "Text.", "the name is"),
        ("added-thing.md", " \n", "is empty"),
        ("added-thing.md", "- Text.", "one paragraph"),
        ("added-thing.md", "# Text.", "one paragraph"),
        ("added-thing.md", "One.\n\nTwo.", "one paragraph"),
        ("added-thing.md", "Text without an end", "sentence"),
        ("added-thing.md", "Much. " * 200, "characters"),
    ],
)
def test_what_is_not_well_formed_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, reason: str
) -> None:
    put(root, name, text)
    assert changelog.main(["--check"], root) == 1
    said = capsys.readouterr().out
    assert name in said
    assert reason in said
    assert changelog.main(["--release", "0.2.0"], root) == 1
    assert (root / "CHANGELOG.md").read_text() == OLD


@pytest.mark.parametrize("version", ["0.1.0", "0.2", "v0.2.0", "next", ""])
def test_a_version_is_released_once_and_looks_like_one(root: Path, version: str) -> None:
    put(root, "added-thing.md", "Text.")
    assert changelog.main(["--release", version], root) == 1
    assert (root / "CHANGELOG.md").read_text() == OLD


def test_nothing_is_no_release(root: Path) -> None:
    assert changelog.main(["--release", "0.2.0"], root) == 1
