"""Queries of webhooks and of registered endpoints."""

from typing import Any

from sqlalchemy import Row, Select, select, update

from tollway.fabric.db import Tx
from tollway.services.payments.store.tables import webhook_endpoint, webhook_event


async def add_event(tx: Tx, provider: str, event_id: str, kind: str, body: str) -> bool:
    """Insert a webhook; False when this event was received before."""
    row = {"provider": provider, "event_id": event_id, "kind": kind, "body": body, "outcome": ""}
    added = tx.insert(webhook_event).values({**row, "created_at_us": tx.now_us}).on_conflict_do_nothing()
    return (await tx.run(added)).rowcount == 1


async def find_event(tx: Tx, provider: str, event_id: str) -> Row[Any] | None:
    """Return a webhook that was received."""
    mine = (webhook_event.c.provider == provider) & (webhook_event.c.event_id == event_id)
    return await tx.first(select(webhook_event).where(mine))


async def close_event(tx: Tx, provider: str, event_id: str, outcome: str) -> None:
    """Record what became of a webhook. Its body is not needed any more."""
    mine = (webhook_event.c.provider == provider) & (webhook_event.c.event_id == event_id)
    await tx.run(update(webhook_event).where(mine).values(outcome=outcome, body=""))


def old_events(before_us: int) -> Select[Any, Any]:
    """Select the webhooks that were acted on and came before a time."""
    done = (webhook_event.c.created_at_us < before_us) & (webhook_event.c.outcome != "")
    return select(webhook_event.c.provider, webhook_event.c.event_id).where(done)


async def find_endpoint(tx: Tx, provider: str) -> Row[Any] | None:
    """Return the endpoint that is registered at a provider."""
    return await tx.first(select(webhook_endpoint).where(webhook_endpoint.c.provider == provider))


async def save_endpoint(tx: Tx, provider: str, url: str, ref: str, sealed_secret: bytes) -> None:
    """Save the endpoint that was registered at a provider."""
    values = {"url": url, "ref": ref, "sealed_secret": sealed_secret, "created_at_us": tx.now_us}
    insert = tx.insert(webhook_endpoint).values(provider=provider, **values)
    await tx.run(insert.on_conflict_do_update(index_elements=["provider"], set_=values))
