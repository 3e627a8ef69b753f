"""Payment methods: cards, from a number or from a test token, and whose they are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import cards, resources
from tollway.services.payments_mock.model.cards import Entered, TestCard
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, missing, no_such
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a payment method from card details."""
    return (await enter(context, params)).body


async def enter(context: ApiContext, params: Json) -> Stored:
    """Make a card from `type` and `card`. Raises Refused for what is wrong with it."""
    cards.only_cards(params.get("type"))
    if "card" not in params:
        raise missing("card")
    today = datetime.fromtimestamp(context.now_s, UTC)
    return await _keep_card(context, cards.from_details(params["card"], today.year, today.month), params)


async def find(context: ApiContext, ref: str, param: str) -> Stored:
    """Return a payment method; a test token such as `pm_card_visa` makes a new one."""
    today = datetime.fromtimestamp(context.now_s, UTC)
    if (entered := cards.from_token(ref, today.year)) is not None:
        return await _keep_card(context, entered, {})
    return await context.get("payment_method", ref, param)


async def usable(context: ApiContext, ref: str, customer: str | None, param: str) -> Stored:
    """Return a payment method that this customer (None: nobody) may pay with. Raises Refused."""
    method = await find(context, ref, param)
    owner = method.body["customer"]
    if owner is not None and owner != customer:
        text = (
            f"The provided PaymentMethod {method.id} cannot be used: it is attached to a Customer. Include that "
            "Customer in the request."
            if customer is None
            else f"The provided PaymentMethod {method.id} does not belong to the Customer {customer}."
        )
        raise Refused(400, text, param=param)
    if owner is None and method.hidden.get("spent"):
        text = (
            f"The provided PaymentMethod {method.id} was previously used without being attached to a Customer or "
            "was detached from one, and may not be used again."
        )
        raise Refused(400, text, param=param)
    return method


async def owned(context: ApiContext, ref: str, customer: str) -> Stored:
    """Return a customer's own payment method. Raises Refused (resource_missing) for another's."""
    method = await context.get("payment_method", ref)
    if method.body["customer"] != customer:
        raise no_such("PaymentMethod", ref)
    return method


def card_of(method: Stored) -> TestCard:
    """Return the test card behind a payment method, which says how it behaves."""
    return cards.BY_NUMBER[method.hidden["test_card"]]


async def attach(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Save a card with a customer. A card that declines every charge is refused here as well."""
    if not (customer := params.get("customer")):
        raise missing("customer")
    return await attach_to(context, refs[0], customer)


async def attach_to(context: ApiContext, ref: str, customer: str, param: str = "id") -> Json:
    """Save a card with a customer. Raises Refused."""
    await context.get_live("customer", customer, "customer")
    method = await find(context, ref, param)
    if method.body["customer"] == customer:
        return method.body
    if method.body["customer"] is not None or method.hidden.get("spent"):
        text = "The payment method you provided has already been attached to a customer, or was used up."
        raise Refused(400, text, code="payment_method_unexpected_state")
    card = card_of(method)
    if card.decline is not None and not card.attachable:
        raise card.decline.refusal(payment_method=method.body)
    method.body["customer"] = customer
    await context.keep(method)
    await context.publish("payment_method.attached", method.body)
    return method.body


async def detach(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Let go of a saved card; it can never be used again."""
    method = await context.get("payment_method", refs[0])
    if method.body["customer"] is None:
        text = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise Refused(400, text, code="payment_method_unexpected_state")
    return await _let_go(context, method)


async def detach_all(context: ApiContext, customer: str) -> None:
    """Let go of all of a customer's cards."""
    saved, _ = await store.some(
        context.tx, "payment_method", {"customer": customer}, store.Slice(limit=10_000)
    )
    for body in saved:
        await _let_go(context, await context.get("payment_method", body["id"]))


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a card's billing details, expiry or metadata."""
    method = await context.get("payment_method", refs[0])
    if "billing_details" in params:
        method.body["billing_details"] |= params["billing_details"]
    for name in ("exp_month", "exp_year"):
        if name in (card := resources.group(params, "card")):
            method.body["card"][name] = card[name]
    method.body["metadata"] = merged(method.body["metadata"], params.get("metadata"))
    await context.keep(method)
    await context.publish("payment_method.updated", method.body)
    return method.body


async def _keep_card(context: ApiContext, entered: Entered, params: Json) -> Stored:
    body = resources.payment_method(context.new_id("pm"), context.now_s, params, entered)
    # Only numbers published for tests come this far, so that nobody's card is kept.
    item = Stored(body, {"test_card": entered.card.number})
    await context.keep(item)
    return item


async def _let_go(context: ApiContext, method: Stored) -> Json:
    before = {"customer": method.body["customer"]}
    method.body["customer"], method.hidden["spent"] = None, True
    await context.keep(method)
    await context.publish("payment_method.detached", method.body, before)
    return method.body


ROUTES = [
    MockRoute("POST", "/v1/payment_methods", "PaymentMethodCreateParams", create),
    MockRoute(
        "GET",
        "/v1/payment_methods",
        "PaymentMethodListParams",
        listing("payment_method", "/v1/payment_methods", "customer", "type"),
    ),
    MockRoute("GET", "/v1/payment_methods/*", "PaymentMethodRetrieveParams", retrieve("payment_method")),
    MockRoute("POST", "/v1/payment_methods/*", "PaymentMethodUpdateParams", update),
    MockRoute("POST", "/v1/payment_methods/*/attach", "PaymentMethodAttachParams", attach),
    MockRoute("POST", "/v1/payment_methods/*/detach", "PaymentMethodDetachParams", detach),
]
