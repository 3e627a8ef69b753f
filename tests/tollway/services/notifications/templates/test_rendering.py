"""What messages say, and what must never get into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.errors import Invalid
from tollway.kit.money import money_text
from tollway.services.notifications.templates import TEMPLATES
from tollway.services.notifications.templates.orders import item_text
from tollway.services.notifications.templates.rendering import render, subject_of

LINK = "https://tollway.example/verify?token=abc"


def filled(template: str, text: str = "7") -> dict[str, str]:
    needs = TEMPLATES[template].needs()
    return {name: LINK if name == "link" else text for name in needs}


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_says_the_same_in_text_and_html(template: str) -> None:
    params = {**filled(template), "link": LINK}
    page = render(template, params, "Tollway", "help@example.com")
    for line in page.text.split("\n"):
        words = line.removesuffix(":").split()
        assert all(word.rstrip(":") in page.html for word in words if word != "--"), line
    assert page.subject in page.html
    assert LINK in page.text
    assert "{" not in page.text + page.subject


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_missing_parameter_is_named(template: str) -> None:
    for name in TEMPLATES[template].needs():
        params = filled(template)
        del params[name]
        with pytest.raises(Invalid, match=f"needs {name}"):
            render(template, params, "Tollway")


def test_times_are_written_for_people_and_may_be_left_out() -> None:
    assert "paused just now." in render("account_locked", {}, "Tollway").text
    at = render("account_locked", {"at": "2026-11-02T10:05:09.000001Z"}, "Tollway").text
    assert "paused on 2 November 2026 at 10:05 UTC." in at
    until = render("verify_email", {"link": LINK, "expires_at": "2026-11-02T12:00:00+02:00"}, "Tollway").text
    assert "works until 2 November 2026, 10:00 UTC." in until
    with pytest.raises(Invalid, match="at must be a time"):
        render("account_locked", {"at": "yesterday"}, "Tollway")


def test_without_a_link_there_is_no_button() -> None:
    page = render("welcome", {}, "Tollway")
    assert "Get started" not in page.text + page.html


def test_an_unknown_template_names_those_that_exist() -> None:
    with pytest.raises(Invalid, match="'nonsense'; there are account_deleted, "):
        render("nonsense", {}, "Tollway")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60))
def test_no_value_can_become_markup(text: str) -> None:
    params = {"item": text, "amount": "1.00", "currency": "USD", "order_id": text}
    plain = render("receipt", {**params, "item": "x", "order_id": "x"}, "Tollway")
    page = render("receipt", params, "Tollway")
    assert page.html.count("<") == plain.html.count("<")
    assert page.html.count('"') == plain.html.count('"')
    assert page.subject == subject_of("receipt", params, "Tollway") == f"Your purchase: {text}"


@given(st.text(max_size=5), st.characters(categories=["Cc", "Zl", "Zp"]), st.text(max_size=5))
def test_no_value_can_add_a_line_or_a_header(before: str, control: str, after: str) -> None:
    with pytest.raises(Invalid, match="item: no line breaks"):
        render("receipt", {**filled("receipt"), "item": before + control + after}, "Tollway")


@given(st.text(st.characters(categories=["Zs", "Po", "Sm"]), min_size=1, max_size=9))
def test_values_with_braces_stay_what_they_are(text: str) -> None:
    item = f"{{brand}} {text}"
    params = {"item": item, "amount": "1", "currency": "USD", "order_id": "o"}
    assert "{brand}" in render("receipt", params, "Tollway").text


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "http://a b", 'https://x"onclick=', "ftp://x", "//x"]
)
def test_a_link_is_a_web_address_and_nothing_else(link: str) -> None:
    with pytest.raises(Invalid, match="link must be"):
        render("welcome", {"link": link}, "Tollway")


def test_a_parameter_has_a_limit() -> None:
    with pytest.raises(Invalid, match="item: at most"):
        render("receipt", {**filled("receipt"), "item": "x" * 2001}, "Tollway")


def test_amounts_are_written_for_people() -> None:
    assert [money_text(units) for units in (20_000_000, 3_500, 1_234_567)] == ["20.00", "0.0035", "1.234567"]
    assert item_text("bandwidth.datacenter.standard", 10**9) == "1 GB of datacenter standard bandwidth"
    assert (
        item_text("bandwidth.datacenter.standard", 1_500_000_000) == "1.5 GB of datacenter standard bandwidth"
    )
    assert item_text("seat.ssh", 3600) == "3600 of seat.ssh"
