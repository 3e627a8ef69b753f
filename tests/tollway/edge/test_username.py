"""Usernames: a login, perhaps a session, and never a wish that is ignored."""

import pytest

from tollway.edge.refusal import BAD_USERNAME, NO_EXIT
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
    ],
)
def test_a_login_and_a_session(text: str, login: str, session: str) -> None:
    assert parse_username(text) == Username(login, session)


@pytest.mark.parametrize(
    "text",
    [
        "user-alice-country-us",
        "user-alice-session-a-city-new_york",
        "user-alice-asn-1234-session-a",
        "user-a-state-us_ca",
    ],
)
def test_a_place_has_no_exit_here(text: str) -> None:
    assert parse_username(text) is NO_EXIT


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
    assert parse_username(text) is BAD_USERNAME
