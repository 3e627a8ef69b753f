"""Tables and queries of payments.

deposit           one row per deposit, moved from state to state by compare-and-set
takeback          one row per refund or dispute at the provider, moved likewise
customer          which customer at the provider a user is
payment_method    cards that customers keep, by the provider's token
webhook_event     every webhook that was taken in, once
webhook_endpoint  the endpoint made at the provider, its signing secret sealed
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    text,
    update,
)

from tollway.fabric.db import NAMING, Flag, Int64, Tx
from tollway.services.payments.model import (
    FROM,
    GONE,
    OPEN,
    BackState,
    Deposit,
    SavedMethod,
    State,
    Takeback,
)

metadata = MetaData(naming_convention=NAMING)

_OPEN_ONLY = text("state IN ('created', 'processing', 'succeeded')")
_PAID_ONLY = text("payment_ref <> ''")

deposit = Table(
    "deposit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("method", Text, nullable=False),
    Column("checkout", Flag, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decline_code", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("payment_ref", Text, nullable=False),
    Column("checkout_ref", Text, nullable=False),
    Column("action_url", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("check_at_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    Column("refunded", Int64, nullable=False),
    Column("disputed", Int64, nullable=False),
    UniqueConstraint("user_id", "request_key"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_deposit_by_user", "user_id", "id"),
    Index("ix_deposit_open", "check_at_us", sqlite_where=_OPEN_ONLY, postgresql_where=_OPEN_ONLY),
    Index(
        "uq_deposit_payment",
        "provider",
        "payment_ref",
        unique=True,
        sqlite_where=_PAID_ONLY,
        postgresql_where=_PAID_ONLY,
    ),
    sqlite_strict=True,
)

takeback = Table(
    "takeback",
    metadata,
    Column("id", Text, primary_key=True),
    Column("deposit_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("covered", Int64, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("provider", "ref"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("covered BETWEEN 0 AND amount", name="covered"),
    Index("ix_takeback_by_deposit", "deposit_id"),
    sqlite_strict=True,
)

customer = Table(
    "customer",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("ref", Text, nullable=False),
    sqlite_strict=True,
)

payment_method = Table(
    "payment_method",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("exp_month", Int64, nullable=False),
    Column("exp_year", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    UniqueConstraint("provider", "ref"),
    Index("ix_payment_method_by_user", "user_id", "id"),
    sqlite_strict=True,
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("received_at_us", Int64, nullable=False),
    Index("ix_webhook_event_received", "received_at_us"),
    sqlite_strict=True,
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    sqlite_strict=True,
)


# ── deposits ────────────────────────────────────────────────────────────────────────────────────────


async def add_deposit(tx: Tx, one: Deposit) -> bool:
    """Write down a new deposit; False when this user asked for one under the same key before."""
    added = await tx.run(tx.insert(deposit).values(asdict(one)).on_conflict_do_nothing())
    return added.rowcount == 1


async def find_by_request(tx: Tx, user_id: str, request_key: str) -> Deposit | None:
    """Return the deposit that a user asked for under this key."""
    mine = (deposit.c.user_id == user_id) & (deposit.c.request_key == request_key)
    return _deposit(await tx.first(select(deposit).where(mine)))


async def find_deposit(tx: Tx, deposit_id: str) -> Deposit | None:
    """Return a deposit, whoever's it is."""
    return _deposit(await tx.first(select(deposit).where(deposit.c.id == deposit_id)))


async def list_deposits(tx: Tx, user_id: str, before_id: str, limit: int) -> Sequence[Deposit]:
    """Return a user's deposits, newest first, from before an id on."""
    query = select(deposit).where(deposit.c.user_id == user_id).order_by(deposit.c.id.desc()).limit(limit)
    if before_id:
        query = query.where(deposit.c.id < before_id)
    return [one for row in await tx.all(query) if (one := _deposit(row))]


async def deposits_in(tx: Tx, state: State, before_id: str, limit: int) -> Sequence[Deposit]:
    """Return everybody's deposits in a state, newest first, from before an id on."""
    query = select(deposit).where(deposit.c.state == state.value).order_by(deposit.c.id.desc()).limit(limit)
    if before_id:
        query = query.where(deposit.c.id < before_id)
    return [one for row in await tx.all(query) if (one := _deposit(row))]


