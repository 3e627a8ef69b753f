"""Keeps the index of the decisions, so that none is missing and each has a status.

python tools/docs_decisions.py            writes the index
python tools/docs_decisions.py --check    exits 1 and says what is wrong
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "decisions"
BEGIN, END = "<!-- index: begin -->", "<!-- index: end -->"
NAME = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
TITLE = re.compile(r"\A# (\d+)\. (.+)$", re.MULTILINE)
STATUS = re.compile(
    r"^\*\*Status\.\*\* (Proposed|Accepted|Rejected|Withdrawn|Superseded by \[\d+\]\([^)]+\))\.$",
    re.MULTILINE,
)
PARTS = ("**Context.**", "**Decision.**", "**Consequences.**")


class Decision(NamedTuple):
    """One decision, as its page says."""

    path: Path
    number: int
    title: str
    status: str


def pages(folder: Path) -> list[Path]:
    """Every page of a decision; not the index, not the template."""
    return [
        path for path in sorted(folder.glob("*.md")) if path.name not in ("README.md", "0000-template.md")
    ]


def problems(folder: Path) -> Iterator[str]:
    """Say what is wrong with which decision."""
    numbers: set[str] = set()
    for path in pages(folder):
        text, name = path.read_text(encoding="utf-8"), NAME.fullmatch(path.name)
        title = TITLE.search(text)
        if not name or not title or int(name[1]) != int(title[1]):
            yield f"{path.name}: the name is NUMBER-slug.md, and the title `# NUMBER. What was decided`"
            continue
        if name[1] in numbers:
            yield f"{path.name}: another decision has this number"
        numbers.add(name[1])
        if not STATUS.search(text):
            yield f"{path.name}: lacks a status; see 0000-template.md"
        yield from (f"{path.name}: lacks {part}" for part in PARTS if part not in text)


def read(folder: Path) -> list[Decision]:
    """Read every well-formed decision."""
    found: list[Decision] = []
    for path in pages(folder):
        text = path.read_text(encoding="utf-8")
        title, status = TITLE.search(text), STATUS.search(text)
        if title and status:
            found.append(Decision(path, int(title[1]), title[2], status[1]))
    return found


def index(folder: Path) -> str:
    """Give the page of the index as it should be."""
    page = (folder / "README.md").read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    rows = [f"| {one.number} | [{one.title}]({one.path.name}) | {one.status} |" for one in read(folder)]
    table = "\n".join(["| | decision | status |", "|---|---|---|", *rows])
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


def main(folder: Path = FOLDER, *, check: bool) -> int:
    """Write, or check."""
    wrong = list(problems(folder))
    fresh, page = index(folder), folder / "README.md"
    if not check:
        page.write_text(fresh, encoding="utf-8")
    elif page.read_text(encoding="utf-8") != fresh:
        wrong.append("stale index of decisions; run: python tools/docs_decisions.py")
    for finding in wrong:
        print(finding)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
