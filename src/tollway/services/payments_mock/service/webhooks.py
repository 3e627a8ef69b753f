"""Webhook endpoints and events: who wants to hear, and what there is to tell."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, check_url, invalid
from tollway.services.payments_mock.service.desk import Desk, Route
from tollway.services.payments_mock.service.lists import listing, page, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

MAX_ENDPOINTS = 16


async def create(desk: Desk, params: Json, _refs: Sequence[str]) -> Json:
    """Make an endpoint. Its signing secret is in this answer and in no other."""
    check_url(params["url"], "url")
    if not params["enabled_events"]:
        raise invalid("enabled_events", "You must name at least one event.")
    known, _ = await store.some(desk.tx, "webhook_endpoint", {}, store.Slice(limit=MAX_ENDPOINTS))
    if len(known) >= MAX_ENDPOINTS:
        raise Refused(400, f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    secret = f"whsec_{desk.new_secret()}"
    item = Stored(resources.webhook_endpoint(desk.new_id("we"), desk.now_s, params), {"secret": secret})
    await desk.keep(item)
    return {**item.body, "secret": secret}


async def update(desk: Desk, params: Json, refs: Sequence[str]) -> Json:
    """Change an endpoint, or switch it off and on."""
    item = await desk.get("webhook_endpoint", refs[0])
    if "url" in params:
        check_url(params["url"], "url")
    item.body |= {name: params[name] for name in ("description", "enabled_events", "url") if name in params}
    if "disabled" in params:
        item.body["status"] = "disabled" if params["disabled"] else "enabled"
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    return await desk.keep(item)


async def delete(desk: Desk, _params: Json, refs: Sequence[str]) -> Json:
    """Delete an endpoint; what was not delivered yet never will be."""
    item = await desk.get("webhook_endpoint", refs[0])
    await store.remove(desk.tx, item.id)
    return {"id": item.id, "object": "webhook_endpoint", "deleted": True}


async def list_events(desk: Desk, params: Json, _refs: Sequence[str]) -> Json:
    """List events, of one type or of several."""
    if "type" in params:
        params = {**params, "types": [params["type"]]}
    return await page(desk, "event", "/v1/events", params, {})


ROUTES = [
    Route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", create),
    Route(
        "GET",
        "/v1/webhook_endpoints",
        "WebhookEndpointListParams",
        listing("webhook_endpoint", "/v1/webhook_endpoints"),
    ),
    Route("GET", "/v1/webhook_endpoints/*", "WebhookEndpointRetrieveParams", retrieve("webhook_endpoint")),
    Route("POST", "/v1/webhook_endpoints/*", "WebhookEndpointUpdateParams", update),
    Route("DELETE", "/v1/webhook_endpoints/*", "WebhookEndpointDeleteParams", delete),
    Route("GET", "/v1/events", "EventListParams", list_events),
    Route("GET", "/v1/events/*", "EventRetrieveParams", retrieve("event")),
]
