"""What a profile may hold."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.errors import Invalid
from tollway.services.users.model import check_locale, check_name, check_preferences, check_time_zone


def test_a_name_is_kept_without_outer_blanks() -> None:
    assert check_name("  Ann Lee ") == "Ann Lee"
    assert check_name("Łukasz 王") == "Łukasz 王"
    assert check_name("") == ""


@pytest.mark.parametrize("name", ["x" * 101, "a\x00b", "a\nb", "a\u202eb"])
def test_a_name_that_would_break_a_page_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="display_name"):
        check_name(name)


def test_locales_and_time_zones_are_known_ones() -> None:
    for locale in ("en", "pt-BR", "zh-Hant-TW", "es-419"):
        assert check_locale(locale) == locale
    for locale in ("", "EN", "english", "pt_BR", "en-", "en\n"):
        with pytest.raises(Invalid, match="locale"):
            check_locale(locale)
    for zone in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"):
        assert check_time_zone(zone) == zone
    for zone in ("", "berlin", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\n", "Mars/Base"):
        with pytest.raises(Invalid, match="time_zone"):
            check_time_zone(zone)


def test_preferences_are_few_and_short() -> None:
    assert check_preferences({"theme": "dark", "chart.range-1": ""}) == {"theme": "dark", "chart.range-1": ""}
    for bad in ({"": "x"}, {"Theme": "x"}, {"x" * 65: "x"}, {"a": "x" * 501}, {"a": "\x00"}):
        with pytest.raises(Invalid):
            check_preferences(bad)
    with pytest.raises(Invalid, match="at most 50"):
        check_preferences({f"p{n}": "" for n in range(51)})


@given(text=st.text(max_size=200))
def test_no_text_makes_a_check_fail_otherwise(text: str) -> None:
    for check in (check_name, check_locale, check_time_zone):
        with suppress(Invalid):
            check(text)
