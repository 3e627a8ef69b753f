"""The rules of sessions and tokens."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.tokens import USER
from tests.kit.typing import settings_of
from tollway.contracts.clients import PROGRAM, ClientRef
from tollway.kit.errors import Invalid, Unauthenticated
from tollway.kit.times import SECOND_US
from tollway.services.tokens.model import (
    LOST_RESPONSE_S,
    IssuerNames,
    RefreshCheck,
    UserSession,
    access_claims,
    check_client,
    check_unmatched,
    clean_ip,
    clean_user_agent,
    limits_us,
    read_refresh,
    write_refresh,
)
from tollway.services.tokens.settings import TokensSettings

KEY = bytes(32)
ID = "ses_01k9w2000000000000000000aa"
NOW_US = 1_000_000 * SECOND_US
SESSION = UserSession(
    id=ID,
    user_id=USER,
    client=PROGRAM,
    roles=("customer",),
    amr=("pwd",),
    auth_time_us=NOW_US,
    user_agent="curl",
    ip="192.0.2.1",
    created_at_us=NOW_US,
    last_used_at_us=NOW_US,
    idle_us=3600 * SECOND_US,
    idle_end_us=NOW_US + 3600 * SECOND_US,
    absolute_end_us=NOW_US + 7200 * SECOND_US,
    counter=5,
    rotated_at_us=NOW_US,
)


@given(counter=st.integers(0, 2**31))
def test_a_refresh_token_reads_back_what_was_written(counter: int) -> None:
    token = write_refresh(ID, counter, KEY)
    held = read_refresh(token, KEY)
    assert (held.session_id, held.counter) == (ID, counter)
    assert write_refresh(ID, counter, KEY) == token


@given(at=st.integers(0, 78), char=st.sampled_from("abcXYZ019_-.é\n"))
def test_a_refresh_token_with_any_other_character_is_refused(at: int, char: str) -> None:
    token = write_refresh(ID, 7, KEY)
    changed = token[:at] + char + token[at + 1 :]
    if changed != token:
        with pytest.raises(Unauthenticated):
            read_refresh(changed, KEY)


@pytest.mark.parametrize(
    "token", ["", "twr", "twr.ses_x.1.a", write_refresh(ID, 1, b"another" * 5), "é" * 90]
)
def test_what_is_no_refresh_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        read_refresh(token, KEY)


@pytest.mark.parametrize(
    ("held", "after_s", "check"),
    [
        (4, 0, RefreshCheck.REPEAT),
        (4, LOST_RESPONSE_S, RefreshCheck.REPEAT),
        (4, LOST_RESPONSE_S + 1, RefreshCheck.REUSED),
        (3, 0, RefreshCheck.REUSED),
        (0, 0, RefreshCheck.REUSED),
        (6, 0, RefreshCheck.REUSED),
        (4, 3600, RefreshCheck.ENDED),
        (3, 9999, RefreshCheck.ENDED),
    ],
)
def test_only_the_last_token_of_a_lost_answer_may_come_again(
    held: int, after_s: int, check: RefreshCheck
) -> None:
    assert check_unmatched(SESSION, held, NOW_US + after_s * SECOND_US) is check


def test_an_ended_or_unknown_session_is_over_whatever_is_shown() -> None:
    assert check_unmatched(replace(SESSION, ended_at_us=NOW_US), 4, NOW_US) is RefreshCheck.ENDED
    assert check_unmatched(None, 4, NOW_US) is RefreshCheck.ENDED


def test_operators_sessions_are_short_and_customers_sessions_are_not() -> None:
    settings, day_us = settings_of(TokensSettings), 86_400 * SECOND_US
    assert limits_us(settings, "browser", ["customer"]) == (day_us // 2, 30 * day_us)
    assert limits_us(settings, "program", ["customer"]) == (7 * day_us, 30 * day_us)
    assert limits_us(settings, "browser", ["customer", "admin"]) == (1800 * SECOND_US, day_us // 2)
    assert limits_us(settings, "program", ["support"]) == (day_us // 2, day_us // 2)


@given(
    left_us=st.integers(0, 400 * SECOND_US),
    now_us=st.integers(10**15, 2 * 10**15),
)
def test_an_access_token_lives_shortly_and_not_past_its_session(left_us: int, now_us: int) -> None:
    session = replace(SESSION, absolute_end_us=now_us + left_us)
    claims = access_claims(session, IssuerNames("https://tollway.test", "api"), "tok_1", now_us)
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert claims["exp"] * SECOND_US <= max(session.absolute_end_us, now_us + SECOND_US)


def test_what_a_client_says_of_itself_is_cleaned() -> None:
    assert clean_user_agent("curl/8\x00\r\nX: y" + "z" * 300) == ("curl/8X: y" + "z" * 300)[:200]
    assert clean_ip("2001:DB8:0::1") == "2001:db8::1"
    assert clean_ip("<script>") == ""


def test_a_token_names_its_client_and_what_it_may_be_used_for() -> None:
    client = ClientRef("program", "reporting-tool", ("orders:read", "usage:read"))
    claims = access_claims(
        replace(SESSION, client=client), IssuerNames("https://tollway.test", "api"), "t", NOW_US
    )
    assert (claims["client_id"], claims["kind"], claims["scope"]) == (
        "reporting-tool",
        "user",
        "orders:read usage:read",
    )


@pytest.mark.parametrize(
    "client",
    [
        ClientRef("program", ""),
        ClientRef("program", "a\nb"),
        ClientRef("program", "tool", ()),
        ClientRef("program", "tool", ("orders:read wallet:write",)),
        ClientRef("program", "tool", ("",)),
        ClientRef("program", "tool", ("a",) * 51),
    ],
)
def test_a_client_or_scope_that_a_token_cannot_carry_is_refused(client: ClientRef) -> None:
    check_client(PROGRAM)
    with pytest.raises(Invalid):
        check_client(client)
