"""Usernames: a login, perhaps a session, and never a preference that is ignored."""

import pytest

from tollway.edge.exits import ExitPreferences
from tollway.edge.refusal import BAD_USERNAME, Refusal
from tollway.edge.username import Username, parse_username


@pytest.mark.parametrize(
    ("text", "login", "session"),
    [
        ("alice", "alice", ""),
        ("user", "user", ""),
        ("user-alice", "alice", ""),
        ("user-alice-session-a1", "alice", "a1"),
        ("user-alice_2-session-My_Session_9", "alice_2", "My_Session_9"),
        ("user-alice-session-" + "x" * 64, "alice", "x" * 64),
        (
            "user-alice-session-550E8400-e29b-41d4-a716-446655440000",
            "alice",
            "550E8400_e29b_41d4_a716_446655440000",
        ),
    ],
)
def test_a_login_and_a_session(text: str, login: str, session: str) -> None:
    assert parse_username(text) == Username(login, ExitPreferences((), session))


@pytest.mark.parametrize(
    ("text", "preferences"),
    [
        ("user-alice-country-us", ExitPreferences((("country", "us"),))),
        ("user-alice-session-a-city-new_york", ExitPreferences((("city", "new_york"),), "a")),
        (
            "user-alice-asn-1234-country-de-session-a",
            ExitPreferences((("asn", "1234"), ("country", "de")), "a"),
        ),
    ],
)
def test_a_place_is_a_preference_for_an_exit(text: str, preferences: ExitPreferences) -> None:
    assert parse_username(text) == Username("alice", preferences)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "user-",
        "alice-session-a",
        "user-alice-session",
        "user-alice-session-",
        "user-alice-sesion-a",
        "user-alice-Session-a",
        "user-alice-country-us-planet-mars",
        "user-alice-session-a-session-b",
        "user-alice-session-" + "x" * 65,
        "user-alice-session-a.b",
        "user--session-a",
        "x" * 256,
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    refused = parse_username(text)
    assert isinstance(refused, Refusal)
    assert refused.code == BAD_USERNAME.code


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x" * 256, "1 to 255 bytes"),
        ("alice-session-a", "begins with 'user-'"),
        ("user-alice-session", "pairs"),
        ("user-alice-session-a-b", "no value has a '-' but a UUID"),
        ("user-alice-sesion-a", "'sesion'; known are session, country"),
        ("user-alice-session-a-session-b", "'session' twice"),
        ("user-alice-session-a.b", "letters, digits"),
        ("user-alice-session-550e8400-e29b-41d4-a716-44665544000", "key 'e29b'"),
    ],
)
def test_a_refusal_says_which_rule_was_broken(text: str, says: str) -> None:
    refused = parse_username(text)
    assert isinstance(refused, Refusal)
    assert says in refused.detail


def test_a_uuid_may_stand_before_another_preference() -> None:
    parsed = parse_username("user-alice-session-550e8400-e29b-41d4-a716-446655440000-country-us")
    assert parsed == Username(
        "alice", ExitPreferences((("country", "us"),), "550e8400_e29b_41d4_a716_446655440000")
    )
