"""The lock_rules of addresses, passwords and locks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.errors import Invalid
from tollway.kit.times import HOUR_US, SECOND_US
from tollway.services.identity.model import (
    LINK_PAGES,
    LOGIN_PAGE,
    AttemptCounter,
    LockRule,
    SignInClient,
    account_subject,
    address_key,
    charge,
    check_password,
    ip_subject,
    read_address,
    read_client_info,
    refund,
)

RULE = LockRule(free=5, first_us=30 * SECOND_US, longest_us=900 * SECOND_US)
NOW_US = 10**15


@pytest.mark.parametrize(
    ("typed", "email", "key"),
    [
        ("Ann.Lee@Example.COM", "Ann.Lee@example.com", "ann.lee@example.com"),
        ("ann+tag@example.com", "ann+tag@example.com", "ann+tag@example.com"),
        ("ann@пример.com", "ann@пример.com", "ann@xn--e1afmkfd.com"),
        ("ann@tollway.test", "ann@tollway.test", "ann@tollway.test"),
    ],
)
def test_an_address_is_kept_as_typed_and_known_by_its_key(typed: str, email: str, key: str) -> None:
    address = read_address(typed)
    assert (address.email, address.key) == (email, key)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@example.com\r\nBcc: x@example.com",
        '"ann"@example.com',
        "ann@[127.0.0.1]",
        "аnn@example.com",
        "a" * 65 + "@example.com",
        "a" * 60 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60 + ".com",
        "ann@example.com\x00",
        "a b@example.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match="email"):
        read_address(typed)
    assert address_key(typed) == ""


@given(typed=st.text(max_size=400))
def test_no_text_makes_the_address_check_fail_otherwise(typed: str) -> None:
    address_key(typed)


def test_the_length_of_a_password_is_bounded_on_both_sides() -> None:
    check_password("a" * 10)
    check_password("a" * 1024)
    for password in ("a" * 9, "a" * 1025):
        with pytest.raises(Invalid, match="characters"):
            check_password(password)


def lock_s(failures: int) -> int:
    charged = charge(AttemptCounter("x", failures - 1, NOW_US), RULE, NOW_US)
    assert charged.failures == failures
    return max(charged.locked_until_us - NOW_US, 0) // SECOND_US


def test_the_lock_begins_at_the_last_free_try_doubles_and_has_an_end() -> None:
    assert [lock_s(n) for n in range(1, 13)] == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert lock_s(10**6) == 900


def test_failures_are_forgotten_after_an_hour() -> None:
    counter = AttemptCounter("x", 50, NOW_US, NOW_US + 900 * SECOND_US)
    assert charge(counter, RULE, NOW_US + HOUR_US + 1).failures == 1


@given(before=st.integers(0, 50))
def test_giving_a_try_back_undoes_the_charge(before: int) -> None:
    counter = AttemptCounter("x", before, NOW_US, 0)
    charged = charge(counter, RULE, NOW_US + 1)
    assert refund(charged, charged) == AttemptCounter("x", before, NOW_US + 1, 0)


def test_giving_a_try_back_leaves_a_lock_that_another_try_set() -> None:
    charged = charge(AttemptCounter("x", 2, NOW_US), RULE, NOW_US)
    now = AttemptCounter("x", 5, NOW_US, NOW_US + 30 * SECOND_US)
    assert refund(now, charged) == AttemptCounter("x", 4, NOW_US, NOW_US + 30 * SECOND_US)


@pytest.mark.parametrize(
    ("ip", "subject"),
    [
        ("192.0.2.7", "ip:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "ip:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "ip:192.0.2.7"),
        ("", "ip:unknown"),
        ("' OR 1=1", "ip:unknown"),
    ],
)
def test_an_address_stands_for_whoever_sits_behind_it(ip: str, subject: str) -> None:
    assert ip_subject(ip) == subject


def test_an_account_is_counted_without_keeping_the_address() -> None:
    assert "ann" not in account_subject("ann@example.com")
    assert account_subject("ann@example.com") != account_subject("bob@example.com")


def test_a_source_is_cleaned() -> None:
    assert read_client_info("2001:DB8::1", "curl/8\x00\n" + "x" * 300) == SignInClient(
        "2001:db8::1", "curl/8" + "x" * 194
    )
    assert read_client_info("nonsense", "") == SignInClient("", "")


def test_the_links_of_mails_lead_to_pages_of_the_console() -> None:
    entry = Path(__file__).parents[4] / "web" / "src" / "routes" / "_entry"
    pages = {page.stem for page in entry.glob("*.tsx")}
    assert {LOGIN_PAGE, *LINK_PAGES.values()} <= pages
