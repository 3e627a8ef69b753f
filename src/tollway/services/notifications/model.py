"""What an e-mail says: the templates, and how one is filled in. Pure; nothing is sent from here."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import Formatter
from typing import Literal

from tollway.kit.errors import Invalid
from tollway.kit.money import format_units
from tollway.kit.times import SECOND_US, from_rfc3339

Category = Literal["security", "receipts", "product"]
CATEGORIES: tuple[Category, ...] = ("security", "receipts", "product")
State = Literal["queued", "sent", "failed"]

PARAM_LIMIT = 2000
_TIMES = {"at": "on %-d %B %Y at %H:%M UTC", "expires_at": "until %-d %B %Y, %H:%M UTC"}
_ADDRESS = re.compile(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of message. Texts may hold `{parameters}`; `defaults` gives those that may be left out.

    The parameters `at` and `expires_at` are given as RFC 3339 and shown as people write times, with their preposition.
    `button` is the label of the message's one action, whose address is the parameter `link`; without a link
    there is no button, unless `link_required`. `figures` is a small table, label and value.
    """

    category: Category
    subject: str
    lines: tuple[str, ...]
    button: str = ""
    link_required: bool = False
    figures: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])

    def needs(self) -> frozenset[str]:
        """Name the parameters that must be given."""
        texts = (self.subject, *self.lines, *self.after, *(value for _, value in self.figures))
        named = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
        if self.link_required:
            named.add("link")
        return frozenset(named - set(self.defaults) - {"brand"})


TEMPLATES: Mapping[str, Template] = {
    "verify_email": Template(
        "security",
        "Confirm your e-mail address",
        ("Welcome to {brand}.", "Confirm that this address is yours, and your account is ready."),
        button="Confirm address",
        link_required=True,
        after=(
            "The link works {expires_at}.",
            "If you did not sign up, ignore this message and nothing will happen.",
        ),
        defaults={"expires_at": "for a limited time"},
    ),
    "account_exists": Template(
        "security",
        "You already have an account",
        (
            "Somebody, perhaps you, tried to sign up with this address.",
            "It has an account already: sign in, or ask for a new password if you forgot yours.",
        ),
        button="Sign in",
        after=("If it was not you, there is nothing to do. Your account was not touched.",),
    ),
    "password_reset": Template(
        "security",
        "Choose a new password",
        ("Somebody, probably you, asked for a new password for your account.",),
        button="Choose a new password",
        link_required=True,
        after=(
            "The link works once, {expires_at}.",
            "If you did not ask, ignore this message: your password stays as it is.",
        ),
        defaults={"expires_at": "for a limited time"},
    ),
    "password_changed": Template(
        "security",
        "Your password was changed",
        ("The password of your account was changed {at}, and its other sessions were ended.",),
        button="Go to your account",
        after=("If it was you, there is nothing to do. If not, ask for a new password at once.",),
        defaults={"at": "just now"},
    ),
    "account_locked": Template(
        "security",
        "Signing in is paused",
        (
            "There were too many failed attempts to sign in to your account, so signing in was paused {at}.",
            "It opens again by itself after a while. Your account is safe; nothing else has changed.",
        ),
        button="Go to your account",
        after=("If it was not you, a new and longer password is a good idea.",),
        defaults={"at": "just now"},
    ),
    "token_reused": Template(
        "security",
        "We ended a session of yours",
        (
            "The key that a program has to your account was used a second time, which honest programs never do.",
            "Somebody may have copied it, so we ended the session that it belongs to.",
        ),
        button="Sign in",
        after=(
            "Sign in anew where you need it. If you see sessions that you do not know, change your password.",
        ),
    ),
    "welcome": Template(
        "product",
        "Your account is ready",
        (
            "Your address is confirmed. Welcome to {brand}.",
            "Top up your wallet, buy the access you need, and connect: it takes a minute.",
        ),
        button="Get started",
    ),
    "deposit_credited": Template(
        "receipts",
        "Your deposit of {amount} {currency} has arrived",
        ("Thank you. Your deposit was credited to your wallet.",),
        button="See your wallet",
        figures=(("Amount", "{amount} {currency}"), ("Deposit", "{deposit_id}")),
    ),
    "deposit_refunded": Template(
        "receipts",
        "Your refund of {amount} {currency}",
        ("We refunded part or all of your deposit to the card that it was paid with.",),
        button="See your wallet",
        figures=(
            ("Refunded", "{amount} {currency}"),
            ("From your wallet", "{covered} {currency}"),
            ("Deposit", "{deposit_id}"),
        ),
        after=("Depending on your bank it takes a few days until you see it.",),
    ),
    "deposit_disputed": Template(
        "receipts",
        "Your bank has taken back {amount} {currency}",
        (
            "Your bank disputes the payment of a deposit, so the money was taken back from us.",
            "Until the dispute is decided we took what was left of it out of your wallet.",
        ),
        button="See your wallet",
        figures=(
            ("Disputed", "{amount} {currency}"),
            ("From your wallet", "{covered} {currency}"),
            ("Deposit", "{deposit_id}"),
        ),
        after=("If you did not ask your bank for this, tell them: it can be withdrawn.",),
    ),
    "deposit_given_back": Template(
        "receipts",
        "{covered} {currency} are back in your wallet",
        ("What was taken back of your deposit has come back to us, and so to your wallet.",),
        button="See your wallet",
        figures=(("Given back", "{covered} {currency}"), ("Deposit", "{deposit_id}")),
    ),
    "receipt": Template(
        "receipts",
        "Your purchase: {item}",
        ("Thank you for your purchase. It is yours to use now.",),
        button="See what you hold",
        figures=(("Bought", "{item}"), ("Paid", "{amount} {currency}"), ("Order", "{order_id}")),
    ),
}


@dataclass(frozen=True, slots=True)
class Email:
    """A message to somebody, as it is kept. `params` are gone once it was sent."""

    id: str
    user_id: str
    address: str
    template: str
    subject: str
    params: Mapping[str, str]
    state: State
    attempts: int
    error: str
    created_at_us: int
    ended_us: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished texts of a message."""

    subject: str
    text: str
    html: str


def check_address(address: str) -> str:
    """Return an address that can be written to. Raises Invalid for what is none."""
    if len(address) > 254 or not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise Invalid("to must be one plain e-mail address")
    return address


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


def item_text(asset: str, quantity: int) -> str:
    """Say what was bought: `1.5 GB of residential standard bandwidth`; other assets by their plain quantity."""
    kind, _, rest = asset.partition(".")
    if kind != "bandwidth":
        return f"{quantity} of {asset}"
    # A gigabyte is 10^9 bytes.
    amount = format_units(quantity, 9).rstrip("0").rstrip(".")
    return f"{amount} GB of {rest.replace('.', ' ')} bandwidth"


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
