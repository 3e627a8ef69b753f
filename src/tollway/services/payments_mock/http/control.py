"""What a test or a developer steers the mock with. No key is needed, but a body of application/json.

POST   /mock/faults   {"fault": "webhook_duplicate", "match": "payment_intent.", "delay_s": 2, "times": 1}
GET    /mock/faults   what is planned
POST   /mock/disputes {"payment_intent": "pi_…", "amount": 500}     the cardholder disputes a payment
POST   /mock/refunds/{id}/fail                                    the bank refuses a refund
POST   /mock/reset    {"webhook_endpoints": false}
"""

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from tollway.services.payments_mock.model.refusals import Refused
from tollway.services.payments_mock.service import PaymentsMock


class PlanFault(BaseModel):
    """A failure to plan: `match` is the beginning of a path or of an event's type; empty matches all."""

    model_config = ConfigDict(extra="forbid")
    fault: str
    match: str = ""
    delay_s: float | None = None
    times: int = 1


class Dispute(BaseModel):
    """A dispute to open; without an amount, of all that was paid."""

    model_config = ConfigDict(extra="forbid")
    payment_intent: str
    amount: int | None = None


class ResetRequest(BaseModel):
    """What to delete: everything, and with `webhook_endpoints` the endpoints too."""

    model_config = ConfigDict(extra="forbid")
    webhook_endpoints: bool = False


def router(service: PaymentsMock) -> APIRouter:
    """Serve /mock."""
    routes = APIRouter(prefix="/mock")

    @routes.post("/faults")
    async def plan(asked: PlanFault) -> JSONResponse:
        try:
            await service.plan_fault(asked.fault, match=asked.match, delay_s=asked.delay_s, times=asked.times)
        except Refused as refused:
            return JSONResponse({"error": refused.error}, refused.status)
        return JSONResponse(await planned(), 201)

    @routes.get("/faults")
    async def planned() -> dict[str, Any]:
        return {"planned": (await service.overview(0)).faults}

    @routes.post("/disputes")
    async def dispute(asked: Dispute) -> JSONResponse:
        return await _done(service.dispute(asked.payment_intent, asked.amount))

    @routes.post("/refunds/{ref}/fail")
    async def fail_refund(ref: str) -> JSONResponse:
        return await _done(service.fail_refund(ref))

    @routes.post("/reset")
    async def reset(asked: ResetRequest | None = None) -> dict[str, bool]:
        await service.reset(webhook_endpoints=asked.webhook_endpoints if asked else False)
        return {"reset": True}

    del plan, dispute, fail_refund, reset  # registered; the names have no other use
    return routes


async def _done(work: Awaitable[dict[str, Any]]) -> JSONResponse:
    try:
        return JSONResponse(await work, 201)
    except Refused as refused:
        return JSONResponse({"error": refused.error}, refused.status)
