"""Usernames: a login, perhaps a session, and never a wish that is ignored."""

import pytest

from tollway.edge.exits import Wishes
from tollway.edge.refusal import BAD_USERNAME
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
    assert parse_username(text) == Username(login, Wishes((), session))


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("user-alice-country-us", Wishes((("country", "us"),))),
        ("user-alice-session-a-city-new_york", Wishes((("city", "new_york"),), "a")),
        ("user-alice-asn-1234-country-de-session-a", Wishes((("asn", "1234"), ("country", "de")), "a")),
    ],
)
def test_a_place_is_a_wish_for_an_exit(text: str, wishes: Wishes) -> None:
    assert parse_username(text) == Username("alice", wishes)


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
