"""A customer's own rules, as pure values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.errors import Invalid
from tollway.services.access.model.flow_policy import (
    MAX_DOMAINS,
    MAX_PORTS,
    MAX_WINDOWS,
    FlowPolicy,
    Window,
    normal_domain,
)


def field_of(refused: pytest.ExceptionInfo[Invalid]) -> str:
    (error,) = refused.value.extra["errors"]
    return error["field"]


@pytest.mark.parametrize(
    ("given_text", "normal"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("  ads.example.com ", "ads.example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("com", "com"),
        ("192.0.2.1", "192.0.2.1"),
        (".".join(["a" * 63] * 3), ".".join(["a" * 63] * 3)),
    ],
)
def test_a_domain_has_one_form(given_text: str, normal: str) -> None:
    assert normal_domain(given_text) == normal
    assert normal_domain(normal) == normal


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ".",
        "a..b",
        ".example.com",
        "*.example.com",
        "https://example.com",
        "example.com/path",
        "example.com:443",
        "two words",
        "a" * 64 + ".com",
        ".".join(["a" * 63] * 4),
        "a\0b",
        "\ud800.com",
    ],
)
def test_what_is_not_a_domain_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        normal_domain(wrong)
    assert field_of(refused) == "blocked_domains"


@given(st.text(max_size=80))
def test_any_text_is_refused_or_has_a_form_that_stays(text: str) -> None:
    try:
        once = normal_domain(text)
    except Invalid:
        return
    assert once.isascii()
    assert once == once.lower()
    assert normal_domain(once) == once


def test_order_and_repeats_say_nothing() -> None:
    monday, friday = Window(1, 480, 1020), Window(5, 0, 1440)
    one = FlowPolicy.checked(["b.example", "A.example", "a.example."], [80, 25, 80], "UTC", [friday, monday])
    assert one == FlowPolicy(("a.example", "b.example"), (25, 80), "UTC", (monday, friday))
    other = FlowPolicy.checked(["a.example", "b.example"], [25, 80], "UTC", [monday, friday, monday])
    assert one == other


def test_nothing_is_restricted_unless_it_is_said() -> None:
    assert FlowPolicy.checked([], []) == FlowPolicy() == FlowPolicy((), (), "UTC", ())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"blocked_domains": ["not a domain"]}, "blocked_domains"),
        ({"blocked_domains": [f"d{n}.example" for n in range(MAX_DOMAINS + 1)]}, "blocked_domains"),
        ({"blocked_ports": [0]}, "blocked_ports"),
        ({"blocked_ports": [65_536]}, "blocked_ports"),
        ({"blocked_ports": range(1, MAX_PORTS + 2)}, "blocked_ports"),
        ({"time_zone": "Mars/Olympus"}, "schedule"),
        ({"time_zone": "../etc/passwd"}, "schedule"),
        ({"time_zone": ""}, "schedule"),
        ({"time_zone": "localtime"}, "schedule"),  # each machine's own
        ({"windows": [Window(1, n, n + 1) for n in range(MAX_WINDOWS + 1)]}, "schedule"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(wrong: dict[str, Any], field: str) -> None:
    nothing: dict[str, Any] = {"blocked_domains": [], "blocked_ports": []}
    with pytest.raises(Invalid) as refused:
        FlowPolicy.checked(**(nothing | wrong))
    assert field_of(refused) == field


def test_the_most_that_may_be_given_is_accepted() -> None:
    policy = FlowPolicy.checked(
        [f"d{n}.example" for n in range(MAX_DOMAINS)],
        [1, 65_535, *range(2, MAX_PORTS)],
        "Europe/Berlin",
        [Window(7, n, n + 1) for n in range(MAX_WINDOWS)],
    )
    assert (len(policy.blocked_domains), len(policy.blocked_ports)) == (MAX_DOMAINS, MAX_PORTS)
    assert len(policy.windows) == MAX_WINDOWS


@pytest.mark.parametrize("wrong", [(0, 0, 1), (8, 0, 1), (1, -1, 1), (1, 5, 5), (1, 6, 5), (1, 0, 1441)])
def test_a_window_that_cannot_be_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(Invalid) as refused:
        Window(*wrong)
    assert field_of(refused) == "schedule"
