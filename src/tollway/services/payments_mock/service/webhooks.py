"""Webhook endpoints, and the events that are sent to them."""

from collections.abc import Sequence
from typing import Any

from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.hosts import check_receiver
from tollway.services.payments_mock.model.metadata import merged
from tollway.services.payments_mock.model.refusals import Refused, check_url, invalid
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute
from tollway.services.payments_mock.service.lists import listing, page, retrieve
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]

MAX_ENDPOINTS = 16


async def create(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """Make an endpoint. Its signing secret is in this answer and in no other."""
    check_url(params["url"], "url")
    check_receiver(params["url"], context.hosts)
    if not params["enabled_events"]:
        raise invalid("enabled_events", "You must name at least one event.")
    known, _ = await store.some(context.tx, "webhook_endpoint", {}, store.Slice(limit=MAX_ENDPOINTS))
    if len(known) >= MAX_ENDPOINTS:
        raise Refused(400, f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    secret = f"whsec_{context.new_secret()}"
    item = Stored(resources.webhook_endpoint(context.new_id("we"), context.now_s, params), {"secret": secret})
    await context.keep(item)
    return {**item.body, "secret": secret}


async def update(context: ApiContext, params: Json, refs: Sequence[str]) -> Json:
    """Change an endpoint, or switch it off and on."""
    item = await context.get("webhook_endpoint", refs[0])
    if "url" in params:
        check_url(params["url"], "url")
        check_receiver(params["url"], context.hosts)
    item.body |= {name: params[name] for name in ("description", "enabled_events", "url") if name in params}
    if "disabled" in params:
        item.body["status"] = "disabled" if params["disabled"] else "enabled"
    item.body["metadata"] = merged(item.body["metadata"], params.get("metadata"))
    return await context.keep(item)


async def delete(context: ApiContext, _params: Json, refs: Sequence[str]) -> Json:
    """Delete an endpoint; what was not delivered yet never will be."""
    item = await context.get("webhook_endpoint", refs[0])
    await store.remove(context.tx, item.id)
    return {"id": item.id, "object": "webhook_endpoint", "deleted": True}


async def list_events(context: ApiContext, params: Json, _refs: Sequence[str]) -> Json:
    """List events, of one type or of several."""
    if "type" in params:
        params = {**params, "types": [params["type"]]}
    return await page(context, "event", "/v1/events", params, {})


ROUTES = [
    MockRoute("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", create),
    MockRoute(
        "GET",
        "/v1/webhook_endpoints",
        "WebhookEndpointListParams",
        listing("webhook_endpoint", "/v1/webhook_endpoints"),
    ),
    MockRoute(
        "GET", "/v1/webhook_endpoints/*", "WebhookEndpointRetrieveParams", retrieve("webhook_endpoint")
    ),
    MockRoute("POST", "/v1/webhook_endpoints/*", "WebhookEndpointUpdateParams", update),
    MockRoute("DELETE", "/v1/webhook_endpoints/*", "WebhookEndpointDeleteParams", delete),
    MockRoute("GET", "/v1/events", "EventListParams", list_events),
    MockRoute("GET", "/v1/events/*", "EventRetrieveParams", retrieve("event")),
]
