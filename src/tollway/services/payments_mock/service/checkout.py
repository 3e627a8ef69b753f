"""Checkout sessions: a page hosted here on which a customer pays, and is then sent back.

A session makes its payment when the customer pays, not before. It ends complete, or expires.
"""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.cards import cards_allowed
from tollway.services.payments_mock.model.currencies import check_amount, check_currency
from tollway.services.payments_mock.model.refusals import Refused, check_url, invalid, missing
from tollway.services.payments_mock.service import payment_intents, products
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_KIND = "checkout.session"
_URL = "/v1/checkout/sessions"


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a session for a one-time payment and say where its page is."""
    _check(params)
    if customer := params.get("customer"):
        await context.get_live("customer", customer, "customer")
    lines = [await _line(context, line, f"line_items[{n}]") for n, line in enumerate(params["line_items"])]
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise invalid("line_items", "All prices on a Checkout Session must have the same currency.")
    total = check_amount(sum(line["amount_total"] for line in lines), currency, "line_items")
    session = Stored(
        resources.checkout_session(context.new_id("cs_test"), context.now_s, params, total, currency)
    )
    session.body["url"] = f"{context.base_url}/checkout/{session.id}"
    session.hidden = {"lines": lines, "payment": params.get("payment_intent_data") or {}}
    return await context.keep(session)


async def get(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Return a session; `expand[]=line_items` adds what is bought."""
    session = await current(context, refs[0])
    if "line_items" in params.get("expand", ()):
        params["expand"] = [path for path in params["expand"] if path != "line_items"]
        return {**session.body, "line_items": _lines(session)}
    return session.body


async def line_items(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """List what is bought."""
    return _lines(await context.get(_KIND, refs[0]))


async def expire(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """End an open session, so that it can't be paid any more."""
    session = await current(context, refs[0])
    if session.body["status"] != "open":
        text = 'Only Checkout Sessions with a status in ["open"] can be expired.'
        raise Refused(400, f"{text} This one is {session.body['status']}.")
    return await _expire(context, session)


async def current(context: ApiContext, ref: str) -> Stored:
    """Return a session; one whose time has run out is expired now."""
    session = await context.get(_KIND, ref)
    if session.body["status"] == "open" and session.body["expires_at"] <= context.now_s:
        await _expire(context, session)
    return session


async def pay(context: ApiContext, ref: str, card: Json) -> Stored:
    """Pay a session with `{"payment_method": token}` or `{"payment_method_data": …}`.

    Returns the payment, which may wait for the cardholder's proof. Raises Declined, or Refused when the
    session is not open.
    """
    session = await current(context, ref)
    if session.body["status"] != "open":
        raise Refused(400, f"This checkout is {session.body['status']} and can't be paid.")
    payment = await _payment(context, session)
    await payment_intents.confirm(
        context, {**card, "return_url": f"{context.base_url}/checkout/{ref}"}, [payment.id]
    )
    payment = await context.get("payment_intent", payment.id)
    await settle(context, payment)
    return payment


async def settle(context: ApiContext, payment: Stored) -> Stored | None:
    """Complete the session that a payment belongs to, when it has succeeded."""
    ref = payment.hidden.get("checkout")
    if ref is None or payment.body["status"] not in ("succeeded", "requires_capture"):
        return None
    session = await context.get(_KIND, ref)
    session.body |= {"status": "complete", "url": None, "payment_intent": payment.id}
    session.body["payment_status"] = "paid" if payment.body["status"] == "succeeded" else "unpaid"
    session.body["customer"] = payment.body["customer"]
    await context.keep(session)
    await context.publish("checkout.session.completed", session.body)
    return session


def way_back(session: Json) -> str:
    """Return where the customer goes after paying; `{CHECKOUT_SESSION_ID}` is filled in."""
    return (session["success_url"] or "").replace("{CHECKOUT_SESSION_ID}", session["id"])


async def _payment(context: ApiContext, session: Stored) -> Stored:
    """Return the payment of a session, made at the first attempt to pay."""
    if ref := session.hidden.get("payment_intent"):
        return await context.get("payment_intent", ref)
    asked = session.hidden["payment"]
    params: Json = {
        **asked,
        "amount": session.body["amount_total"],
        "currency": session.body["currency"],
        "customer": session.body["customer"],
        "allowed_payment_method_types": ["card"],
    }
    made = await payment_intents.create(context, params, ())
    payment = await context.get("payment_intent", made["id"])
    payment.hidden["checkout"] = session.id
    session.hidden["payment_intent"] = payment.id
    await context.keep(payment)
    await context.keep(session)
    return payment


async def _expire(context: ApiContext, session: Stored) -> Json:
    session.body["status"], session.body["url"] = "expired", None
    await context.keep(session)
    if ref := session.hidden.get("payment_intent"):
        await payment_intents.cancel(context, {"cancellation_reason": "abandoned"}, [ref])
    await context.publish("checkout.session.expired", session.body)
    return session.body


def _check(params: Json) -> None:
    if params.get("mode") != "payment":
        raise invalid("mode", f"This mock knows checkouts of mode payment only, not {params.get('mode')}.")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("ui_mode", "This mock knows the hosted page only.")
    cards_allowed(params)
    if not params.get("line_items"):
        raise missing("line_items")
    if not params.get("success_url"):
        raise missing("success_url")
    for name in ("success_url", "cancel_url"):
        if params.get(name):
            check_url(params[name], name)


async def _line(context: ApiContext, line: Json, path: str) -> Json:
    quantity = line.get("quantity", 1)
    if quantity < 1:
        raise invalid(f"{path}[quantity]", "The quantity should be at least 1.")
    if ref := line.get("price"):
        at_price = (await context.get("price", ref, f"{path}[price]")).body
        if not at_price["active"]:
            raise invalid(f"{path}[price]", f"The price specified is inactive: {ref}.")
    elif data := line.get("price_data"):
        at_price = await _price_of(context, data, path)
    else:
        raise missing(f"{path}[price_data]")
    product = (await context.get("product", at_price["product"])).body
    return resources.line_item(context.new_id("li"), at_price, product["name"], quantity)


async def _price_of(context: ApiContext, data: Json, path: str) -> Json:
    """Make the price, and where need be the product, that a line describes."""
    check_currency(data["currency"], f"{path}[price_data][currency]")
    price = dict(data)
    if described := price.pop("product_data", None):
        price["product"] = (await products.create(context, {**described, "active": False}, ()))["id"]
    return await products.make_price(context, {**price, "active": False})


def _lines(session: Stored) -> Json:
    url = f"{_URL}/{session.id}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": session.hidden["lines"]}


ROUTES = [
    MockRoute("POST", _URL, "checkout.SessionCreateParams", create),
    MockRoute(
        "GET",
        _URL,
        "checkout.SessionListParams",
        listing(_KIND, _URL, "customer", "payment_intent", "status"),
    ),
    MockRoute("GET", f"{_URL}/*", "checkout.SessionRetrieveParams", get),
    MockRoute("GET", f"{_URL}/*/line_items", "checkout.SessionLineItemListParams", line_items),
    MockRoute("POST", f"{_URL}/*/expire", "checkout.SessionExpireParams", expire),
]
