"""Makes the reference pages of the documentation site from the code, while mkdocs builds it.

A page that says `<!-- generated: NAME -->` gets that reference in its place. The areas of the API have pages of their
own. A folder in the navigation (`decisions/`) stands for every page in it. Nothing that is generated is kept in the
repository, so none of it can be stale.

python -m tools.docs_reference NAME   prints one of them
"""

import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tools import docs_api, docs_cli, docs_contracts, docs_settings

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
API_FOLDER = "reference/api/"
UNLISTED = {"decisions/0000-template.md"}


@cache
def _api() -> docs_api.Schema:
    return docs_api.document()


def changelog() -> str:
    """Give the changelog without its title, which the page has already."""
    return re.sub(r"\A# .*\n", "", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


REFERENCES: dict[str, Callable[[], str]] = {
    "settings": docs_settings.page,
    "api": lambda: docs_api.overview(_api()),
    "cli": docs_cli.page,
    "events": docs_contracts.events,
    "errors": docs_contracts.errors,
    "refusals": docs_contracts.refusals,
    "personal-data": docs_contracts.personal_data,
    "changelog": changelog,
}


def filled(markdown: str) -> str:
    """Put the references in the place of their marks. Raises KeyError for an unknown one."""
    return MARK.sub(lambda mark: REFERENCES[mark[1]](), markdown)


def listed(folder: str, docs: Path) -> list[str]:
    """Give every page of a folder, its index first."""
    if folder == API_FOLDER:
        return [f"{API_FOLDER}{area}.md" for area in docs_api.areas(_api())]
    pages = [f"{folder}{path.name}" for path in sorted((docs / folder).glob("*.md"))]
    return sorted(set(pages) - UNLISTED, key=lambda page: (not page.endswith("README.md"), page))


def _spread(nav: Any, docs: Path) -> Any:
    if isinstance(nav, list):
        return [_spread(one, docs) for one in nav]
    if isinstance(nav, dict):
        return {title: _spread(inner, docs) for title, inner in nav.items()}
    return listed(nav, docs) if isinstance(nav, str) and nav.endswith("/") else nav


# ── what mkdocs calls ───────────────────────────────────────────────────────────────────────────────────────


def on_config(config: Any) -> Any:
    """Spell out the folders of the navigation."""
    config.nav = _spread(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the API's areas."""
    from mkdocs.structure.files import File

    for area, text in docs_api.pages(_api()).items():
        files.append(File.generated(config, f"{API_FOLDER}{area}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the marks of a page."""
    return filled(markdown)


if __name__ == "__main__":
    print(REFERENCES[sys.argv[1]]() if len(sys.argv) > 1 else "\n".join(REFERENCES))
