"""Products and their one-time prices. A price's amount never changes: make another one instead."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.currencies import MAX_AMOUNT, check_currency
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, invalid, missing
from tollway.services.payments_mock.service.desk import Desk, Route
from tollway.services.payments_mock.service.lists import listing, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


async def create(desk: Desk, params: Json, _refs: Sequence[str]) -> Json:
    """Make a product, with its default price when `default_price_data` is given."""
    ref = params.get("id") or desk.new_id("prod")
    if await store.any_object(desk.tx, ref) is not None:
        raise Refused(400, f"Product already exists: {ref}", code="resource_already_exists", param="id")
    item = Stored(resources.product(ref, desk.now_s, params))
    await desk.keep(item)
    if data := params.get("default_price_data"):
        item.body["default_price"] = (await make_price(desk, {**data, "product": ref}))["id"]
        await desk.keep(item)
    await desk.publish("product.created", item.body)
    return item.body


async def update(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Change a product."""
    item = await desk.get("product", refs[0])
    kept = ("active", "default_price", "description", "images", "name", "shippable", "unit_label", "url")
    if ref := params.get("default_price"):
        await desk.get("price", ref, "default_price")
    item.body |= {name: params[name] for name in kept if name in params}
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    item.body["updated"] = desk.now_s
    await desk.keep(item)
    await desk.publish("product.updated", item.body)
    return item.body


async def delete(desk: Desk, _params: Json, refs: Sequence[str]) -> Json:
    """Delete a product that has no prices."""
    item = await desk.get("product", refs[0])
    priced, _ = await store.some(desk.tx, "price", {"product": item.id}, store.Slice(limit=1))
    if priced:
        text = "This product cannot be deleted because it has one or more user-created prices."
        raise Refused(400, text)
    await store.remove(desk.tx, item.id)
    await desk.publish("product.deleted", item.body)
    return {"id": item.id, "object": "product", "deleted": True}


async def create_price(desk: Desk, params: Json, _refs: Sequence[str]) -> Json:
    """Make a price of a product, known or described in `product_data`."""
    if data := params.get("product_data"):
        params["product"] = (await create(desk, data, ()))["id"]
    return await make_price(desk, params)


async def make_price(desk: Desk, params: Json) -> Json:
    """Make a price. Raises Refused for a recurring one: only one-time prices are known here."""
    if params.get("recurring"):
        raise invalid("recurring", "This mock knows one-time prices only.")
    if not (product := params.get("product")):
        raise missing("product")
    await desk.get("product", product, "product")
    params["currency"] = check_currency(params["currency"])
    item = Stored(resources.price(desk.new_id("price"), desk.now_s, params, product, unit_amount_of(params)))
    await desk.keep(item)
    await desk.publish("price.created", item.body)
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


async def update_price(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Change what may change: whether a price is active, its name, its metadata."""
    item = await desk.get("price", refs[0])
    kept = ("active", "lookup_key", "nickname", "tax_behavior")
    item.body |= {name: params[name] for name in kept if name in params}
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    await desk.keep(item)
    await desk.publish("price.updated", item.body)
    return item.body


ROUTES = [
    Route("POST", "/v1/products", "ProductCreateParams", create),
    Route("GET", "/v1/products", "ProductListParams", listing("product", "/v1/products", "active", "url")),
    Route("GET", "/v1/products/*", "ProductRetrieveParams", retrieve("product")),
    Route("POST", "/v1/products/*", "ProductUpdateParams", update),
    Route("DELETE", "/v1/products/*", "ProductDeleteParams", delete),
    Route("POST", "/v1/prices", "PriceCreateParams", create_price),
    Route(
        "GET",
        "/v1/prices",
        "PriceListParams",
        listing("price", "/v1/prices", "active", "currency", "product"),
    ),
    Route("GET", "/v1/prices/*", "PriceRetrieveParams", retrieve("price")),
    Route("POST", "/v1/prices/*", "PriceUpdateParams", update_price),
]
