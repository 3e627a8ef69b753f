"""Tables and queries of the tokens service.

signing_key  ES256 keys by RFC 7638 thumbprint: next → active → retired, private part sealed
session      one row per signed-in browser or program
revocation   the stream of ended sessions, numbered in the order of commit
counter      the last number given out, and the lock of those who change keys
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    delete,
    select,
    text,
    update,
)

from tollway.contracts.clients import ClientRef
from tollway.fabric.db import NAMING, Int64, Json, Tx
from tollway.fabric.retention import expired_rows
from tollway.kit.times import DAY_US, HOUR_US
from tollway.services.tokens.model import KeyState, Revocation, SigningKey, UserSession

metadata = MetaData(naming_convention=NAMING)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("public_jwk", Json, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("since_us", Int64, nullable=False),
    Index(
        "uq_signing_key_state",
        "state",
        unique=True,
        sqlite_where=text("state <> 'retired'"),
        postgresql_where=text("state <> 'retired'"),
    ),
    sqlite_strict=True,
)

session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("client_kind", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("roles", Json, nullable=False),
    Column("amr", Json, nullable=False),
    Column("auth_time_us", Int64, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("last_used_at_us", Int64, nullable=False),
    Column("idle_us", Int64, nullable=False),
    Column("idle_end_us", Int64, nullable=False),
    Column("absolute_end_us", Int64, nullable=False),
    Column("counter", Int64, nullable=False),
    Column("rotated_at_us", Int64, nullable=False),
    Column("cookie_hash", Text, nullable=True, unique=True),
    Column("ended_at_us", Int64, nullable=True),
    Column("ended_reason", Text, nullable=False),
    Index("ix_session_user", "user_id", "id"),
    Index("ix_session_absolute_end", "absolute_end_us"),
    sqlite_strict=True,
)

revocation = Table(
    "revocation",
    metadata,
    Column("sequence", Int64, primary_key=True, autoincrement=False),
    Column("session_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("kid", Text, nullable=False, server_default=""),
    sqlite_strict=True,
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Int64, nullable=False),
    sqlite_strict=True,
)

# A revocation is of use while a token of the session may still run; then some, for those who were away.
REVOCATIONS_KEPT_US = HOUR_US
SESSIONS_KEPT_US = 7 * DAY_US


# ── sessions ────────────────────────────────────────────────────────────────────────────────────────


async def add_session(tx: Tx, new: UserSession) -> None:
    """Store a new session."""
    row = asdict(new)
    client = row.pop("client")
    row |= {"client_kind": client["kind"], "client_id": client["client_id"], "scopes": client["scopes"]}
    await tx.run(session.insert(), row)


async def session_by_id(tx: Tx, session_id: str) -> UserSession | None:
    """Find a session, ended or not."""
    row = await tx.first(select(session).where(session.c.id == session_id))
    return None if row is None else _session(row)


async def session_by_cookie(tx: Tx, cookie_hash: str) -> UserSession | None:
    """Find a browser's session by the hash of its cookie."""
    row = await tx.first(select(session).where(session.c.cookie_hash == cookie_hash))
    return None if row is None else _session(row)


async def sessions_of(tx: Tx, user_id: str, before: str | None, limit: int) -> list[UserSession]:
    """List a user's live sessions, newest first, older than `before`."""
    query = select(session).where(session.c.user_id == user_id, _is_active(tx))
    if before is not None:
        query = query.where(session.c.id < before)
    rows = await tx.all(query.order_by(session.c.id.desc()).limit(limit))
    return [_session(row) for row in rows]


async def advance(tx: Tx, session_id: str, held: int) -> UserSession | None:
    """Use a refresh token: the row moves on if its counter is still the token's.

    One statement decides, so of many who present the same token exactly one gets the row.
    """
    turn = (session.c.id == session_id) & (session.c.counter == held) & _is_active(tx)
    values = {"counter": held + 1, "rotated_at_us": tx.now_us, **_used(tx)}
    row = await tx.first(update(session).where(turn).values(values).returning(session))
    return None if row is None else _session(row)


async def touch(tx: Tx, session_id: str) -> None:
    """Note that a session was used, which moves its idle end."""
    await tx.run(update(session).where((session.c.id == session_id) & _is_active(tx)).values(_used(tx)))


async def end_sessions(
    tx: Tx,
    *,
    session_id: str,
    user_id: str,
    except_session_id: str,
    opened_until_us: int,
    reason: str,
) -> list[UserSession]:
    """End what is still running of one session, or of a user's; return what was ended."""
    chosen = session.c.ended_at_us.is_(None)
    if session_id:
        chosen &= session.c.id == session_id
    if user_id:
        chosen &= session.c.user_id == user_id
    if except_session_id:
        chosen &= session.c.id != except_session_id
    if opened_until_us:
        chosen &= session.c.created_at_us <= opened_until_us
    values = {"ended_at_us": tx.now_us, "ended_reason": reason}
    rows = await tx.all(update(session).where(chosen).values(values).returning(session))
    return [_session(row) for row in rows]


