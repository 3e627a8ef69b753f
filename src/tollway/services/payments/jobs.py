"""Durable and timed work of payments."""

from typing import Any

from tollway.fabric.jobs import Jobs, Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.payments.service import Payments
from tollway.services.payments.service.corrections import POST_CORRECTION
from tollway.services.payments.service.debts import COLLECT_DEBT
from tollway.services.payments.service.reversals import ADVANCE_REVERSAL
from tollway.services.payments.service.settlement import FOLLOW_REVERSALS
from tollway.services.payments.service.webhooks import HANDLE
from tollway.services.payments.user_data import USER_TABLES


async def handle_webhook(service: Payments, payload: dict[str, Any]) -> None:
    """Act on a webhook that was received."""
    await service.webhooks.handle(payload["provider"], payload["event_id"])


async def follow_reversals(service: Payments, payload: dict[str, Any]) -> None:
    """Follow what was reversed of a payment before it was credited."""
    await service.reversals.follow(payload["provider"], payload["payment_ref"])


async def reconcile_stale(service: Payments) -> float:
    """Ask the providers about deposits without progress."""
    return await service.reconciliation.reconcile_stale()


async def reconcile_recent(service: Payments) -> None:
    """Ask the providers what was reversed lately, as a webhook may be lost."""
    await service.reversals.reconcile_recent()


async def delete_old_webhooks(service: Payments) -> None:
    """Delete old webhooks."""
    await service.webhooks.delete_old()


async def advance_reversal(service: Payments, payload: dict[str, Any]) -> None:
    """Drive a reversal; nothing to do when whoever learnt of it got that far."""
    await service.reversals.process.advance(payload["id"])


async def resume_reversals(service: Payments) -> None:
    """Take up reversals that stood still."""
    await service.reversals.resume_stuck()


async def collect_debts(service: Payments) -> float:
    """Collect what customers owe."""
    return await service.debts.collect_due()


async def collect_debt(service: Payments, payload: dict[str, Any]) -> None:
    """Collect what a customer owes, as money of theirs has moved."""
    await service.debts.process.advance(payload["id"])


async def post_correction(service: Payments, payload: dict[str, Any]) -> None:
    """Drive a correction; nothing to do when the request got that far."""
    await service.corrections.process.advance(payload["id"])


async def erase_user(service: Payments, payload: dict[str, Any]) -> None:
    """Detach the saved cards of somebody who has left at their providers, then erase what is kept here."""
    await service.methods.delete_all(payload["user_id"])
    await erase(service.db, USER_TABLES, payload["user_id"])


JOBS: Jobs = {
    ERASE: erase_user,
    POST_CORRECTION: post_correction,
    HANDLE: handle_webhook,
    FOLLOW_REVERSALS: follow_reversals,
    ADVANCE_REVERSAL: advance_reversal,
    COLLECT_DEBT: collect_debt,
}
TIMED = {
    "reconcile_stale": Timed(every_s=5, run=reconcile_stale),
    "resume_reversals": Timed(every_s=30, run=resume_reversals),
    "collect_debts": Timed(every_s=5, run=collect_debts),
    "reconcile_recent": Timed(every_s=3600, run=reconcile_recent),
    "delete_old_webhooks": Timed(every_s=3600, run=delete_old_webhooks),
}
