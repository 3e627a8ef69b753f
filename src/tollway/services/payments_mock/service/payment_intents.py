"""Payments: made, confirmed with a card, proved when the bank asks, captured, canceled."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import payments, resources
from tollway.services.payments_mock.model.cards import NEEDS_AUTHENTICATION, Decline, cards_allowed
from tollway.services.payments_mock.model.currencies import check_amount, check_currency, show
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Declined, Refused, check_url, invalid, missing
from tollway.services.payments_mock.service import disputes, payment_methods
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_UNPROVED = {
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod to "
    "attempt to fulfill this PaymentIntent again.",
    "type": "invalid_request_error",
}
_CHANGEABLE = ("description", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor")


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a payment, and confirm it at once with `confirm=true`. Raises Declined when the bank refuses."""
    params["currency"] = check_currency(params["currency"])
    check_amount(params["amount"], params["currency"])
    cards_allowed(params)
    if customer := params.get("customer"):
        await context.get_live("customer", customer, "customer")
    if ref := await _chosen(context, params, params.get("customer")):
        params["payment_method"] = ref
    payment = Stored(
        resources.payment_intent(context.new_id("pi"), context.new_secret(), context.now_s, params)
    )
    await context.keep(payment)
    await context.publish("payment_intent.created", payment.body)
    return await attempt(context, payment, params) if params.get("confirm") else payment.body


