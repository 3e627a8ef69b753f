"""Setup intents: save a card for later, with the cardholder's proof where the bank asks for one."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import payments, resources
from tollway.services.payments_mock.model.cards import cards_allowed
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Declined, Refused, check_url, missing
from tollway.services.payments_mock.service import payment_methods
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_UNPROVED = {
    "code": "setup_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod to "
    "attempt to fulfill this SetupIntent again.",
    "type": "invalid_request_error",
}


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a setup intent, and confirm it at once with `confirm=true`."""
    cards_allowed(params)
    if customer := params.get("customer"):
        await context.get_live("customer", customer, "customer")
    if ref := await _chosen(context, params, params.get("customer")):
        params["payment_method"] = ref
    setup = Stored(
        resources.setup_intent(context.new_id("seti"), context.new_secret(), context.now_s, params)
    )
    await context.keep(setup)
    await context.publish("setup_intent.created", setup.body)
    return await _attempt(context, setup, params) if params.get("confirm") else setup.body


async def confirm(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Save the card, or ask the cardholder for a proof. Raises Declined."""
    setup = await context.get("setup_intent", refs[0])
    payments.check_step("confirm", setup.body)
    if ref := await _chosen(context, params, setup.body["customer"]):
        setup.body["payment_method"] = ref
    return await _attempt(context, setup, params)


async def prove(context: ApiContext, ref: str, *, passed: bool) -> Stored:
    """Take the cardholder's proof, or its failure."""
    setup = await context.get("setup_intent", ref)
    if setup.body["status"] != "requires_action":
        text = "This setup does not wait for an authentication."
        raise Refused(400, text, code="setup_intent_unexpected_state")
    method = await context.get("payment_method", setup.body["payment_method"])
    if passed:
        method.hidden["set_up"] = True
        await _succeed(context, setup, method)
    else:
        await _fail(context, setup, {**_UNPROVED, "payment_method": method.body})
    return setup


async def cancel(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """End a setup intent before it succeeded."""
    setup = await context.get("setup_intent", refs[0])
    payments.check_step("cancel", setup.body)
    payments.canceled(setup.body, context.now_s, params.get("cancellation_reason"))
    await context.keep(setup)
    await context.publish("setup_intent.canceled", setup.body)
    return setup.body


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a setup intent's description or metadata."""
    setup = await context.get("setup_intent", refs[0])
    if "description" in params:
        setup.body["description"] = params["description"] or None
    setup.body["metadata"] = merged(setup.body["metadata"], params.get("metadata"))
    return await context.keep(setup)


async def _chosen(context: ApiContext, params: Json, customer: str | None) -> str | None:
    if data := params.get("payment_method_data"):
        return (await payment_methods.enter(context, data)).id
    if ref := params.get("payment_method"):
        return (await payment_methods.usable(context, ref, customer, "payment_method")).id
    return None


async def _attempt(context: ApiContext, setup: Stored, params: Json) -> Json:
    if setup.body["payment_method"] is None:
        raise missing("payment_method")
    method = await context.get("payment_method", setup.body["payment_method"])
    card = payment_methods.card_of(method)
    if card.decline is not None and not card.attachable:
        error = {**card.decline.refusal().error, "payment_method": method.body}
        await _fail(context, setup, error)
        raise Declined({**error, "setup_intent": setup.body})
    if card.authenticate:
        return await _ask_for_proof(context, setup, params.get("return_url"))
    await _succeed(context, setup, method)
    return setup.body


async def _ask_for_proof(context: ApiContext, setup: Stored, return_url: str | None) -> Json:
    if return_url:
        check_url(return_url, "return_url")
    redirect = {"return_url": return_url, "url": f"{context.base_url}/3ds/{setup.id}"}
    setup.body["status"] = "requires_action"
    setup.body["next_action"] = {"type": "redirect_to_url", "redirect_to_url": redirect}
    setup.hidden["return_url"] = return_url or ""
    await context.keep(setup)
    await context.publish("setup_intent.requires_action", setup.body)
    return setup.body


async def _succeed(context: ApiContext, setup: Stored, method: Stored) -> None:
    setup.body["status"], setup.body["next_action"], setup.body["last_setup_error"] = "succeeded", None, None
    customer = setup.body["customer"]
    if customer and method.body["customer"] is None:
        method.body["customer"] = customer
        await context.publish("payment_method.attached", method.body)
    await context.keep(method)
    await context.keep(setup)
    await context.publish("setup_intent.succeeded", setup.body)


async def _fail(context: ApiContext, setup: Stored, error: Json) -> None:
    body = setup.body
    body["status"], body["payment_method"], body["next_action"] = "requires_payment_method", None, None
    body["last_setup_error"] = error
    await context.keep(setup)
    await context.publish("setup_intent.setup_failed", body)


ROUTES = [
    MockRoute("POST", "/v1/setup_intents", "SetupIntentCreateParams", create),
    MockRoute(
        "GET",
        "/v1/setup_intents",
        "SetupIntentListParams",
        listing("setup_intent", "/v1/setup_intents", "customer", "payment_method"),
    ),
    MockRoute("GET", "/v1/setup_intents/*", "SetupIntentRetrieveParams", retrieve("setup_intent")),
    MockRoute("POST", "/v1/setup_intents/*", "SetupIntentUpdateParams", update),
    MockRoute("POST", "/v1/setup_intents/*/confirm", "SetupIntentConfirmParams", confirm),
    MockRoute("POST", "/v1/setup_intents/*/cancel", "SetupIntentCancelParams", cancel),
]
