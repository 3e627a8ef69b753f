"""The few shapes that the generated pages are made of."""

import html
import json
import re
from collections.abc import Iterable, Sequence


def code(text: object) -> str:
    """Show text as code, whatever is in it, also inside a table."""
    shown = str(text)
    if not shown:
        return ""
    if re.search(r"[`|\n]", shown):
        return f"<code>{html.escape(shown).replace('|', '&#124;').replace('`', '&#96;')}</code>"
    return f"`{shown}`"


def prose(text: str | None) -> str:
    """Show a docstring or a description as one paragraph; what is not code is not markup either."""
    parts = re.split(r"(`+[^`]*`+)", " ".join((text or "").split()))
    plain = [part if index % 2 else html.escape(part, quote=False) for index, part in enumerate(parts)]
    return "".join(plain).replace("|", "\\|")


def paragraphs(text: str | None) -> list[str]:
    """Show a docstring paragraph by paragraph, each followed by an empty line."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", (text or "").strip()):
        if paragraph.strip():
            lines += [prose(paragraph), ""]
    return lines


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table and an empty line after it, or nothing when there is no row."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return []
    return [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *body, ""]


def heading(level: int, text: str, anchor: str = "") -> list[str]:
    """Write a heading; `anchor` keeps links to it good when the text changes."""
    return [f"{'#' * level} {text}{f' {{ #{anchor} }}' if anchor else ''}", ""]


def sentence(text: str) -> str:
    """End a text with a full stop, if it has no end."""
    stripped = text.strip()
    return stripped if not stripped or stripped[-1] in ".!?:" else f"{stripped}."


def value(shown: object) -> str:
    """Show a default value."""
    if shown is None:
        return "unset"
    if shown == "":
        return "empty"
    return code(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))
