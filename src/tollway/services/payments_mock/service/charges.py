"""Charges and refunds. What was captured can be given back once: whole, or in parts that never exceed it."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.currencies import show
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, invalid
from tollway.services.payments_mock.service import payment_methods
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a charge's description or metadata."""
    charge = await context.get("charge", refs[0])
    if "description" in params:
        charge.body["description"] = params["description"] or None
    charge.body["metadata"] = merged(charge.body["metadata"], params.get("metadata"))
    await context.keep(charge)
    await context.publish("charge.updated", charge.body)
    return charge.body


async def refund(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Give money back. Raises Refused for more than what is left, or when nothing was taken."""
    charge = await _charge_to_refund(context, params)
    body = charge.body
    left = body["amount_captured"] - body["amount_refunded"]
    if body["refunded"] or left <= 0:
        raise Refused(400, f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount < 1:
        raise invalid("amount", "This value must be greater than or equal to 1.", "parameter_invalid_integer")
    if amount > left:
        asked, rest = show(amount, body["currency"]), show(left, body["currency"])
        text = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
        raise invalid("amount", text)
    back = Stored(resources.refund(context.new_id("re"), context.now_s, params, body, amount))
    body["amount_refunded"] += amount
    body["refunded"] = body["amount_refunded"] == body["amount_captured"]
    await context.keep(back)
    await context.keep(charge)
    await context.publish("refund.created", back.body)
    await context.publish("charge.refunded", body)
    card = payment_methods.card_of(await context.get("payment_method", body["payment_method"]))
    if card.refund == "failed":
        # The answer still says that it succeeded; that the bank refused is found out later.
        answer = dict(back.body)
        await fail_refund(context, back)
        return answer
    return back.body


async def fail_refund(context: ApiContext, back: Stored) -> None:
    """Let the bank refuse a refund that was made: the money comes back to the account that paid it."""
    charge = await context.get("charge", back.body["charge"])
    charge.body["amount_refunded"] -= back.body["amount"]
    charge.body["refunded"] = False
    back.body["status"], back.body["failure_reason"] = "failed", "declined"
    await context.keep(charge)
    await context.keep(back)
    await context.publish("refund.updated", back.body)
    await context.publish("refund.failed", back.body)


async def update_refund(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a refund's metadata."""
    back = await context.get("refund", refs[0])
    back.body["metadata"] = merged(back.body["metadata"], params.get("metadata"))
    await context.keep(back)
    await context.publish("refund.updated", back.body)
    return back.body


async def charge_of(context: ApiContext, ref: str) -> Stored:
    """Return the charge that a payment succeeded with. Raises Refused."""
    payment = await context.get("payment_intent", ref, "payment_intent")
    if payment.body["status"] != "succeeded":
        text = f"This PaymentIntent ({ref}) does not have a successful charge to refund."
        raise Refused(400, text, code="payment_intent_unexpected_state", param="payment_intent")
    return await context.get("charge", payment.body["latest_charge"], "payment_intent")


async def _charge_to_refund(context: ApiContext, params: Json) -> Stored:
    if ref := params.get("charge"):
        charge = await context.get("charge", ref, "charge")
    elif ref := params.get("payment_intent"):
        charge = await charge_of(context, ref)
    else:
        text = "One of the following params should be provided for this request: payment_intent or charge."
        raise Refused(400, text)
    if not charge.body["captured"]:
        raise Refused(
            400, f"Charge {charge.id} was not captured: there is nothing to refund.", param="charge"
        )
    return charge


ROUTES = [
    MockRoute(
        "GET",
        "/v1/charges",
        "ChargeListParams",
        listing("charge", "/v1/charges", "customer", "payment_intent"),
    ),
    MockRoute("GET", "/v1/charges/*", "ChargeRetrieveParams", retrieve("charge")),
    MockRoute("POST", "/v1/charges/*", "ChargeUpdateParams", update),
    MockRoute("POST", "/v1/refunds", "RefundCreateParams", refund),
    MockRoute(
        "GET", "/v1/refunds", "RefundListParams", listing("refund", "/v1/refunds", "charge", "payment_intent")
    ),
    MockRoute("GET", "/v1/refunds/*", "RefundRetrieveParams", retrieve("refund")),
    MockRoute("POST", "/v1/refunds/*", "RefundUpdateParams", update_refund),
]
