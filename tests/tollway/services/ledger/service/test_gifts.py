"""Gifts reach whoever can receive something, by id or address, and nobody else; and the receiver is written to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.kit.books import GB, Books, books, user
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.gifts import gifts_of
from tests.kit.killing import Fate, Killed, MortalDatabase
from tests.kit.rest import Reply, RestClient, rest
from tollway.fabric.db import tables
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rest.sql import SqlAnswers
from tollway.services.ledger.http import router
from tollway.services.ledger.jobs import JOBS
from tollway.services.ledger.service.books import Books as WholeBooks

ANN = "usr_ann"
DOLLAR = 1_000_000


@pytest.fixture
async def context(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Books]:
    async with books(kind, tmp_path, clock) as made:
        await made.deposit("ann", 20 * DOLLAR)
        yield made
        await made.holds_true()


@pytest.fixture
def api(context: Books) -> RestClient:
    return rest(
        router(context.ledger, gifts_of(context), SqlAnswers(context.ledger.db), WholeBooks(context.ledger))
    )


async def give(api: RestClient, key: str = "key", **receiver: str) -> Reply:
    return await api.post("/api/transactions", {"asset": "USD", "amount": "5.00", **receiver}, ANN, key)


async def announced(context: Books, clock: FakeClock) -> list[Any]:
    clock.advance(2)
    worker = Worker(context.ledger, SqlJobQueue(context.ledger.db), JOBS)
    while await worker.run_due():
        pass
    async with context.ledger.db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox.c.data).where(tables.outbox.c.type == "GIFT_MADE"))
    return [row.data for row in rows]


@pytest.mark.parametrize(
    "receiver",
    [
        {"to_user_id": "usr_bob"},
        {"to_email": "bob@example.com"},
        {"to_email": "BOB@example.com"},
        {"to_user_id": "usr_newbob"},
    ],
)
async def test_a_customer_who_never_looked_at_a_wallet_is_given_something(
    api: RestClient, context: Books, clock: FakeClock, receiver: dict[str, str]
) -> None:
    reply = await give(api, **receiver)
    assert (reply.status, reply.json["amount"]) == (201, "5.00")
    name = reply.json["to_user_id"].removeprefix("usr_")
    assert await context.balance(user(name)) == 5 * DOLLAR
    (news,) = await announced(context, clock)
    assert f'"user_id":"usr_{name}"' in news
    assert '"from_user_id":"usr_ann"' in news


@pytest.mark.parametrize(
    ("receiver", "status", "code"),
    [
        ({"to_user_id": "usr_suspended"}, 409, "receiver_unavailable"),
        ({"to_email": "suspended@example.com"}, 409, "receiver_unavailable"),
        ({"to_user_id": "usr_deleted"}, 409, "receiver_unavailable"),
        ({"to_email": "new@example.com"}, 409, "receiver_unavailable"),
        ({"to_user_id": "usr_nobody"}, 404, "not_found"),
        ({"to_email": "nobody@example.com"}, 404, "not_found"),
        ({"to_email": "bob@other.example"}, 404, "not_found"),
        ({"to_email": "ann@example.com"}, 422, "invalid"),
        ({"to_user_id": ANN}, 422, "invalid"),
        ({"to_user_id": "usr_bob", "to_email": "bob@example.com"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"to_email": "bob"}, 422, "invalid"),
        ({"to_email": "bob smith@example.com"}, 422, "invalid"),
    ],
)
async def test_who_cannot_receive_anything_is_given_nothing(
    api: RestClient, context: Books, clock: FakeClock, receiver: dict[str, str], status: int, code: str
) -> None:
    reply = await give(api, **receiver)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert await context.balance(user("ann")) == 20 * DOLLAR
    assert await announced(context, clock) == []


async def test_a_gift_that_is_refused_is_not_announced(
    api: RestClient, context: Books, clock: FakeClock
) -> None:
    too_much = {"to_user_id": "usr_bob", "asset": "USD", "amount": "20.01"}
    assert (await api.post("/api/transactions", too_much, ANN, "key")).status == 402
    assert await announced(context, clock) == []


async def test_a_repeated_gift_is_announced_once(api: RestClient, context: Books, clock: FakeClock) -> None:
    for _ in range(3):
        assert (await give(api, to_user_id="usr_bob")).status == 201
    assert len(await announced(context, clock)) == 1
    assert len(await announced(context, clock)) == 1


async def test_access_is_given_by_address_too(api: RestClient, context: Books, clock: FakeClock) -> None:
    await context.stock("ann", 1000, cost=30)
    gift = {"to_email": "bob@example.com", "asset": GB, "amount": "400", "note": "enjoy"}
    assert (await api.post("/api/transactions", gift, ANN, "key")).status == 201
    assert await context.balance(user("bob", GB)) == 400
    (news,) = await announced(context, clock)
    assert '"kind":"access"' in news
    assert '"note":"enjoy"' in news


async def test_killed_anywhere_a_gift_that_was_made_is_announced(context: Books, clock: FakeClock) -> None:
    """Points of the request: the job's commit; the posting is the ledger's own."""
    for survives in range(2):
        fate = Fate(survives)
        gifts = gifts_of(context)
        db = context.ledger.db
        context.ledger.db = MortalDatabase(db, fate)  # pyright: ignore[reportAttributeAccessIssue]
        try:
            with pytest.raises(Killed):
                await gifts.give(ANN, f"usr_bob{survives}", "USD", "5", key=f"k{survives}", note="")
        finally:
            context.ledger.db = db
        news = [one for one in await announced(context, clock) if f"usr_bob{survives}" in one]
        given = await context.balance(user(f"bob{survives}"))
        assert (given, len(news)) in {(0, 0), (5 * DOLLAR, 1)}
