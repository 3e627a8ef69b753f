"""Setup intents: save a card for later, with the cardholder's proof where the bank asks for one."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import payments, resources
from tollway.services.payments_mock.model.cards import cards_allowed
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Declined, Refused, check_url, missing
from tollway.services.payments_mock.service import payment_methods
from tollway.services.payments_mock.service.desk import Desk, Route
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_UNPROVED = {
    "code": "setup_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod to "
    "attempt to fulfill this SetupIntent again.",
    "type": "invalid_request_error",
}


async def create(desk: Desk, params: Json, _refs: Sequence[str]) -> Json:
    """Make a setup intent, and confirm it at once with `confirm=true`."""
    cards_allowed(params)
    if customer := params.get("customer"):
        await desk.get_live("customer", customer, "customer")
    if ref := await _chosen(desk, params, params.get("customer")):
        params["payment_method"] = ref
    setup = Stored(resources.setup_intent(desk.new_id("seti"), desk.new_secret(), desk.now_s, params))
    await desk.keep(setup)
    await desk.publish("setup_intent.created", setup.body)
    return await _attempt(desk, setup, params) if params.get("confirm") else setup.body


async def confirm(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Save the card, or ask the cardholder for a proof. Raises Declined."""
    setup = await desk.get("setup_intent", refs[0])
    payments.check_step("confirm", setup.body)
    if ref := await _chosen(desk, params, setup.body["customer"]):
        setup.body["payment_method"] = ref
    return await _attempt(desk, setup, params)


async def prove(desk: Desk, ref: str, *, passed: bool) -> Stored:
    """Take the cardholder's proof, or its failure."""
    setup = await desk.get("setup_intent", ref)
    if setup.body["status"] != "requires_action":
        text = "This setup does not wait for an authentication."
        raise Refused(400, text, code="setup_intent_unexpected_state")
    method = await desk.get("payment_method", setup.body["payment_method"])
    if passed:
        method.hidden["set_up"] = True
        await _succeed(desk, setup, method)
    else:
        await _fail(desk, setup, {**_UNPROVED, "payment_method": method.body})
    return setup


async def cancel(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """End a setup intent before it succeeded."""
    setup = await desk.get("setup_intent", refs[0])
    payments.check_step("cancel", setup.body)
    payments.canceled(setup.body, desk.now_s, params.get("cancellation_reason"))
    await desk.keep(setup)
    await desk.publish("setup_intent.canceled", setup.body)
    return setup.body


async def update(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Change a setup intent's description or metadata."""
    setup = await desk.get("setup_intent", refs[0])
    if "description" in params:
        setup.body["description"] = params["description"] or None
    setup.body["metadata"] = merged(setup.body["metadata"], params.get("metadata"))
    return await desk.keep(setup)


async def _chosen(desk: Desk, params: Json, customer: str | None) -> str | None:
    if data := params.get("payment_method_data"):
        return (await payment_methods.enter(desk, data)).id
    if ref := params.get("payment_method"):
        return (await payment_methods.usable(desk, ref, customer, "payment_method")).id
    return None


async def _attempt(desk: Desk, setup: Stored, params: Json) -> Json:
    if setup.body["payment_method"] is None:
        raise missing("payment_method")
    method = await desk.get("payment_method", setup.body["payment_method"])
    card = payment_methods.card_of(method)
    if card.decline is not None and not card.attachable:
        error = {**card.decline.refusal().error, "payment_method": method.body}
        await _fail(desk, setup, error)
        raise Declined({**error, "setup_intent": setup.body})
    if card.authenticate:
        return await _ask_for_proof(desk, setup, params.get("return_url"))
    await _succeed(desk, setup, method)
    return setup.body


async def _ask_for_proof(desk: Desk, setup: Stored, return_url: str | None) -> Json:
    if return_url:
        check_url(return_url, "return_url")
    redirect = {"return_url": return_url, "url": f"{desk.base_url}/3ds/{setup.id}"}
    setup.body["status"] = "requires_action"
    setup.body["next_action"] = {"type": "redirect_to_url", "redirect_to_url": redirect}
    setup.hidden["return_url"] = return_url or ""
    await desk.keep(setup)
    await desk.publish("setup_intent.requires_action", setup.body)
    return setup.body


async def _succeed(desk: Desk, setup: Stored, method: Stored) -> None:
    setup.body["status"], setup.body["next_action"], setup.body["last_setup_error"] = "succeeded", None, None
    customer = setup.body["customer"]
    if customer and method.body["customer"] is None:
        method.body["customer"] = customer
        await desk.publish("payment_method.attached", method.body)
    await desk.keep(method)
    await desk.keep(setup)
    await desk.publish("setup_intent.succeeded", setup.body)


async def _fail(desk: Desk, setup: Stored, error: Json) -> None:
    body = setup.body
    body["status"], body["payment_method"], body["next_action"] = "requires_payment_method", None, None
    body["last_setup_error"] = error
    await desk.keep(setup)
    await desk.publish("setup_intent.setup_failed", body)


ROUTES = [
    Route("POST", "/v1/setup_intents", "SetupIntentCreateParams", create),
    Route(
        "GET",
        "/v1/setup_intents",
        "SetupIntentListParams",
        listing("setup_intent", "/v1/setup_intents", "customer", "payment_method"),
    ),
    Route("GET", "/v1/setup_intents/*", "SetupIntentRetrieveParams", retrieve("setup_intent")),
    Route("POST", "/v1/setup_intents/*", "SetupIntentUpdateParams", update),
    Route("POST", "/v1/setup_intents/*/confirm", "SetupIntentConfirmParams", confirm),
    Route("POST", "/v1/setup_intents/*/cancel", "SetupIntentCancelParams", cancel),
]
