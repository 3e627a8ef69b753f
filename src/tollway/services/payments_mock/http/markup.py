"""How the mock's pages look: one small style sheet, no script, nothing loaded from elsewhere."""

from collections.abc import Iterable
from html import escape

from fastapi.responses import HTMLResponse

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #667085; --line: #e3e6ec; --paper: #fff;
  --ground: #f4f5f8; --accent: #3b5bdb; --bad: #b42318; --good: #067647 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #98a2b3; --line: #2b3242;
  --paper: #171b26; --ground: #0e1118; --accent: #7b93ff; --bad: #ff8a7d; --good: #5fd39b } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
main { max-width: 460px; margin: 8vh auto; padding: 0 16px }
main.wide { max-width: 1080px; margin: 32px auto }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 24px; margin: 16px 0 }
h1 { font-size: 22px; margin: 0 0 4px } h2 { font-size: 15px; margin: 0 0 12px }
p { margin: 0 0 12px } .soft { color: var(--soft) } .bad { color: var(--bad) } .good { color: var(--good) }
.amount { font-size: 34px; font-weight: 650; letter-spacing: -.02em; margin: 4px 0 16px }
label { display: block; font-size: 13px; color: var(--soft); margin-bottom: 12px }
input { display: block; width: 100%; margin-top: 4px; padding: 10px 12px; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 8px }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px }
button { width: 100%; padding: 11px; font: inherit; font-weight: 600; color: var(--paper); background: var(--accent);
  border: 0; border-radius: 8px; cursor: pointer }
button.plain { width: auto; padding: 5px 10px; font-weight: 400; font-size: 13px; color: var(--ink);
  background: transparent; border: 1px solid var(--line); margin: 0 6px 6px 0 }
form.inline { display: inline }
table { width: 100%; border-collapse: collapse; font-size: 13px } td, th { text-align: left; padding: 5px 8px 5px 0;
  border-top: 1px solid var(--line); vertical-align: top } th { border: 0; color: var(--soft); font-weight: 500 }
td.right { text-align: right } a { color: var(--accent); text-decoration: none }
pre { overflow: auto; font-size: 12.5px; margin: 0 } code { font-size: 12.5px }
"""


def page(title: str, body: str, *, wide: bool = False, status: int = 200) -> HTMLResponse:
    """Make a page. `body` is markup: whatever was not written here must have gone through `escape`."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main class="{"wide" if wide else ""}">{body}</main></body></html>'
    )
    return HTMLResponse(text, status, headers=_HEADERS)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], empty: str) -> str:
    """Make a table of cells that are markup already."""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return f'<p class="soft">{escape(empty)}</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def link(url: str, text: str) -> str:
    """Make a link."""
    return f'<a href="{escape(url)}">{escape(text)}</a>'