def _is_active(tx: Tx) -> Any:
    return (
        session.c.ended_at_us.is_(None)
        & (session.c.idle_end_us > tx.now_us)
        & (session.c.absolute_end_us > tx.now_us)
    )


def _used(tx: Tx) -> dict[str, Any]:
    return {"last_used_at_us": tx.now_us, "idle_end_us": session.c.idle_us + tx.now_us}


def _session(row: Row[Any]) -> UserSession:
    names = {field.name for field in fields(UserSession)} - {"client"}
    columns: dict[str, Any] = {name: getattr(row, name) for name in names}
    columns["roles"], columns["amr"] = tuple(row.roles), tuple(row.amr)
    return UserSession(client=ClientRef(row.client_kind, row.client_id, tuple(row.scopes)), **columns)


# ── the revocation stream ───────────────────────────────────────────────────────────────────────────


async def append_revocations(tx: Tx, entries: Sequence[tuple[str, str, int]]) -> None:
    """Append (session, user, time of the end) to the stream.

    The counter's row stays locked until the commit, so numbers become visible in their order and a follower
    never steps over a late one.
    """
    last = await _advance_counter(tx, "revocation", len(entries))
    first = last - len(entries) + 1
    rows = [
        asdict(Revocation(first + offset, session_id, user_id, at_us))
        for offset, (session_id, user_id, at_us) in enumerate(entries)
    ]
    await tx.run(revocation.insert(), rows)


async def append_revoked_key(tx: Tx, kid: str) -> None:
    """Append a dropped signing key to the stream."""
    sequence = await _advance_counter(tx, "revocation", 1)
    await tx.run(revocation.insert(), asdict(Revocation(sequence, "", "", tx.now_us, kid)))


async def revocations_after(tx: Tx, after: int, limit: int) -> list[Revocation]:
    """List the stream's entries after a number, in order."""
    query = select(revocation).where(revocation.c.sequence > after).order_by(revocation.c.sequence)
    rows = await tx.all(query.limit(limit))
    return [Revocation(row.sequence, row.session_id, row.user_id, row.at_us, row.kid) for row in rows]


def old_revocations(now_us: int) -> Select[Any]:
    """Select what of the stream nobody can ask for any more."""
    return expired_rows(revocation, lambda c: c.at_us < now_us - REVOCATIONS_KEPT_US)


def old_sessions(now_us: int) -> Select[Any]:
    """Select sessions that are long over; their refresh tokens and cookies lead nowhere either way."""
    return select(session.c.id).where(session.c.absolute_end_us < now_us - SESSIONS_KEPT_US)


async def _advance_counter(tx: Tx, name: str, by: int) -> int:
    row = counter.c.name == name
    moved = update(counter).where(row).values(value=counter.c.value + by).returning(counter.c.value)
    return int(await tx.scalar(moved))


# ── signing keys ────────────────────────────────────────────────────────────────────────────────────


async def lock_keys(tx: Tx) -> None:
    """Wait until nobody else changes keys, and keep others waiting until the commit."""
    await _advance_counter(tx, "signing_key", 1)


async def keys(tx: Tx) -> list[SigningKey]:
    """List all keys, oldest first."""
    rows = await tx.all(select(signing_key).order_by(signing_key.c.created_at_us, signing_key.c.kid))
    return [_key(row) for row in rows]


async def active_key(tx: Tx) -> SigningKey | None:
    """Find the key that signs."""
    row = await tx.first(select(signing_key).where(signing_key.c.state == "active"))
    return None if row is None else _key(row)


async def add_key(tx: Tx, new: SigningKey) -> None:
    """Store a new key."""
    await tx.run(signing_key.insert(), asdict(new))


async def set_key_state(tx: Tx, kid: str, state: KeyState) -> None:
    """Change a key's state."""
    values = {"state": state, "since_us": tx.now_us}
    await tx.run(update(signing_key).where(signing_key.c.kid == kid).values(values))


async def delete_key(tx: Tx, kid: str) -> bool:
    """Delete a key; return whether there was one."""
    return bool((await tx.run(delete(signing_key).where(signing_key.c.kid == kid))).rowcount)


def _key(row: Row[Any]) -> SigningKey:
    return SigningKey(row.kid, row.state, row.public_jwk, bytes(row.sealed), row.created_at_us, row.since_us)
