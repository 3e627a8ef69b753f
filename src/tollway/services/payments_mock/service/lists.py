"""What every kind of object offers alike: to be retrieved, and to be listed newest first, in pages."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model.forms import is_group
from tollway.services.payments_mock.model.refusals import Refused, invalid, no_such
from tollway.services.payments_mock.service.api_context import ApiContext, Operation

Json = dict[str, Any]

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
# Members that hold another object's id, and that object's kind.
EXPANDABLE = {
    "customer": "customer",
    "payment_method": "payment_method",
    "latest_charge": "charge",
    "charge": "charge",
    "payment_intent": "payment_intent",
    "product": "product",
    "default_price": "price",
}
MAX_EXPANSION = 4


def retrieve(kind: str) -> Operation:
    """Make the operation that returns one object, even a deleted one."""

    async def run(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
        return (await context.get(kind, refs[0])).body

    return run


def listing(kind: str, url: str, *filters: str) -> Operation:
    """Make the operation that lists a kind, filtered by members of the same name as the parameter."""

    async def run(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
        where = {name: params[name] for name in filters if name in params}
        return await page(context, kind, url, params, where)

    return run


async def page(context: ApiContext, kind: str, url: str, params: Json, where: Json) -> Json:
    """Return one page of a list. Raises Refused for a limit out of range or an unknown anchor."""
    part = _slice(params)
    try:
        data, more = await store.some(context.tx, kind, where, part)
    except LookupError as error:
        param = "starting_after" if part.after else "ending_before"
        raise no_such(kind, str(error), param) from error
    return {"object": "list", "url": url, "has_more": more, "data": data}


def _slice(params: Json) -> store.Slice:
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        bound = f"greater than or equal to {1}" if limit < 1 else f"less than or equal to {MAX_LIMIT}"
        raise invalid("limit", f"This value must be {bound}.", "parameter_invalid_integer")
    after, before = params.get("starting_after", ""), params.get("ending_before", "")
    if after and before:
        raise Refused(400, "You cannot parameterize a list by both starting_after and ending_before.")
    created = params.get("created", {})
    bounds = {"gte": created, "lte": created} if isinstance(created, int) else created
    return store.Slice(limit, after, before, bounds, params.get("types", ()))


async def expand(context: ApiContext, body: Json, paths: Sequence[str]) -> Json:
    """Replace ids by the objects they name, e.g. `latest_charge` or `data.payment_intent.latest_charge`."""
    for path in paths:
        steps = path.split(".")
        if len(steps) - (steps[0] == "data") > MAX_EXPANSION:
            raise Refused(400, f"You cannot expand more than {MAX_EXPANSION} levels of a property ({path}).")
        body = await _expanded(context, body, steps, path)
    return body


async def _expanded(context: ApiContext, body: Json, steps: Sequence[str], path: str) -> Json:
    name, rest = steps[0], steps[1:]
    if name == "data" and body.get("object") == "list":
        return {
            **body,
            "data": [await _expanded(context, item, rest, path) if rest else item for item in body["data"]],
        }
    value = body.get(name)
    if name not in body or (value is not None and name not in EXPANDABLE and not is_group(value)):
        raise Refused(400, f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(value, str):
        value = (await context.get(EXPANDABLE[name], value, "expand")).body
    if value is not None and rest:
        value = await _expanded(context, value, rest, path)
    return {**body, name: value}
