"""Disputes: a cardholder's bank takes a payment back, the merchant answers with evidence, the bank decides.

As in Stripe's test mode the evidence decides: `uncategorized_text` of `winning_evidence` or `losing_evidence`.
"""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, invalid
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


async def open_dispute(context: ApiContext, charge_id: str, status: str, amount: int | None = None) -> Json:
    """Dispute a charge. A warning takes no money yet; anything else takes it at once. Raises Refused."""
    charge = await context.get("charge", charge_id)
    most = charge.body["amount_captured"]
    wanted = most if amount is None else amount
    if not 1 <= wanted <= most:
        raise invalid("amount", "A dispute is of at least 1 and at most what was captured.")
    if charge.body["disputed"]:
        raise Refused(400, f"Charge {charge.id} has been disputed already.", code="charge_disputed")
    made = Stored(resources.dispute(context.new_id("dp"), context.now_s, charge.body, status, wanted))
    charge.body["disputed"] = True
    await context.keep(made)
    await context.keep(charge)
    await context.publish("charge.dispute.created", made.body)
    if not status.startswith("warning_"):
        await context.publish("charge.dispute.funds_withdrawn", made.body)
    return made.body


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Answer a dispute with evidence, which ends it when it is one of the two that decide."""
    dispute = await _open_one(context, refs[0])
    body = dispute.body
    body["evidence"] |= params.get("evidence") or {}
    body["metadata"] = merged(body["metadata"], params.get("metadata"))
    body["evidence_details"]["has_evidence"] = bool(body["evidence"])
    verdict = _VERDICTS.get(body["evidence"].get("uncategorized_text", ""))
    if params.get("submit") is False or verdict is None:
        await context.keep(dispute)
        await context.publish("charge.dispute.updated", body)
        return body
    return await _end(context, dispute, verdict)


async def close(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Accept a dispute, which loses it."""
    return await _end(context, await _open_one(context, refs[0]), "lost")


async def _open_one(context: ApiContext, ref: str) -> Stored:
    dispute = await context.get("dispute", ref)
    if dispute.body["status"] not in _OPEN:
        raise Refused(400, f"This dispute is already closed ({dispute.body['status']}).")
    return dispute


async def _end(context: ApiContext, dispute: Stored, verdict: str) -> Json:
    warning = dispute.body["status"].startswith("warning_")
    dispute.body["status"] = "warning_closed" if warning else verdict
    await context.keep(dispute)
    if verdict == "won" and not warning:
        await context.publish("charge.dispute.funds_reinstated", dispute.body)
    await context.publish("charge.dispute.closed", dispute.body)
    return dispute.body


ROUTES = [
    MockRoute(
        "GET",
        "/v1/disputes",
        "DisputeListParams",
        listing("dispute", "/v1/disputes", "charge", "payment_intent"),
    ),
    MockRoute("GET", "/v1/disputes/*", "DisputeRetrieveParams", retrieve("dispute")),
    MockRoute("POST", "/v1/disputes/*", "DisputeUpdateParams", update),
    MockRoute("POST", "/v1/disputes/*/close", "DisputeCloseParams", close),
]