async def due_deposits(tx: Tx, limit: int) -> Sequence[Deposit]:
    """Return open deposits that are due for a look."""
    due = deposit.c.state.in_([state.value for state in OPEN]) & (deposit.c.check_at_us <= tx.now_us)
    rows = await tx.all(select(deposit).where(due).order_by(deposit.c.check_at_us).limit(limit))
    return [one for row in rows if (one := _deposit(row))]


async def move(tx: Tx, deposit_id: str, to: State, **values: Any) -> bool:
    """Move a deposit to a state that it may enter from where it is now; False when it may not."""
    here = (deposit.c.id == deposit_id) & deposit.c.state.in_([state.value for state in FROM[to]])
    moved = {**values, "state": to.value, "updated_at_us": tx.now_us}
    return (await tx.run(update(deposit).where(here).values(moved))).rowcount == 1


async def note(tx: Tx, deposit_id: str, state: State, **values: Any) -> None:
    """Note something about a deposit, if it is still in this state."""
    here = (deposit.c.id == deposit_id) & (deposit.c.state == state.value)
    await tx.run(update(deposit).where(here).values(**values, updated_at_us=tx.now_us))


async def find_by_payment(tx: Tx, provider: str, payment_ref: str) -> Deposit | None:
    """Return the deposit that a provider's payment is for."""
    paid = (deposit.c.provider == provider) & (deposit.c.payment_ref == payment_ref)
    # Spelled as the index spells it, which only has deposits with a payment.
    return _deposit(await tx.first(select(deposit).where(paid, deposit.c.payment_ref != "")))


# ── what was taken back ─────────────────────────────────────────────────────────────────────────────


async def add_takeback(tx: Tx, one: Takeback) -> Takeback:
    """Write down that something was taken back; return the row, which may have been there before."""
    await tx.run(tx.insert(takeback).values(asdict(one)).on_conflict_do_nothing())
    same = (takeback.c.provider == one.provider) & (takeback.c.ref == one.ref)
    return _takeback(await tx.first(select(takeback).where(same)))


async def find_takeback(tx: Tx, takeback_id: str) -> Takeback:
    """Return a takeback that there is."""
    return _takeback(await tx.first(select(takeback).where(takeback.c.id == takeback_id)))


async def takebacks_of(tx: Tx, deposit_id: str) -> Sequence[Takeback]:
    """Return what was taken back of a deposit, in order."""
    mine = select(takeback).where(takeback.c.deposit_id == deposit_id).order_by(takeback.c.id)
    return [_takeback(row) for row in await tx.all(mine)]


async def move_takeback(tx: Tx, seen: Takeback, to: BackState, **values: Any) -> bool:
    """Move a takeback on if it still stands where it was seen, and count its deposit's sums anew."""
    c = takeback.c
    here = (c.id == seen.id) & (c.state == seen.state.value) & (c.attempt == seen.attempt)
    moved = {**values, "state": to.value, "updated_at_us": tx.now_us}
    if (await tx.run(update(takeback).where(here).values(moved))).rowcount == 0:
        return False
    gone = select(func.coalesce(func.sum(c.amount), 0)).where(
        c.deposit_id == seen.deposit_id, c.state.in_([state.value for state in GONE])
    )
    sums = {
        "refunded": gone.where(c.kind == "refund").scalar_subquery(),
        "disputed": gone.where(c.kind == "chargeback").scalar_subquery(),
        "updated_at_us": tx.now_us,
    }
    await tx.run(update(deposit).where(deposit.c.id == seen.deposit_id).values(sums))
    return True


# ── customers and their cards ───────────────────────────────────────────────────────────────────────


async def find_customer(tx: Tx, user_id: str, provider: str) -> str | None:
    """Return the provider's reference of a user."""
    mine = (customer.c.user_id == user_id) & (customer.c.provider == provider)
    return await tx.scalar(select(customer.c.ref).where(mine))


async def keep_customer(tx: Tx, user_id: str, provider: str, ref: str) -> None:
    """Remember the provider's reference of a user."""
    row = tx.insert(customer).values(user_id=user_id, provider=provider, ref=ref)
    await tx.run(row.on_conflict_do_update(index_elements=["user_id", "provider"], set_={"ref": ref}))


