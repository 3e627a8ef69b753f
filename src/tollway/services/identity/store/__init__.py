"""Queries of the identity service: accounts, links, attempts to sign in, counters. Deletions are in `deletions`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, Select, delete, func, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from tollway.contracts.clients import ClientRef
from tollway.contracts.errors import AddressTaken
from tollway.fabric.db import Tx
from tollway.kit.times import HOUR_US
from tollway.services.identity.model import (
    Address,
    AttemptCounter,
    EmailLink,
    Purpose,
    SignInAttempt,
    State,
    User,
    UserFilter,
    UserOrder,
    tombstone,
)
from tollway.services.identity.store.tables import (
    attempt_counter,
    email_link,
    metadata,
    note,
    sign_in_attempt,
    user,
)

LAST_CHARACTER = "\U0010ffff"

# ── accounts ────────────────────────────────────────────────────────────────────────────────────────


async def add_user(tx: Tx, new: User) -> bool:
    """Store a new account; return whether its address was free."""
    return bool((await tx.run(tx.insert(user).on_conflict_do_nothing(), asdict(new))).rowcount)


async def user_by_id(tx: Tx, user_id: str, *, lock: bool = False) -> User | None:
    """Find an account; `lock` keeps it as it is until the commit."""
    wanted = select(user).where(user.c.id == user_id)
    row = await tx.first(wanted.with_for_update() if lock else wanted)
    return None if row is None else _user(row)


async def user_by_key(tx: Tx, email_key: str) -> User | None:
    """Find an account by its address."""
    row = await tx.first(select(user).where(user.c.email_key == email_key))
    return None if row is None else _user(row)


async def lock_users(tx: Tx, user_ids: Collection[str]) -> list[User]:
    """Return accounts, which stay as they are until the commit."""
    # In order of id, or two transactions could wait for each other.
    query = select(user).where(user.c.id.in_(user_ids)).order_by(user.c.id).with_for_update()
    return [_user(row) for row in await tx.all(query)]


async def users(tx: Tx, only: UserFilter, order: UserOrder, after: Sequence[str], limit: int) -> list[User]:
    """List accounts in an order. `after` is what the order's columns hold of the last one shown; empty at the start."""
    columns = [user.c[name] for name in order.columns]
    query = select(user).order_by(*(one.desc() if order.descending else one for one in columns)).limit(limit)
    if only.email_key:
        query = query.where(user.c.email_key == only.email_key)
    if only.begins:
        query = query.where(user.c.email_key >= only.begins, user.c.email_key < only.begins + LAST_CHARACTER)
    if only.user_id:
        query = query.where(user.c.id == only.user_id)
    if only.state is not None:
        query = query.where(user.c.state == only.state)
    if after:
        mine, theirs = tuple_(*columns), tuple_(*map(literal, after))
        query = query.where(mine < theirs if order.descending else mine > theirs)
    return [_user(row) for row in await tx.all(query)]


async def count_by_state(tx: Tx) -> dict[str, int]:
    """Return how many accounts there are in each state. Reads the index of all accounts."""
    rows = await tx.all(select(user.c.state, func.count().label("n")).group_by(user.c.state))
    return {row.state: int(row.n) for row in rows}


async def count_made(tx: Tx, since_us: int) -> int:
    """Return how many accounts were made since a moment, without those that are deleted."""
    made = (user.c.created_at_us >= since_us) & (user.c.state != "deleted")
    return int(await tx.scalar(select(func.count()).select_from(user).where(made)))


async def is_unchanged(tx: Tx, seen: User) -> bool:
    """Return whether an account is still what a login saw, and keep it so until the commit."""
    same = (user.c.id == seen.id) & (user.c.epoch == seen.epoch) & (user.c.state == seen.state)
    return bool((await tx.run(update(user).where(same).values(epoch=user.c.epoch))).rowcount)


