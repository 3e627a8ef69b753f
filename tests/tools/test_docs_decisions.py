"""Every decision is listed and has a status."""

from pathlib import Path

import pytest

from tools import docs_decisions

GOOD = "# 1. It is so\n\n**Status.** Accepted.\n\n**Context.** c\n\n**Decision.** d\n\n**Consequences.** e\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(
        f"# Decisions\n\n{docs_decisions.BEGIN}\n{docs_decisions.END}\n\nEnd.\n"
    )
    (tmp_path / "0000-template.md").write_text("# 0. Template\n")
    (tmp_path / "0001-it-is-so.md").write_text(GOOD)
    return tmp_path


def test_the_decisions_of_this_repository_are_listed_and_have_a_status() -> None:
    assert docs_decisions.main(check=True) == 0
    assert len(docs_decisions.read(docs_decisions.FOLDER)) == len(docs_decisions.pages(docs_decisions.FOLDER))


def test_the_index_is_written_once_and_stays(folder: Path) -> None:
    assert docs_decisions.main(folder, check=True) == 1
    assert docs_decisions.main(folder, check=False) == 0
    assert docs_decisions.main(folder, check=True) == 0
    text = (folder / "README.md").read_text()
    assert "| 1 | [It is so](0001-it-is-so.md) | Accepted |" in text
    assert text.endswith("\n\nEnd.\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("**Status.** Accepted.\n", ""), "lacks a status"),
        (GOOD.replace("Accepted", "Perhaps"), "lacks a status"),
        (GOOD.replace("# 1.", "# 2."), "the name is"),
        (GOOD.replace("**Consequences.**", "So"), "lacks **Consequences.**"),
    ],
)
def test_what_is_wrong_with_a_decision_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    docs_decisions.main(folder, check=False)
    (folder / "0001-it-is-so.md").write_text(text)
    assert docs_decisions.main(folder, check=True) == 1
    assert f"0001-it-is-so.md: {reason}" in capsys.readouterr().out


def test_a_number_is_given_once(folder: Path) -> None:
    (folder / "0001-it-is-not.md").write_text(GOOD)
    assert any("another decision" in problem for problem in docs_decisions.problems(folder))


def test_a_superseded_decision_says_by_which(folder: Path) -> None:
    (folder / "0001-it-is-so.md").write_text(GOOD.replace("Accepted", "Superseded by [2](0002-it-is-not.md)"))
    assert list(docs_decisions.problems(folder)) == []
