"""Credentials, and what authentication needs to know of them."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from tollway.fabric.db import Tx
from tollway.kit.times import SECOND_US
from tollway.services.access.model import Credential, CustomerSession, Resource
from tollway.services.access.model.source_networks import bounds
from tollway.services.access.store.resources import as_resource
from tollway.services.access.store.tables import credential, customer, resource

SOURCE_ADDRESS = "source_address"
_COLUMNS = (
    "id",
    "resource_id",
    "kind",
    "identifier",
    "secret_sha256",
    "public_key",
    "label",
    "by_connect",
    "created_at_us",
    "expires_at_us",
    "last_used_at_us",
)
# So often at most is it written down that a credential is in use.
USED_EVERY_US = 60 * SECOND_US


@dataclass(frozen=True, slots=True)
class Candidate:
    """A credential that may be the one presented, with all that is needed to answer, read in one query."""

    credential: Credential
    resource: Resource
    user_stopped: bool


async def candidates(tx: Tx, kind: str, identifier: str, within: str = "") -> list[Candidate]:
    """Return the live credentials of a kind that an identifier finds, or the network of an address, oldest first."""
    found = credential.c.kind == kind
    if within:
        found &= (credential.c.source_first <= within) & (credential.c.source_last >= within)
    else:
        found &= credential.c.identifier == identifier
    return [
        _candidate(row) for row in await tx.all(_LIVE.where(found & _lasts(tx)).order_by(credential.c.id))
    ]


async def resource_of(tx: Tx, credential_id: str) -> Resource | None:
    """Return the resource of a credential, which may be revoked already."""
    joined = select(resource).join(credential, credential.c.resource_id == resource.c.id)
    row = await tx.first(joined.where(credential.c.id == credential_id))
    return None if row is None else as_resource(row)


async def find_live(tx: Tx, credential_id: str) -> Candidate | None:
    """Return a live credential by its id."""
    row = await tx.first(_LIVE.where(_lasts(tx), credential.c.id == credential_id))
    return None if row is None else _candidate(row)


def _lasts(tx: Tx) -> ColumnElement[bool]:
    """Say that a credential has not ended by itself; the job that revokes it then may be late."""
    return (credential.c.expires_at_us == 0) | (credential.c.expires_at_us > tx.now_us)


_LIVE = (
    select(
        resource,
        customer.c.stopped,
        *(credential.c[name].label(f"credential_{name}") for name in _COLUMNS),
    )
    .join(credential, credential.c.resource_id == resource.c.id)
    .outerjoin(customer, customer.c.user_id == resource.c.user_id)
    .where(credential.c.revoked_at_us.is_(None))
)


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(_credential(row, "credential_"), as_resource(row), bool(row.stopped))


async def add(tx: Tx, one: Credential, sign_in: CustomerSession) -> bool:
    """Add a credential; False when a live one of its kind has the same identifier and key."""
    row = {**asdict(one), "signed_in_at_us": sign_in.at_us, "session_id": sign_in.session_id}
    if one.kind == SOURCE_ADDRESS:
        row["source_first"], row["source_last"] = bounds(one.identifier)
    insert = tx.insert(credential).values(row).on_conflict_do_nothing()
    return (await tx.run(insert)).rowcount == 1


async def overlaps(tx: Tx, network: str) -> bool:
    """Return whether a live credential lets in a part of this network, or all of it."""
    first, last = bounds(network)
    query = (
        select(credential.c.id)
        .where(credential.c.kind == SOURCE_ADDRESS, credential.c.revoked_at_us.is_(None))
        .where(credential.c.source_first <= last, credential.c.source_last >= first)
        .limit(1)
    )
    return await tx.first(query) is not None


async def live(tx: Tx, resource_ids: Sequence[str]) -> dict[str, list[Credential]]:
    """Return the live credentials of resources, oldest first."""
    rows = await tx.all(
        select(credential)
        .where(credential.c.resource_id.in_(resource_ids), credential.c.revoked_at_us.is_(None), _lasts(tx))
        .order_by(credential.c.created_at_us, credential.c.id)
    )
    found: dict[str, list[Credential]] = {resource_id: [] for resource_id in resource_ids}
    for row in rows:
        found[row.resource_id].append(_credential(row))
    return found


async def issued_before(tx: Tx, user_id: str, kept: CustomerSession, at_us: int) -> dict[str, list[str]]:
    """Return a customer's live credentials that were issued until `at_us`, or by a sign-in that does not count.

    By the ids of their resources. What counts is `kept.session_id`, and every sign-in since `kept.at_us`.
    """
    elsewhere = (credential.c.signed_in_at_us < kept.at_us) & (credential.c.session_id != kept.session_id)
    rows = await tx.all(
        select(credential.c.id, credential.c.resource_id)
        .join(resource, resource.c.id == credential.c.resource_id)
        .where(resource.c.user_id == user_id, credential.c.revoked_at_us.is_(None))
        .where((credential.c.created_at_us <= at_us) | elsewhere)
        .order_by(credential.c.id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.resource_id, []).append(row.id)
    return found


async def networks_of(tx: Tx, user_id: str) -> dict[str, list[str]]:
    """Return a customer's live credentials that are a source address, by the ids of their resources."""
    rows = await tx.all(
        select(credential.c.id, credential.c.resource_id)
        .join(resource, resource.c.id == credential.c.resource_id)
        .where(resource.c.user_id == user_id, credential.c.revoked_at_us.is_(None))
        .where(credential.c.kind == SOURCE_ADDRESS)
        .order_by(credential.c.id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.resource_id, []).append(row.id)
    return found


async def exists(tx: Tx, resource_id: str, credential_id: str) -> bool:
    """Return whether a resource has this credential, live or revoked."""
    here = (credential.c.id == credential_id) & (credential.c.resource_id == resource_id)
    return await tx.first(select(credential.c.id).where(here)) is not None


async def revoke(tx: Tx, resource_id: str, credential_ids: Sequence[str]) -> list[str]:
    """Revoke live credentials of a resource; return the ids of those that were live."""
    rows = await tx.all(
        update(credential)
        .where(credential.c.resource_id == resource_id, credential.c.id.in_(credential_ids))
        .where(credential.c.revoked_at_us.is_(None))
        .values(revoked_at_us=tx.now_us)
        .returning(credential.c.id)
    )
    return [row.id for row in rows]


async def find(tx: Tx, resource_id: str, credential_id: str) -> tuple[Credential, bool] | None:
    """Return a credential of a resource, and whether it is live."""
    here = (credential.c.id == credential_id) & (credential.c.resource_id == resource_id)
    row = await tx.first(
        select(credential, (credential.c.revoked_at_us.is_(None) & _lasts(tx)).label("live")).where(here)
    )
    return None if row is None else (_credential(row), bool(row.live))


async def end_at(tx: Tx, credential_id: str, at_us: int) -> None:
    """Have a credential end by itself."""
    await tx.run(update(credential).where(credential.c.id == credential_id).values(expires_at_us=at_us))


async def used(tx: Tx, credential_ids: Collection[str]) -> None:
    """Note that credentials are in use, unless that was noted a moment ago."""
    stale = credential.c.last_used_at_us <= tx.now_us - USED_EVERY_US
    await tx.run(
        update(credential).where(credential.c.id.in_(credential_ids), stale).values(last_used_at_us=tx.now_us)
    )


def _credential(row: Row[Any], prefix: str = "") -> Credential:
    return Credential(**{name: getattr(row, prefix + name) for name in _COLUMNS})
