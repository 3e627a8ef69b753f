"""How a template is filled in, as plain text and as HTML. Pure; nothing is sent from here."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tollway.kit.errors import Invalid
from tollway.kit.times import SECOND_US, from_rfc3339
from tollway.services.notifications.templates import TEMPLATES
from tollway.services.notifications.templates.template import Template

PARAM_LIMIT = 2000
_TIMES = {"at": "on %-d %B %Y at %H:%M UTC", "expires_at": "until %-d %B %Y, %H:%M UTC"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished texts of a message."""

    subject: str
    text: str
    html: str


def check(template: str, params: Mapping[str, str]) -> Template:
    """Return the template if `params` fill it. Raises Invalid with what is missing or wrong.

    Control characters are refused, so that no value can add a header or break a line.
    """
    known = TEMPLATES.get(template)
    if known is None:
        raise Invalid(f"there is no template {template!r}; there are {', '.join(sorted(TEMPLATES))}")
    if missing := known.needs() - {name for name, value in params.items() if value}:
        raise Invalid(f"the template {template} needs {', '.join(sorted(missing))}")
    if long := [name for name, value in params.items() if len(value) > PARAM_LIMIT]:
        raise Invalid(f"{', '.join(long)}: at most {PARAM_LIMIT} characters")
    if bad := [name for name, value in params.items() if _CONTROL.search(value)]:
        raise Invalid(f"{', '.join(bad)}: no line breaks or other control characters")
    if params.get("link") and not _LINK.fullmatch(params["link"]):
        raise Invalid("link must be an http or https address")
    return known


def subject_of(template: str, params: Mapping[str, str], brand: str) -> str:
    """Fill in the subject line. Raises Invalid as `check` does."""
    known = check(template, params)
    return known.subject.format_map(_values(known, params, brand))


def render(template: str, params: Mapping[str, str], brand: str, support: str = "") -> Rendered:
    """Fill in a template. Raises Invalid as `check` does."""
    known = check(template, params)
    values = _values(known, params, brand)
    page = _Page(
        subject=known.subject.format_map(values),
        lines=[line.format_map(values) for line in known.lines],
        figures=[(label, value.format_map(values)) for label, value in known.figures],
        button=known.button if params.get("link") else "",
        link=params.get("link", ""),
        after=[line.format_map(values) for line in known.after],
        foot=f"Questions? Write to {support}." if support else "",
        brand=brand,
    )
    return Rendered(page.subject, page.as_text(), page.as_html())


@dataclass(frozen=True, slots=True)
class _Page:
    subject: str
    lines: list[str]
    figures: list[tuple[str, str]]
    button: str
    link: str
    after: list[str]
    foot: str
    brand: str

    def as_text(self) -> str:
        width = max((len(label) for label, _ in self.figures), default=0)
        parts = [
            *self.lines,
            "\n".join(f"{label + ':':<{width + 1}} {value}" for label, value in self.figures),
            f"{self.button}:\n{self.link}" if self.button else "",
            *self.after,
            f"-- \n{self.brand}" + (f"\n{self.foot}" if self.foot else ""),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def as_html(self) -> str:
        body = "".join(_paragraph(line) for line in self.lines)
        if self.figures:
            rows = "".join(
                _ROW.format(html.escape(label), html.escape(value)) for label, value in self.figures
            )
            body += _TABLE.format(rows)
        if self.button:
            body += _BUTTON.format(html.escape(self.link, quote=True), html.escape(self.button))
        body += "".join(_paragraph(line, "#5b6472") for line in self.after)
        return _HTML.format(
            subject=html.escape(self.subject),
            brand=html.escape(self.brand),
            body=body,
            foot=html.escape(self.foot),
        )


def _values(template: Template, params: Mapping[str, str], brand: str) -> dict[str, str]:
    given = {name: value for name, value in params.items() if value}
    for name, phrase in _TIMES.items():
        if name in given:
            given[name] = _moment(name, given[name]).strftime(phrase)
    return {**template.defaults, **given, "brand": brand}


def _moment(name: str, text: str) -> datetime:
    try:
        return datetime.fromtimestamp(from_rfc3339(text) // SECOND_US, UTC)
    except ValueError as error:
        raise Invalid(f"{name} must be a time as in 2026-11-22T01:40:20Z") from error


def _paragraph(line: str, colour: str = "#1d2430") -> str:
    return f'<p style="margin:0 0 16px;color:{colour}">{html.escape(line)}</p>'


_TABLE = '<table role="presentation" style="width:100%;margin:0 0 20px;border-collapse:collapse">{0}</table>'
_ROW = (
    '<tr><td style="padding:6px 0;color:#5b6472;border-bottom:1px solid #e6e8ec">{0}</td>'
    '<td style="padding:6px 0;color:#1d2430;text-align:right;border-bottom:1px solid #e6e8ec">{1}</td></tr>'
)
_BUTTON = (
    '<p style="margin:24px 0"><a href="{0}" style="display:inline-block;padding:12px 22px;border-radius:8px;'
    'background:#1f5eff;color:#ffffff;text-decoration:none;font-weight:600">{1}</a></p>'
)
_HTML = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{subject}</title></head>
<body style="margin:0;padding:32px 16px;background:#f3f5f8;font:16px/1.55 system-ui,sans-serif">
<div style="max-width:520px;margin:0 auto">
<p style="margin:0 0 14px;font-weight:700;letter-spacing:.02em;color:#1d2430">{brand}</p>
<div style="padding:28px;border-radius:14px;background:#ffffff">
<h1 style="margin:0 0 18px;font-size:21px;line-height:1.3;color:#1d2430">{subject}</h1>
{body}
</div>
<p style="margin:16px 4px;font-size:13px;color:#5b6472">{foot}</p>
</div>
</body>
</html>
"""