async def set_password(tx: Tx, seen: User, password_hash: str, *, verified: bool = False) -> bool:
    """Set a new password, which starts an epoch. False when the account changed since it was seen."""
    values: dict[str, Any] = {
        "password_hash": password_hash,
        "password_changed_at_us": tx.now_us,
        "epoch": user.c.epoch + 1,
    }
    if verified:
        values["email_verified_at_us"] = func.coalesce(user.c.email_verified_at_us, tx.now_us)
    same = (user.c.id == seen.id) & (user.c.epoch == seen.epoch)
    return bool((await tx.run(update(user).where(same).values(values))).rowcount)


async def rehash(tx: Tx, seen: User, password_hash: str) -> None:
    """Replace the stored form of the same password."""
    same = (user.c.id == seen.id) & (user.c.password_hash == seen.password_hash)
    await tx.run(update(user).where(same).values(password_hash=password_hash))


async def forget_password(tx: Tx, seen: User) -> None:
    """Leave a registration that nobody confirmed without a password, which starts an epoch."""
    fresh = (user.c.id == seen.id) & user.c.email_verified_at_us.is_(None)
    await tx.run(update(user).where(fresh).values(password_hash="", epoch=user.c.epoch + 1))


async def verify_email(tx: Tx, seen: User, password_hash: str | None) -> bool:
    """Note that the owner of the address confirmed, perhaps with another password.

    False when that was so already, or the account changed since it was seen.
    """
    values: dict[str, Any] = {"email_verified_at_us": tx.now_us, "epoch": user.c.epoch + 1}
    if password_hash is not None:
        values |= {"password_hash": password_hash, "password_changed_at_us": tx.now_us}
    same = (user.c.id == seen.id) & (user.c.epoch == seen.epoch) & user.c.email_verified_at_us.is_(None)
    return bool((await tx.run(update(user).where(same).values(values))).rowcount)


async def set_email(tx: Tx, seen: User, address: Address) -> bool:
    """Give an account another address, which its owner confirmed; this starts an epoch.

    False when the account changed since it was seen. Raises AddressTaken when another account has the address.
    """
    values: dict[str, Any] = {
        "email": address.email,
        "email_key": address.key,
        "email_verified_at_us": tx.now_us,
        "epoch": user.c.epoch + 1,
    }
    same = (user.c.id == seen.id) & (user.c.epoch == seen.epoch)
    try:
        return bool((await tx.run(update(user).where(same).values(values))).rowcount)
    except IntegrityError as error:
        # Somebody took it since it was looked for.
        raise AddressTaken from error


async def take_unverified_address(tx: Tx, email_key: str) -> str | None:
    """Remove the account of an address that nobody confirmed; return its id. A suspended one stays."""
    plain = (user.c.state == "active") & user.c.email_verified_at_us.is_(None)
    row = await tx.first(delete(user).where(user.c.email_key == email_key, plain).returning(user.c.id))
    if row is None:
        return None
    await tx.run(delete(email_link).where(email_link.c.user_id == row.id))
    return str(row.id)


async def set_state(tx: Tx, user_id: str, state: State) -> bool:
    """Change an account's state, which starts an epoch; False when it is in that state already."""
    other = (user.c.id == user_id) & (user.c.state != state)
    values = {"state": state, "epoch": user.c.epoch + 1}
    return bool((await tx.run(update(user).where(other).values(values))).rowcount)


async def bury(tx: Tx, seen: User) -> bool:
    """Erase who somebody was, which frees their address; False when the account changed since it was seen."""
    values: dict[str, Any] = {
        "email": tombstone(seen.id),
        "email_key": tombstone(seen.id),
        "password_hash": "",
        "roles": [],
        "state": "deleted",
        "epoch": user.c.epoch + 1,
    }
    same = (user.c.id == seen.id) & (user.c.epoch == seen.epoch)
    return bool((await tx.run(update(user).where(same).values(values))).rowcount)


async def set_roles(tx: Tx, user_id: str, roles: Iterable[str]) -> None:
    """Give an account these roles, which starts an epoch."""
    values = {"roles": sorted(roles), "epoch": user.c.epoch + 1}
    await tx.run(update(user).where(user.c.id == user_id).values(values))


