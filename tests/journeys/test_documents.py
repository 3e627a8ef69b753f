"""What the documents say is there, is there."""

import re
from pathlib import Path

import pytest

from tollway.cli import app
from tollway.contracts.events import Event

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
COMMANDS = {
    (command.name or command.callback.__name__).replace("_", "-")
    for command in app.registered_commands
    if command.callback
}
VERBS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_verb_exists(page: Path) -> None:
    text = page.read_text()
    for command in re.findall(r"`tollway ([\w-]+)", text):
        assert command in COMMANDS, f"{page.name} speaks of tollway {command}"
    for verb in re.findall(r"`make (\w+)", text):
        assert verb in VERBS, f"{page.name} speaks of make {verb}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_exists(page: Path) -> None:
    for name in re.findall(
        r"`((?:cli|topology|settings|services|gateway|edge|fabric|contracts|wire|kit)/[\w/.]+)`",
        page.read_text(),
    ):
        path = ROOT / "src" / "tollway" / name
        assert path.exists() or path.with_suffix(".py").exists(), f"{page.name} names {name}"


def test_the_verbs_are_these() -> None:
    assert VERBS - {"help"} == {
        *("setup", "up", "demo", "test", "slow", "check", "coverage", "matrix", "docs", "bench", "console")
    }


def test_every_decision_says_context_decision_and_consequences() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in page.read_text(), f"{page.name} lacks {part}"


def test_events_are_past_tense_topics() -> None:
    assert {"USER_REGISTERED", "USER_LOGGED_IN", "TRANSACTION_MADE"} <= set(Event.by_topic)