async def forget_customer(tx: Tx, user_id: str, provider: str) -> None:
    """Forget a reference that the provider does not know any more, and the cards that were kept with it."""
    await tx.run(delete(customer).where(customer.c.user_id == user_id, customer.c.provider == provider))
    mine = (payment_method.c.user_id == user_id) & (payment_method.c.provider == provider)
    await tx.run(delete(payment_method).where(mine))


async def add_method(tx: Tx, one: SavedMethod, provider: str) -> None:
    """Keep a card; one that is kept already stays as it is."""
    row = tx.insert(payment_method).values({**asdict(one), "provider": provider})
    await tx.run(row.on_conflict_do_nothing())


async def find_method(tx: Tx, method_id: str, user_id: str) -> SavedMethod | None:
    """Return a user's own card."""
    mine = (payment_method.c.id == method_id) & (payment_method.c.user_id == user_id)
    return _method(await tx.first(select(payment_method).where(mine)))


async def list_methods(tx: Tx, user_id: str) -> Sequence[SavedMethod]:
    """Return a user's cards, newest first."""
    query = select(payment_method).where(payment_method.c.user_id == user_id)
    rows = await tx.all(query.order_by(payment_method.c.id.desc()))
    return [one for row in rows if (one := _method(row))]


async def drop_method(tx: Tx, method_id: str) -> None:
    """Forget a card."""
    await tx.run(delete(payment_method).where(payment_method.c.id == method_id))


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────────


async def add_event(tx: Tx, provider: str, event_id: str, kind: str, body: str) -> bool:
    """Take in a webhook; False when this event was taken in before."""
    row = {"provider": provider, "event_id": event_id, "kind": kind, "body": body, "outcome": ""}
    added = tx.insert(webhook_event).values({**row, "received_at_us": tx.now_us}).on_conflict_do_nothing()
    return (await tx.run(added)).rowcount == 1


async def find_event(tx: Tx, provider: str, event_id: str) -> Row[Any] | None:
    """Return a webhook that was taken in."""
    mine = (webhook_event.c.provider == provider) & (webhook_event.c.event_id == event_id)
    return await tx.first(select(webhook_event).where(mine))


async def close_event(tx: Tx, provider: str, event_id: str, outcome: str) -> None:
    """Note what became of a webhook. Its body is not needed any more."""
    mine = (webhook_event.c.provider == provider) & (webhook_event.c.event_id == event_id)
    await tx.run(update(webhook_event).where(mine).values(outcome=outcome, body=""))


def old_events(before_us: int) -> Select[Any, Any]:
    """Select the webhooks that were acted on and came before a time."""
    done = (webhook_event.c.received_at_us < before_us) & (webhook_event.c.outcome != "")
    return select(webhook_event.c.provider, webhook_event.c.event_id).where(done)


async def find_endpoint(tx: Tx, provider: str) -> Row[Any] | None:
    """Return the endpoint that was made at the provider."""
    return await tx.first(select(webhook_endpoint).where(webhook_endpoint.c.provider == provider))


async def keep_endpoint(tx: Tx, provider: str, url: str, ref: str, sealed_secret: bytes) -> None:
    """Remember the endpoint that was made at the provider."""
    row = {"provider": provider, "url": url, "ref": ref, "sealed_secret": sealed_secret}
    insert = tx.insert(webhook_endpoint).values(row)
    await tx.run(insert.on_conflict_do_update(index_elements=["provider"], set_=row))


def _deposit(row: Row[Any] | None) -> Deposit | None:
    if row is None:
        return None
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in deposit.columns}
    values["state"] = State(row.state)
    return Deposit(**values)


def _takeback(row: Row[Any] | None) -> Takeback:
    assert row is not None, "takebacks are never removed"
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in takeback.columns}
    values["state"] = BackState(row.state)
    return Takeback(**values)


def _method(row: Row[Any] | None) -> SavedMethod | None:
    if row is None:
        return None
    names = [column.name for column in payment_method.columns if column.name != "provider"]
    return SavedMethod(**{name: getattr(row, name) for name in names})
