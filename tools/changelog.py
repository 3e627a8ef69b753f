"""Keeps the changelog: one file per change in changes/, put together at a release.

python tools/changelog.py --check             exits 1 and says which files are not well formed
python tools/changelog.py --draft             prints the section that the next release would have
python tools/changelog.py --release VERSION   writes that section into CHANGELOG.md and removes the files
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")
LONGEST = 600
NAME = re.compile(rf"({'|'.join(KINDS)})-([a-z0-9]+(?:-[a-z0-9]+)*)\.md")
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
WIDTH = 120


class Fragment(NamedTuple):
    """One change."""

    path: Path
    kind: str
    text: str


class Malformed(Exception):
    """The changelog cannot be written; the text says why."""


def paths(folder: Path) -> list[Path]:
    """Every file that should be a fragment."""
    return sorted(path for path in folder.iterdir() if path.name != "README.md")


def problems(folder: Path) -> Iterator[str]:
    """Say what is wrong with which file."""
    for path in paths(folder):
        for reason in _reasons(path):
            yield f"{folder.name}/{path.name}: {reason}"


def _reasons(path: Path) -> Iterator[str]:
    if not NAME.fullmatch(path.name):
        yield f"the name is <kind>-<slug>.md, and the kind one of {', '.join(KINDS)}"
        return
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        yield "is empty"
        return
    if len(text) > LONGEST:
        yield f"has {len(text)} characters; at most {LONGEST}"
    if re.search(r"^(#|[-*+] |\d+\. )|\n\s*\n", text, re.MULTILINE):
        yield "is one paragraph, without headings and lists"
    if text[-1] not in ".!?)":
        yield "ends with a sentence's end"


def read(folder: Path) -> list[Fragment]:
    """Read every fragment. Raises Malformed."""
    if wrong := list(problems(folder)):
        raise Malformed("\n".join(wrong))
    found = [
        Fragment(path, path.name.partition("-")[0], " ".join(path.read_text(encoding="utf-8").split()))
        for path in paths(folder)
    ]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.path.name))


def section(version: str, day: str, fragments: Sequence[Fragment]) -> str:
    """Write the section of one version."""
    lines = [f"## {version} — {day}"]
    for kind in KINDS:
        if texts := [one.text for one in fragments if one.kind == kind]:
            lines += ["", f"### {kind.capitalize()}", *(_entry(text) for text in texts)]
    return "\n".join(lines) + "\n"


def _entry(text: str) -> str:
    """Wrap one entry as an item of a list."""
    lines, line = [], "-"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = " "
        line += f" {word}"
    return "\n".join([*lines, line])


def released(changelog: str, version: str, day: str, fragments: Sequence[Fragment]) -> str:
    """Give the changelog with the section of a version. Raises Malformed when there is one, or nothing to say.

    A heading `## VERSION — unreleased` becomes this release's, with its entries before the fragments'.
    """
    if not VERSION.fullmatch(version):
        raise Malformed(f"{version!r} is not a version such as 0.2.0")
    heading = re.compile(rf"^## {re.escape(version)} — (.+)\n", re.MULTILINE)
    present = heading.search(changelog)
    if present and present[1] != "unreleased":
        raise Malformed(f"{version} was released already")
    if not present and not fragments:
        raise Malformed("there is no change to release")
    fresh = section(version, day, fragments)
    if not present:
        at = changelog.find("\n## ") + 1 or len(changelog)
        return f"{changelog[:at].rstrip()}\n\n{fresh}\n{changelog[at:]}".rstrip() + "\n"
    end = changelog.find("\n## ", present.end())
    body, rest = changelog[present.end() :], ""
    if end >= 0:
        body, rest = changelog[present.end() : end], changelog[end:]
    first, _, entries = fresh.partition("\n")
    return (
        f"{changelog[: present.start()]}{first}\n{body.rstrip()}\n{entries.rstrip()}\n{rest}".rstrip() + "\n"
    )


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Check, print or release."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say which files are not well formed")
    what.add_argument("--draft", action="store_true", help="print the next section")
    what.add_argument("--release", metavar="VERSION", help="write the section and remove the files")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    parser.add_argument("--date", type=date.fromisoformat, default=today, help="the day of the release")
    wanted = parser.parse_args(arguments)
    folder, page = root / "changes", root / "CHANGELOG.md"
    try:
        fragments = read(folder)
        if wanted.draft:
            print(section("next", "unreleased", fragments), end="")
        if wanted.release is not None:
            page.write_text(
                released(page.read_text(encoding="utf-8"), wanted.release, str(wanted.date), fragments),
                encoding="utf-8",
            )
            for one in fragments:
                one.path.unlink()
    except Malformed as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
