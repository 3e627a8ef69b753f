"""Durable and timed work of the identity service."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.fabric.retention import delete_in_batches
from tollway.fabric.user_data import ERASE, erase
from tollway.kit.times import HOUR_US
from tollway.services.identity import store
from tollway.services.identity.model import FAILURES_KEPT_US, SUCCESSES_KEPT_US
from tollway.services.identity.service import Identity
from tollway.services.identity.service.leaving import ERASE_ACCOUNT
from tollway.services.identity.user_data import USER_TABLES


async def send_link(service: Identity, payload: dict[str, Any]) -> None:
    """Mail a link to verify an address or to reset a password."""
    await service.mail.send_link(payload["link_id"])


async def send_notice(service: Identity, payload: dict[str, Any]) -> None:
    """Mail what happened to an account."""
    await service.mail.send_notice(
        payload["user_id"], payload["template"], payload["at_us"], payload.get("key", "")
    )


async def find_and_link(service: Identity, payload: dict[str, Any]) -> None:
    """Enqueue a link for an address, if it has an account."""
    await service.mail.find_and_link(payload["email_key"], payload["purpose"])


async def end_sessions(service: Identity, payload: dict[str, Any]) -> None:
    """End sessions that rely on what has changed."""
    await service.mail.end_sessions(payload)


async def erase_account(service: Identity, payload: dict[str, Any]) -> None:
    """Take the deletion of an account to its end, when its days are over; nothing to do when it was undone."""
    await service.leaving.process.advance(payload["id"])


async def erase_user(service: Identity, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody whose account was deleted."""
    await erase(service.db, USER_TABLES, payload["user_id"])


async def resume_deletions(service: Identity) -> None:
    """Take up deletions that are due and that no job took to their end."""
    await service.leaving.resume()


async def delete_expired(service: Identity) -> None:
    """Delete expired links and attempts, failures that no longer count, and accounts that nobody confirmed."""
    now_us = service.db.clock.now_us()
    await delete_in_batches(service.db, store.email_link, store.expired_links(now_us - HOUR_US))
    await delete_in_batches(
        service.db,
        store.attempt_counter,
        store.expired_counters(now_us - FAILURES_KEPT_US, now_us - SUCCESSES_KEPT_US),
    )
    await delete_in_batches(service.db, store.sign_in_attempt, store.expired_attempts(now_us - HOUR_US))
    await service.accounts.delete_unverified()


JOBS = {
    "send_link": send_link,
    "send_notice": send_notice,
    "find_and_link": find_and_link,
    "end_sessions": end_sessions,
    ERASE_ACCOUNT: erase_account,
    ERASE: erase_user,
}
TIMED = {
    "delete_expired": Timed(every_s=3600, run=delete_expired),
    "resume_deletions": Timed(every_s=600, run=resume_deletions),
}
