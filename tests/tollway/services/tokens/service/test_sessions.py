"""Sessions: one turn per refresh token, limits that hold, and an end that everybody hears of."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.tokens import OTHER, USER, tokens_service
from tollway.contracts.clients import BROWSER, PROGRAM, ClientRef
from tollway.contracts.errors import SessionEnded, TokenReused
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.db import Database, tables
from tollway.kit import tasks
from tollway.kit.errors import Invalid, NotFound, Unauthenticated
from tollway.kit.times import DAY_US
from tollway.services.tokens import store
from tollway.services.tokens.model import Revocation, hash_secret
from tollway.services.tokens.service import IssuedTokens, Tokens

DAY_S = 86_400


async def sign_in(
    service: Tokens, user_id: str = USER, client: ClientRef = PROGRAM, role: str = "customer"
) -> IssuedTokens:
    return await service.open_session(
        user_id, client, roles=[role], amr=["pwd"], user_agent="curl/8", ip="192.0.2.7"
    )


async def published(db: Database, topic: str) -> list[Any]:
    async with db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox).where(tables.outbox.c.type == topic))
    return [json.loads(row.data) for row in rows]


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_program_gets_tokens_and_a_browser_gets_a_cookie(
    service: Tokens, db: Database, verifier: Verifier
) -> None:
    program, browser = await sign_in(service), await sign_in(service, client=BROWSER)
    claims = await verifier.verify(program.access_token)
    assert (claims.user_id, claims.session_id, claims.roles) == (USER, program.session.id, {"customer"})
    assert claims.expires_at_us == program.expires_at_us
    assert program.refresh_token.startswith("twr.")
    assert (program.cookie, program.csrf_token, browser.refresh_token) == ("", "", "")
    assert len(browser.cookie) == 43
    assert len(browser.csrf_token) == 43
    opened = [event["session_id"] for event in await published(db, "SESSION_OPENED")]
    assert opened == [program.session.id, browser.session.id]


async def test_neither_cookie_nor_refresh_token_is_stored(service: Tokens, db: Database) -> None:
    program, browser = await sign_in(service), await sign_in(service, client=BROWSER)
    async with db.snapshot() as tx:
        stored = str(await tx.all(select(store.session)))
    assert browser.cookie not in stored
    assert hash_secret(browser.cookie) in stored
    assert program.refresh_token.rpartition(".")[2] not in stored


async def test_a_session_is_for_a_user(service: Tokens) -> None:
    with pytest.raises(Invalid):
        await service.open_session("somebody", PROGRAM, roles=[], amr=[])


# ── refreshing ──────────────────────────────────────────────────────────────────────────────────────


async def test_each_refresh_gives_the_next_token_of_the_same_session(
    service: Tokens, verifier: Verifier
) -> None:
    held = await sign_in(service)
    seen = {held.refresh_token}
    for _ in range(3):
        held = await service.refresh(held.refresh_token)
        seen.add(held.refresh_token)
        assert (await verifier.verify(held.access_token)).session_id == held.session.id
    assert len(seen) == 4


async def test_of_twenty_at_once_one_wins_and_all_get_the_same_successor(service: Tokens) -> None:
    held = await sign_in(service)
    answers = await asyncio.gather(*(service.refresh(held.refresh_token) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert {answer.session.counter for answer in answers} == {1}
    again = await service.refresh(answers[0].refresh_token)
    assert again.session.counter == 2


async def test_replicas_agree_on_who_won(service: Tokens, db: Database, clock: FakeClock) -> None:
    services = [service, tokens_service(db, clock), tokens_service(db, clock)]
    held = await sign_in(service)
    answers = await asyncio.gather(*(one.refresh(held.refresh_token) for one in services * 5))
    assert len({answer.refresh_token for answer in answers}) == 1


async def test_a_lost_answer_can_be_asked_for_again_for_a_minute(service: Tokens, clock: FakeClock) -> None:
    held = await sign_in(service)
    lost = await service.refresh(held.refresh_token)
    clock.advance(60)
    assert (await service.refresh(held.refresh_token)).refresh_token == lost.refresh_token
    clock.advance(1)
    with pytest.raises(TokenReused):
        await service.refresh(held.refresh_token)


async def test_a_token_that_comes_back_after_its_successor_was_used_ends_the_session(
    service: Tokens, db: Database
) -> None:
    stolen = await sign_in(service)
    owner = await service.refresh((await service.refresh(stolen.refresh_token)).refresh_token)
    bystander = await sign_in(service)
    with pytest.raises(TokenReused):
        await service.refresh(stolen.refresh_token)
    with pytest.raises(SessionEnded):
        await service.refresh(owner.refresh_token)
    with pytest.raises(SessionEnded):
        await service.refresh(stolen.refresh_token)
    assert await service.refresh(bystander.refresh_token)
    events = await published(db, "SESSION_REVOKED")
    assert events == [{"session_id": stolen.session.id, "user_id": USER, "reason": "refresh_token_reused"}]


async def test_refreshing_and_revoking_at_once_leaves_nothing_alive(service: Tokens) -> None:
    held = await sign_in(service)
    work = [service.refresh(held.refresh_token) for _ in range(5)]
    results = await asyncio.gather(
        *work, service.revoke("logout", session_id=held.session.id), return_exceptions=True
    )
    assert all(isinstance(one, (IssuedTokens, SessionEnded, int)) for one in results)
    survivors = [one.refresh_token for one in results if isinstance(one, IssuedTokens)]
    for token in [held.refresh_token, *survivors]:
        with pytest.raises(SessionEnded):
            await service.refresh(token)


@pytest.mark.parametrize("token", ["", "twr.x", "twr.ses_01k9w2000000000000000000aa.0." + "A" * 43])
async def test_what_is_no_refresh_token_is_refused(service: Tokens, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await service.refresh(token)


async def test_a_browsers_session_has_no_refresh_token_to_guess(service: Tokens) -> None:
    browser = await sign_in(service, client=BROWSER)
    with pytest.raises(Unauthenticated):
        await service.refresh(f"twr.{browser.session.id}.0.{browser.csrf_token}")


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unused_program_session_ends_after_a_week(service: Tokens, clock: FakeClock) -> None:
    held = await sign_in(service)
    clock.advance(6 * DAY_S)
    held = await service.refresh(held.refresh_token)
    clock.advance(7 * DAY_S)
    with pytest.raises(SessionEnded):
        await service.refresh(held.refresh_token)


async def test_a_used_program_session_ends_after_a_month(service: Tokens, clock: FakeClock) -> None:
    held = await sign_in(service)
    for _ in range(5):
        clock.advance(6 * DAY_S - 1)
        held = await service.refresh(held.refresh_token)
    clock.advance(5)
    with pytest.raises(SessionEnded):
        await service.refresh(held.refresh_token)


async def test_an_unused_browser_session_ends_after_half_a_day_and_a_used_one_goes_on(
    service: Tokens, clock: FakeClock
) -> None:
    browser = await sign_in(service, client=BROWSER)
    for _ in range(3):
        clock.advance(DAY_S / 2 - 1)
        await service.exchange_cookie(browser.cookie)
    clock.advance(DAY_S / 2)
    with pytest.raises(SessionEnded):
        await service.exchange_cookie(browser.cookie)


async def test_an_admins_browser_is_signed_out_after_half_an_hour(service: Tokens, clock: FakeClock) -> None:
    browser = await sign_in(service, client=BROWSER, role="admin")
    clock.advance(29 * 60)
    await service.exchange_cookie(browser.cookie)
    clock.advance(30 * 60)
    with pytest.raises(SessionEnded):
        await service.exchange_cookie(browser.cookie)


# ── cookies ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cookie_is_exchanged_for_the_sessions_access_token(
    service: Tokens, verifier: Verifier
) -> None:
    browser = await sign_in(service, client=BROWSER)
    granted = await service.exchange_cookie(browser.cookie)
    assert (await verifier.verify(granted.access_token)).session_id == browser.session.id
    assert granted.csrf_token == browser.csrf_token
    assert granted.cookie == ""


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "é", "\x00"])
async def test_an_unknown_cookie_is_refused(service: Tokens, cookie: str) -> None:
    with pytest.raises(SessionEnded):
        await service.exchange_cookie(cookie)


async def test_forgery_tokens_differ_by_session(service: Tokens) -> None:
    first, second = await sign_in(service, client=BROWSER), await sign_in(service, client=BROWSER)
    assert first.csrf_token != second.csrf_token


# ── listing and ending ──────────────────────────────────────────────────────────────────────────────


async def test_a_user_sees_their_live_sessions_newest_first_page_by_page(
    service: Tokens, clock: FakeClock
) -> None:
    opened = []
    for _ in range(5):
        opened.append((await sign_in(service)).session.id)
        await asyncio.sleep(0.002)
    await sign_in(service, OTHER)
    await service.revoke("logout", session_id=opened[2])
    first = await service.sessions(USER, 3, "")
    second = await service.sessions(USER, 3, first.next_cursor)
    assert [one.id for one in first.items] == [opened[4], opened[3], opened[1]]
    assert [one.id for one in second.items] == [opened[0]]
    assert second.next_cursor == ""
    clock.advance(7 * DAY_S)
    assert (await service.sessions(USER, 3, "")).items == []


async def test_only_ones_own_session_can_be_ended(service: Tokens) -> None:
    mine = await sign_in(service)
    for session_id in ["", "ses_1", "x\x00", mine.session.id]:
        with pytest.raises(NotFound):
            await service.end_own(OTHER, session_id, "x")
    await service.end_own(USER, mine.session.id, "x")
    with pytest.raises(NotFound):
        await service.end_own(USER, mine.session.id, "x")


async def test_ending_all_but_one_spares_that_one(service: Tokens, db: Database) -> None:
    kept, gone, cookie = (
        await sign_in(service),
        await sign_in(service),
        await sign_in(service, client=BROWSER),
    )
    other = await sign_in(service, OTHER)
    assert await service.revoke("password_changed", user_id=USER, except_session_id=kept.session.id) == 2
    assert await service.refresh(kept.refresh_token)
    assert await service.refresh(other.refresh_token)
    with pytest.raises(SessionEnded):
        await service.refresh(gone.refresh_token)
    with pytest.raises(SessionEnded):
        await service.exchange_cookie(cookie.cookie)
    assert {event["reason"] for event in await published(db, "SESSION_REVOKED")} == {"password_changed"}


async def test_revoking_needs_a_name(service: Tokens) -> None:
    with pytest.raises(Invalid):
        await service.revoke("x", except_session_id="ses_1")


# ── the revocation stream ───────────────────────────────────────────────────────────────────────────


async def take(stream: AsyncIterator[Revocation], count: int) -> list[Revocation]:
    """Take the next entries that are no heartbeats."""
    found: list[Revocation] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            entry = await anext(stream)
            if entry.session_id or entry.user_id:
                found.append(entry)
    return found


async def test_the_stream_replays_and_then_goes_on_live(service: Tokens, clock: FakeClock) -> None:
    before, after = await sign_in(service), await sign_in(service)
    await service.revoke("logout", session_id=before.session.id)
    stream = service.follow_revocations(0)
    assert [entry.session_id for entry in await take(stream, 1)] == [before.session.id]
    assert (await anext(stream)).session_id == "", "a heartbeat: everything so far was read"
    waiting = tasks.spawn(take(stream, 1), "waiting")
    await service.revoke("logout", session_id=after.session.id)
    [live] = await waiting
    assert (live.session_id, live.user_id, live.at_us) == (after.session.id, USER, clock.now_us())
    await stream.aclose()


async def test_the_stream_starts_after_a_number_and_numbers_have_no_gaps(service: Tokens) -> None:
    ended = [await sign_in(service) for _ in range(4)]
    for one in ended:
        await service.revoke("logout", session_id=one.session.id)
    stream = service.follow_revocations(2)
    rest = await take(stream, 2)
    assert [(entry.sequence, entry.session_id) for entry in rest] == [
        (3, ended[2].session.id),
        (4, ended[3].session.id),
    ]
    await stream.aclose()


async def test_what_another_replica_ended_is_heard_within_a_second(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    other = tokens_service(db, clock)
    held = await sign_in(service)
    stream = service.follow_revocations(0)
    assert (await anext(stream)).session_id == "", "a heartbeat: everything so far was read"
    waiting = tasks.spawn(take(stream, 1), "waiting")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await other.revoke("suspended", session_id=held.session.id)
    await waiting
    assert loop.time() - began < 1
    await stream.aclose()


async def test_parallel_ends_are_numbered_in_the_order_of_commit(service: Tokens) -> None:
    sessions = [await sign_in(service) for _ in range(12)]
    stream = service.follow_revocations(0)
    waiting = tasks.spawn(take(stream, 12), "waiting")
    await asyncio.gather(*(service.revoke("logout", session_id=one.session.id) for one in sessions))
    heard = await waiting
    assert [entry.sequence for entry in heard] == list(range(1, 13))
    assert {entry.session_id for entry in heard} == {one.session.id for one in sessions}
    await stream.aclose()


async def test_a_quiet_stream_beats(service: Tokens) -> None:
    stream = service.follow_revocations(0)
    async with asyncio.timeout(20):
        first, second = await anext(stream), await anext(stream)
    assert [(e.sequence, e.session_id, e.user_id) for e in (first, second)] == [(0, "", "")] * 2
    await stream.aclose()


async def test_ending_all_of_a_user_also_names_the_user(
    service: Tokens, clock: FakeClock, verifier: Verifier
) -> None:
    clock.advance(0.5)
    held = await sign_in(service)
    claims = await verifier.verify(held.access_token)
    clock.advance(0.1)
    assert await service.revoke("suspended", user_id=USER) == 1
    stream, revoked = service.follow_revocations(0), Revocations(clock)
    entries = await take(stream, 2)
    assert [(entry.session_id, entry.user_id) for entry in entries] == [(held.session.id, USER), ("", USER)]
    for entry in entries:
        revoked.add(entry.session_id, entry.user_id, entry.at_us)
    assert revoked.covers(claims)
    again = await verifier.verify((await sign_in(service)).access_token)
    assert not revoked.covers(again), "who signs in again within the same second stays in"
    await stream.aclose()


# ── housekeeping ────────────────────────────────────────────────────────────────────────────────────


async def test_old_revocations_and_sessions_are_forgotten_and_numbers_go_on(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    held = await sign_in(service)
    await service.revoke("logout", session_id=held.session.id)
    clock.advance(held.session.absolute_end_us / 1e6 - clock.now_us() / 1e6 + 8 * DAY_US / 1e6)
    await service.maintain()
    async with db.snapshot() as tx:
        assert await store.session_by_id(tx, held.session.id) is None
        assert await store.revocations_after(tx, 0, 10) == []
    late = await sign_in(service)
    await service.revoke("logout", session_id=late.session.id)
    async with db.snapshot() as tx:
        [entry] = await store.revocations_after(tx, 0, 10)
    assert entry.sequence == 2