def _user(row: Row[Any]) -> User:
    columns: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(User)}
    columns["roles"] = tuple(row.roles)
    return User(**columns)


# ── links ───────────────────────────────────────────────────────────────────────────────────────────


async def add_link(tx: Tx, new: EmailLink) -> None:
    """Store a link; its token comes when it is mailed."""
    await tx.run(email_link.insert(), asdict(new))


async def issue_link_token(tx: Tx, link_id: str, token_hash: str) -> EmailLink | None:
    """Give a link a fresh token, which voids an earlier one; None when the link is used or over."""
    running = (email_link.c.id == link_id) & (email_link.c.expires_at_us > tx.now_us)
    row = await tx.first(
        update(email_link).where(running).values(token_hash=token_hash).returning(email_link)
    )
    return None if row is None else _link(row)


async def find_link(tx: Tx, token_hash: str, purpose: Purpose) -> EmailLink | None:
    """Find a link that still works."""
    row = await tx.first(select(email_link).where(_works(tx, token_hash, purpose)))
    return None if row is None else _link(row)


async def take_link(tx: Tx, token_hash: str, purpose: Purpose) -> EmailLink | None:
    """Use a link up: of many who try at once, one gets it."""
    row = await tx.first(delete(email_link).where(_works(tx, token_hash, purpose)).returning(email_link))
    return None if row is None else _link(row)


async def running_link(tx: Tx, user_id: str, purpose: Purpose) -> EmailLink | None:
    """Find the newest link of a kind that a user has and that still works."""
    theirs = (email_link.c.user_id == user_id) & (email_link.c.purpose == purpose)
    running = email_link.c.expires_at_us > tx.now_us
    newest = select(email_link).where(theirs, running).order_by(email_link.c.created_at_us.desc()).limit(1)
    row = await tx.first(newest)
    return None if row is None else _link(row)


async def void_links(tx: Tx, user_id: str, *purposes: Purpose, after_us: int = -1) -> None:
    """Void the links of some kinds that a user has, or those made after a time. They still count as sent."""
    theirs = (email_link.c.user_id == user_id) & email_link.c.purpose.in_(purposes)
    theirs &= email_link.c.created_at_us > after_us
    running = email_link.c.expires_at_us > tx.now_us
    await tx.run(update(email_link).where(theirs, running).values(expires_at_us=tx.now_us))


async def links_of_the_hour(tx: Tx, user_id: str, purpose: Purpose) -> int:
    """Count the links of one kind that a user asked for lately; nobody adds one until the commit."""
    await tx.run(select(user.c.id).where(user.c.id == user_id).with_for_update())
    recent = (
        (email_link.c.user_id == user_id)
        & (email_link.c.purpose == purpose)
        & (email_link.c.created_at_us > tx.now_us - HOUR_US)
    )
    return int(await tx.scalar(select(func.count()).select_from(email_link).where(recent)))


def _works(tx: Tx, token_hash: str, purpose: Purpose) -> Any:
    return (
        (email_link.c.token_hash == token_hash)
        & (email_link.c.purpose == purpose)
        & (email_link.c.expires_at_us > tx.now_us)
    )


def _link(row: Row[Any]) -> EmailLink:
    return EmailLink(**{field.name: getattr(row, field.name) for field in fields(EmailLink)})


# ── attempts to sign in ─────────────────────────────────────────────────────────────────────────────


async def add_attempt(tx: Tx, new: SignInAttempt) -> None:
    """Store a new attempt."""
    await tx.run(sign_in_attempt.insert(), asdict(new))


async def find_attempt(tx: Tx, attempt_id: str) -> SignInAttempt | None:
    """Find an attempt, whatever became of it."""
    row = await tx.first(select(sign_in_attempt).where(sign_in_attempt.c.id == attempt_id))
    return None if row is None else _attempt(row)


async def advance_attempt(tx: Tx, seen: SignInAttempt, **changes: Any) -> SignInAttempt | None:
    """Change an attempt that is still as it was seen; None when another step came first."""
    columns = sign_in_attempt.c
    same = (columns.id == seen.id) & (columns.version == seen.version)
    values = {**changes, "version": seen.version + 1}
    row = await tx.first(update(sign_in_attempt).where(same).values(values).returning(sign_in_attempt))
    return None if row is None else _attempt(row)