async def confirm(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Try to take the money. Raises Declined when the bank refuses."""
    payment = await context.get("payment_intent", refs[0])
    payments.check_step("confirm", payment.body)
    if ref := await _chosen(context, params, payment.body["customer"]):
        payment.body["payment_method"] = ref
    return await attempt(context, payment, params)


async def attempt(context: ApiContext, payment: Stored, params: Json) -> Json:
    """Ask the bank: approved, declined, or only with a proof by the cardholder."""
    body = payment.body
    if body["payment_method"] is None:
        raise missing("payment_method")
    _check_return_url(body, params)
    if url := params.get("return_url"):
        check_url(url, "return_url")
    for name in ("setup_future_usage", "receipt_email", "shipping"):
        body[name] = params.get(name) or body[name]
    method = await payment_methods.usable(context, body["payment_method"], body["customer"], "payment_method")
    body["payment_method"] = method.id
    outcome = payments.answer_of(
        payment_methods.card_of(method),
        set_up=bool(method.hidden.get("set_up")),
        off_session=params.get("off_session") not in (None, False),
    )
    if outcome.verdict == "approved":
        return await _approve(context, payment, method)
    if outcome.verdict == "authenticate" and not params.get("error_on_requires_action"):
        return await _ask_for_proof(context, payment, params.get("return_url"))
    raise await _decline(context, payment, method, outcome.decline or NEEDS_AUTHENTICATION)


async def prove(context: ApiContext, ref: str, *, passed: bool) -> Stored:
    """Take the cardholder's proof (3-D Secure), or its failure. Raises Declined, or Refused when not asked for."""
    payment = await context.get("payment_intent", ref)
    if payment.body["status"] != "requires_action":
        text = "This payment does not wait for an authentication."
        raise Refused(400, text, code="payment_intent_unexpected_state")
    method = await context.get("payment_method", payment.body["payment_method"])
    if not passed:
        payments.unpaid(payment.body, {**_UNPROVED, "payment_method": method.body})
        await context.keep(payment)
        await context.publish("payment_intent.payment_failed", payment.body)
        return payment
    card = payment_methods.card_of(method)
    outcome = payments.answer_of(card, set_up=False, off_session=False, proved=True)
    method.hidden["proved"] = True
    if outcome.decline:
        raise await _decline(context, payment, method, outcome.decline)
    await _approve(context, payment, method)
    return payment


async def capture(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Take what was authorised, or a part of it; the rest is set free."""
    payment = await context.get("payment_intent", refs[0])
    payments.check_step("capture", payment.body)
    most = payment.body["amount_capturable"]
    amount = params.get("amount_to_capture", most)
    if not 1 <= amount <= most:
        asked, bound = (show(value, payment.body["currency"]) for value in (amount, most))
        text = (
            f"The amount to capture ({asked}) must be more than 0 and at most what is authorised ({bound})."
        )
        raise invalid("amount_to_capture", text, "amount_too_large" if amount > most else "amount_too_small")
    charge = await context.get("charge", payment.body["latest_charge"])
    payments.captured(payment.body, charge.body, amount)
    payment.body["metadata"] = merged(payment.body["metadata"], params.get("metadata"))
    await context.keep(charge)
    await context.keep(payment)
    await context.publish("charge.captured", charge.body)
    await context.publish("payment_intent.succeeded", payment.body)
    return payment.body


async def cancel(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """End a payment; what was authorised is set free."""
    payment = await context.get("payment_intent", refs[0])
    payments.check_step("cancel", payment.body)
    if payment.body["status"] == "requires_capture":
        charge = await context.get("charge", payment.body["latest_charge"])
        charge.body["refunded"], charge.body["amount_refunded"] = True, charge.body["amount"]
        await context.keep(charge)
        await context.publish("charge.refunded", charge.body)
    payments.canceled(payment.body, context.now_s, params.get("cancellation_reason"))
    await context.keep(payment)
    await context.publish("payment_intent.canceled", payment.body)
    return payment.body


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a payment before it is confirmed; metadata and description at any time."""
    payment = await context.get("payment_intent", refs[0])
    if set(params) - {"metadata", "description", "expand"}:
        payments.check_step("update", payment.body)
    body = payment.body
    body["currency"] = check_currency(params.get("currency", body["currency"]))
    body["amount"] = check_amount(params.get("amount", body["amount"]), body["currency"])
    if customer := params.get("customer"):
        await context.get_live("customer", customer, "customer")
        body["customer"] = customer
    if ref := await _chosen(context, params, body["customer"]):
        body["payment_method"], body["status"] = ref, "requires_confirmation"
    body |= {name: params[name] or None for name in _CHANGEABLE if name in params}
    body["metadata"] = merged(body["metadata"], params.get("metadata"))
    return await context.keep(payment)


async def _chosen(context: ApiContext, params: Json, customer: str | None) -> str | None:
    """Return the id of the payment method that the request names or brings along, if any."""
    if data := params.get("payment_method_data"):
        return (await payment_methods.enter(context, data)).id
    if ref := params.get("payment_method"):
        return (await payment_methods.usable(context, ref, customer, "payment_method")).id
    return None


def _check_return_url(payment: Json, params: Json) -> None:
    """Refuse a payment open to methods that send the customer away when there is no way back."""
    automatic = payment["automatic_payment_methods"]
    redirects = set(payment["allowed_payment_method_types"] or ["any"]) - {"card"}
    if automatic and automatic["allow_redirects"] == "always" and redirects and not params.get("return_url"):
        raise Refused(
            400,
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to "
            "`never` when creating Setup Intents and Payment Intents.",
        )


async def _approve(context: ApiContext, payment: Stored, method: Stored) -> Json:
    charge = _charge(context, payment, method)
    payments.approved(payment.body, charge)
    await context.keep(Stored(charge))
    await _use_up(context, payment, method)
    await context.keep(payment)
    await context.publish("charge.succeeded", charge)
    held = payment.body["status"] == "requires_capture"
    await context.publish(
        "payment_intent.amount_capturable_updated" if held else "payment_intent.succeeded", payment.body
    )
    if status := payment_methods.card_of(method).disputed:
        await disputes.open_dispute(context, charge["id"], status)
    return payment.body


async def _use_up(context: ApiContext, payment: Stored, method: Stored) -> None:
    """After a payment a card is saved with its customer, or it can't be used again."""
    saved = payment.body["setup_future_usage"] and payment.body["customer"]
    if saved:
        method.hidden["set_up"] = bool(method.hidden.get("set_up") or method.hidden.get("proved"))
    if saved and method.body["customer"] is None:
        method.body["customer"] = payment.body["customer"]
        await context.keep(method)
        await context.publish("payment_method.attached", method.body)
        return
    method.hidden["spent"] = method.body["customer"] is None
    await context.keep(method)


async def _decline(context: ApiContext, payment: Stored, method: Stored, why: Decline) -> Declined:
    charge = _charge(context, payment, method)
    payments.declined(payment.body, charge, why, method.body)
    await context.keep(Stored(charge))
    await context.keep(payment)
    await context.publish("charge.failed", charge)
    await context.publish("payment_intent.payment_failed", payment.body)
    return Declined({**payment.body["last_payment_error"], "payment_intent": payment.body})


def _charge(context: ApiContext, payment: Stored, method: Stored) -> Json:
    ref = context.new_id("ch")
    receipt_url = f"{context.base_url}/mock/objects/{ref}"
    return resources.charge(ref, context.now_s, payment.body, method.body, receipt_url)


async def _ask_for_proof(context: ApiContext, payment: Stored, return_url: str | None) -> Json:
    url = f"{context.base_url}/3ds/{payment.id}"
    payment.body["status"] = "requires_action"
    payment.hidden["return_url"] = return_url or ""
    if return_url:
        redirect = {"return_url": return_url, "url": url}
        payment.body["next_action"] = {"type": "redirect_to_url", "redirect_to_url": redirect}
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": url}
        payment.body["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    await context.keep(payment)
    await context.publish("payment_intent.requires_action", payment.body)
    return payment.body


ROUTES = [
    MockRoute("POST", "/v1/payment_intents", "PaymentIntentCreateParams", create),
    MockRoute(
        "GET",
        "/v1/payment_intents",
        "PaymentIntentListParams",
        listing("payment_intent", "/v1/payment_intents", "customer"),
    ),
    MockRoute("GET", "/v1/payment_intents/*", "PaymentIntentRetrieveParams", retrieve("payment_intent")),
    MockRoute("POST", "/v1/payment_intents/*", "PaymentIntentUpdateParams", update),
    MockRoute("POST", "/v1/payment_intents/*/confirm", "PaymentIntentConfirmParams", confirm),
    MockRoute("POST", "/v1/payment_intents/*/capture", "PaymentIntentCaptureParams", capture),
    MockRoute("POST", "/v1/payment_intents/*/cancel", "PaymentIntentCancelParams", cancel),
]
