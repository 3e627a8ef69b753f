"""Customers: who pays. A deleted customer is still known, and says so."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.service import payment_methods
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, page, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

_CHANGEABLE = ("address", "balance", "description", "email", "name", "phone", "preferred_locales", "shipping")


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a customer, with a card attached when `payment_method` is given."""
    item = Stored(resources.customer(context.new_id("cus"), context.now_s, params))
    await context.keep(item)
    await context.publish("customer.created", item.body)
    if method := params.get("payment_method"):
        await payment_methods.attach_to(context, method, item.id, "payment_method")
    return item.body


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a customer; an empty value removes."""
    item = await context.get_live("customer", refs[0])
    before = dict(item.body)
    item.body |= {name: params[name] or None for name in _CHANGEABLE if name in params}
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    if "default_payment_method" in (chosen := resources.group(params, "invoice_settings")):
        ref = chosen["default_payment_method"] or None
        if ref:
            await context.get("payment_method", ref, "invoice_settings[default_payment_method]")
        item.body["invoice_settings"] = {**item.body["invoice_settings"], "default_payment_method": ref}
    changed = {name: value for name, value in before.items() if item.body[name] != value}
    await context.keep(item)
    await context.publish("customer.updated", item.body, changed)
    return item.body


async def delete(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Delete a customer and let go of the saved cards."""
    item = await context.get_live("customer", refs[0])
    await payment_methods.detach_all(context, item.id)
    await context.publish("customer.deleted", item.body)
    gone = {"id": item.id, "object": "customer", "deleted": True}
    await context.keep(Stored({**gone, "created": item.body["created"]}))
    return gone


async def list_methods(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """List a customer's saved cards."""
    await context.get_live("customer", refs[0])
    where = {"customer": refs[0], **({"type": params["type"]} if "type" in params else {})}
    return await page(context, "payment_method", f"/v1/customers/{refs[0]}/payment_methods", params, where)


async def get_method(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Return one of a customer's saved cards."""
    await context.get_live("customer", refs[0])
    return (await payment_methods.owned(context, refs[1], refs[0])).body


ROUTES = [
    MockRoute("POST", "/v1/customers", "CustomerCreateParams", create),
    MockRoute("GET", "/v1/customers", "CustomerListParams", listing("customer", "/v1/customers", "email")),
    MockRoute("GET", "/v1/customers/*", "CustomerRetrieveParams", retrieve("customer")),
    MockRoute("POST", "/v1/customers/*", "CustomerUpdateParams", update),
    MockRoute("DELETE", "/v1/customers/*", "CustomerDeleteParams", delete),
    MockRoute("GET", "/v1/customers/*/payment_methods", "CustomerPaymentMethodListParams", list_methods),
    MockRoute("GET", "/v1/customers/*/payment_methods/*", "CustomerPaymentMethodRetrieveParams", get_method),
]
