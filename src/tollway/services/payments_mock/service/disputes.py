"""Disputes: a cardholder's bank takes a payment back, the merchant answers with evidence, the bank decides.

As in Stripe's test mode the evidence decides: `uncategorized_text` of `winning_evidence` or `losing_evidence`.
"""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, invalid
from tollway.services.payments_mock.service.desk import Desk, Route
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


async def open_dispute(desk: Desk, charge_id: str, status: str, amount: int | None = None) -> Json:
    """Dispute a charge. A warning takes no money yet; anything else takes it at once. Raises Refused."""
    charge = await desk.get("charge", charge_id)
    most = charge.body["amount_captured"]
    wanted = most if amount is None else amount
    if not 1 <= wanted <= most:
        raise invalid("amount", "A dispute is of at least 1 and at most what was captured.")
    if charge.body["disputed"]:
        raise Refused(400, f"Charge {charge.id} has been disputed already.", code="charge_disputed")
    made = Stored(resources.dispute(desk.new_id("dp"), desk.now_s, charge.body, status, wanted))
    charge.body["disputed"] = True
    await desk.keep(made)
    await desk.keep(charge)
    await desk.publish("charge.dispute.created", made.body)
    if not status.startswith("warning_"):
        await desk.publish("charge.dispute.funds_withdrawn", made.body)
    return made.body


async def update(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Answer a dispute with evidence, which ends it when it is one of the two that decide."""
    dispute = await _open_one(desk, refs[0])
    body = dispute.body
    body["evidence"] |= params.get("evidence") or {}
    body["metadata"] = merged(body["metadata"], params.get("metadata"))
    body["evidence_details"]["has_evidence"] = bool(body["evidence"])
    verdict = _VERDICTS.get(body["evidence"].get("uncategorized_text", ""))
    if params.get("submit") is False or verdict is None:
        await desk.keep(dispute)
        await desk.publish("charge.dispute.updated", body)
        return body
    return await _end(desk, dispute, verdict)


async def close(desk: Desk, _params: Json, refs: Sequence[str]) -> Json:
    """Accept a dispute, which loses it."""
    return await _end(desk, await _open_one(desk, refs[0]), "lost")


async def _open_one(desk: Desk, ref: str) -> Stored:
    dispute = await desk.get("dispute", ref)
    if dispute.body["status"] not in _OPEN:
        raise Refused(400, f"This dispute is already closed ({dispute.body['status']}).")
    return dispute


async def _end(desk: Desk, dispute: Stored, verdict: str) -> Json:
    warning = dispute.body["status"].startswith("warning_")
    dispute.body["status"] = "warning_closed" if warning else verdict
    await desk.keep(dispute)
    if verdict == "won" and not warning:
        await desk.publish("charge.dispute.funds_reinstated", dispute.body)
    await desk.publish("charge.dispute.closed", dispute.body)
    return dispute.body


ROUTES = [
    Route(
        "GET",
        "/v1/disputes",
        "DisputeListParams",
        listing("dispute", "/v1/disputes", "charge", "payment_intent"),
    ),
    Route("GET", "/v1/disputes/*", "DisputeRetrieveParams", retrieve("dispute")),
    Route("POST", "/v1/disputes/*", "DisputeUpdateParams", update),
    Route("POST", "/v1/disputes/*/close", "DisputeCloseParams", close),
]
