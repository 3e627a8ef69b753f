"""Durable and timed work of payments."""

from typing import Any

from tollway.fabric.jobs import Jobs, Timed
from tollway.services.payments.service import Payments
from tollway.services.payments.service.deposits import TAKE_BACK
from tollway.services.payments.service.webhooks import HANDLE


async def handle_webhook(service: Payments, payload: dict[str, Any]) -> None:
    """Act on a webhook that was taken in."""
    await service.webhooks.handle(payload["provider"], payload["event_id"])


async def take_back(service: Payments, payload: dict[str, Any]) -> None:
    """Follow what was taken back of a payment before it was credited."""
    await service.takebacks.follow(payload["payment_ref"])


async def janitor(service: Payments) -> None:
    """Ask the provider about deposits that stand still."""
    await service.deposits.tend()


async def look_back(service: Payments) -> None:
    """Ask the provider what was taken back lately, as a webhook may be lost."""
    await service.takebacks.look_back()


async def forget_old(service: Payments) -> None:
    """Forget old webhooks."""
    await service.webhooks.forget_old()


JOBS: Jobs = {HANDLE: handle_webhook, TAKE_BACK: take_back}
TIMED = {
    "janitor": Timed(every_s=5, run=janitor),
    "look_back": Timed(every_s=3600, run=look_back),
    "forget_old": Timed(every_s=3600, run=forget_old),
}
