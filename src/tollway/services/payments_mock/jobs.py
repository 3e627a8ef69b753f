"""Durable work of the mock: webhook deliveries."""

from typing import Any

from tollway.fabric.jobs import Jobs
from tollway.services.payments_mock.service import PaymentsMock
from tollway.services.payments_mock.service.api_context import DELIVER


async def deliver_webhook(service: PaymentsMock, payload: dict[str, Any]) -> None:
    """Try one delivery. A failed one leaves the job of the next attempt itself, with its own delay."""
    await service.deliver(payload["delivery_id"])


JOBS: Jobs = {DELIVER: deliver_webhook}