def expired_attempts(before_us: int) -> Select[Any]:
    """Select attempts that expired before a time."""
    return select(sign_in_attempt.c.id).where(sign_in_attempt.c.expires_at_us < before_us)


def _attempt(row: Row[Any]) -> SignInAttempt:
    columns: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(SignInAttempt)}
    client = row.client
    columns["client"] = ClientRef(client["kind"], client["client_id"], tuple(client["scopes"]))
    columns["proven"], columns["amr"] = tuple(row.proven), tuple(row.amr)
    return SignInAttempt(**columns)


# ── failed attempts ────────────────────────────────────────────────────────────────────────────────────


async def lock_counters(tx: Tx, subjects: Sequence[str]) -> list[AttemptCounter]:
    """Give the counters of these subjects, and nobody else gets them until the commit."""
    # Always in the same order, or two logins could wait for each other for ever.
    for subject in sorted(subjects):
        await tx.run(tx.insert(attempt_counter).on_conflict_do_nothing(), asdict(AttemptCounter(subject)))
    query = (
        select(attempt_counter)
        .where(attempt_counter.c.subject.in_(subjects))
        .order_by(attempt_counter.c.subject)
        .with_for_update()
    )
    found = {row.subject: row for row in await tx.all(query)}
    return [_counter(found[subject]) for subject in subjects]


async def write_counters(tx: Tx, counters: Sequence[AttemptCounter]) -> None:
    """Store counters that were given out locked."""
    for one in counters:
        await tx.run(
            update(attempt_counter).where(attempt_counter.c.subject == one.subject).values(asdict(one))
        )


async def delete_counters(tx: Tx, account: str) -> None:
    """Delete what is counted of an account, from wherever it was tried."""
    subject = attempt_counter.c.subject
    # A range, which the index can serve; "A" follows "@".
    tried_from = (subject >= f"{account}@") & (subject < f"{account}A")
    await tx.run(delete(attempt_counter).where((subject == account) | tried_from))


def _counter(row: Row[Any]) -> AttemptCounter:
    return AttemptCounter(**{field.name: getattr(row, field.name) for field in fields(AttemptCounter)})


# ── retention ───────────────────────────────────────────────────────────────────────────────────────


def expired_links(before_us: int) -> Select[Any]:
    """Select links that ended before a time."""
    return select(email_link.c.id).where(email_link.c.expires_at_us < before_us)


def expired_counters(failed_before_us: int, succeeded_before_us: int) -> Select[Any]:
    """Select what was counted of subjects that neither failed nor succeeded since two times."""
    columns = attempt_counter.c
    failed_long_ago = columns.last_failed_at_us < failed_before_us
    return select(columns.subject).where(failed_long_ago, columns.succeeded_at_us < succeeded_before_us)


async def take_unverified(tx: Tx, before_us: int, limit: int) -> list[str]:
    """Remove some accounts that were made before a time and never confirmed; return their ids.

    Who was sent a link that still works is waited for. A suspended account stays, so that its address stays taken.
    """
    plain = (user.c.state == "active") & user.c.email_verified_at_us.is_(None)
    waits = (
        select(email_link.c.id)
        .where(email_link.c.user_id == user.c.id, email_link.c.expires_at_us > tx.now_us)
        .exists()
    )
    old = select(user.c.id).where(plain, user.c.created_at_us < before_us, ~waits).limit(limit)
    # Checked twice, as somebody may confirm between the query and the removal.
    removed = delete(user).where(user.c.id.in_(old), plain).returning(user.c.id)
    gone = [row.id for row in await tx.all(removed)]
    for table in (email_link, note):
        await tx.run(delete(table).where(table.c.user_id.in_(gone)))
    return gone


__all__ = ["attempt_counter", "email_link", "metadata", "note", "sign_in_attempt", "user"]
