"""Products and their one-time prices. A price's amount never changes: make another one instead."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.currencies import MAX_AMOUNT, check_currency
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, invalid, missing
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a product, with its default price when `default_price_data` is given."""
    ref = params.get("id") or context.new_id("prod")
    if await store.any_object(context.tx, ref) is not None:
        raise Refused(400, f"Product already exists: {ref}", code="resource_already_exists", param="id")
    item = Stored(resources.product(ref, context.now_s, params))
    await context.keep(item)
    if data := params.get("default_price_data"):
        item.body["default_price"] = (await make_price(context, {**data, "product": ref}))["id"]
        await context.keep(item)
    await context.publish("product.created", item.body)
    return item.body


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change a product."""
    item = await context.get("product", refs[0])
    kept = ("active", "default_price", "description", "images", "name", "shippable", "unit_label", "url")
    if ref := params.get("default_price"):
        await context.get("price", ref, "default_price")
    item.body |= {name: params[name] for name in kept if name in params}
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    item.body["updated"] = context.now_s
    await context.keep(item)
    await context.publish("product.updated", item.body)
    return item.body


async def delete(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Delete a product that has no prices."""
    item = await context.get("product", refs[0])
    priced, _ = await store.some(context.tx, "price", {"product": item.id}, store.Slice(limit=1))
    if priced:
        text = "This product cannot be deleted because it has one or more user-created prices."
        raise Refused(400, text)
    await store.remove(context.tx, item.id)
    await context.publish("product.deleted", item.body)
    return {"id": item.id, "object": "product", "deleted": True}


async def create_price(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make a price of a product, known or described in `product_data`."""
    if data := params.get("product_data"):
        params["product"] = (await create(context, data, ()))["id"]
    return await make_price(context, params)


async def make_price(context: ApiContext, params: Json) -> Json:
    """Make a price. Raises Refused for a recurring one: only one-time prices are known here."""
    if params.get("recurring"):
        raise invalid("recurring", "This mock knows one-time prices only.")
    if not (product := params.get("product")):
        raise missing("product")
    await context.get("product", product, "product")
    params["currency"] = check_currency(params["currency"])
    item = Stored(
        resources.price(context.new_id("price"), context.now_s, params, product, unit_amount_of(params))
    )
    await context.keep(item)
    await context.publish("price.created", item.body)
    return item.body


def unit_amount_of(params: Json) -> int:
    """Return the price of one, in the currency's smallest unit. Raises Refused."""
    amount = params.get("unit_amount")
    if amount is None:
        if (text := params.get("unit_amount_decimal")) is None:
            raise missing("unit_amount")
        exact = Decimal(text)
        amount = int(exact)
        if amount != exact:
            raise invalid("unit_amount_decimal", "This mock knows prices in whole smallest units only.")
    if not 0 <= amount <= MAX_AMOUNT:
        text = f"This value must be from 0 to {MAX_AMOUNT}."
        raise invalid("unit_amount", text, "parameter_invalid_integer")
    return amount


async def update_price(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change what may change: whether a price is active, its name, its metadata."""
    item = await context.get("price", refs[0])
    kept = ("active", "lookup_key", "nickname", "tax_behavior")
    item.body |= {name: params[name] for name in kept if name in params}
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    await context.keep(item)
    await context.publish("price.updated", item.body)
    return item.body


ROUTES = [
    MockRoute("POST", "/v1/products", "ProductCreateParams", create),
    MockRoute(
        "GET", "/v1/products", "ProductListParams", listing("product", "/v1/products", "active", "url")
    ),
    MockRoute("GET", "/v1/products/*", "ProductRetrieveParams", retrieve("product")),
    MockRoute("POST", "/v1/products/*", "ProductUpdateParams", update),
    MockRoute("DELETE", "/v1/products/*", "ProductDeleteParams", delete),
    MockRoute("POST", "/v1/prices", "PriceCreateParams", create_price),
    MockRoute(
        "GET",
        "/v1/prices",
        "PriceListParams",
        listing("price", "/v1/prices", "active", "currency", "product"),
    ),
    MockRoute("GET", "/v1/prices/*", "PriceRetrieveParams", retrieve("price")),
    MockRoute("POST", "/v1/prices/*", "PriceUpdateParams", update_price),
]
