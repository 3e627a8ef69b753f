"""The description of the whole API: one committed document, and one page that draws it without any other host."""

import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.responses import Response

from tollway.contracts.clients import SESSION_COOKIE
from tollway.fabric.rest import problem_types
from tollway.fabric.rest.policy import KEY, PUBLIC, policy_of, route

HERE = Path(__file__).parent
DOCUMENT = HERE / "openapi.json"
PAGE = HERE / "docs.html"

PROBLEM = {"$ref": "#/components/schemas/Problem"}


def router() -> APIRouter:
    """Make the routes of the document and its page; every process serves the whole, whatever services it runs."""
    api = APIRouter(include_in_schema=False)

    @api.get("/api/openapi.json", **route(permission=PUBLIC, content="page"))
    async def document() -> Response:
        return Response(_read(DOCUMENT), media_type="application/json")

    @api.get("/api/docs", **route(permission=PUBLIC, content="page"))
    async def page() -> Response:
        return Response(_read(PAGE), media_type="text/html; charset=utf-8")

    problem_types.add_routes(api)
    return api


def describe(app: FastAPI) -> dict[str, Any]:
    """Write the description from the routes, with the two ways to say who one is."""
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["operationId"] = operation_id(method, path)
            # What a route's docstring says first is its title; a function's name is none.
            title, _, rest = operation.pop("description", operation["summary"]).partition(". ")
            operation["summary"] = title.removesuffix(".").replace("\n", " ")
            if rest:
                operation["description"] = rest
    document["x-websockets"] = {route.path: _websocket(route) for route in websockets(app)}
    document["components"]["schemas"]["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "For programs"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": SESSION_COOKIE,
            "description": "For browsers; what changes something needs X-Tollway-Csrf too",
        },
    }
    return document


def websockets(app: FastAPI) -> list[APIWebSocketRoute]:
    """List the WebSocket routes, which OpenAPI has no words for."""
    found = [one for router in app.state.routers for one in router.routes]
    return [one for one in found if isinstance(one, APIWebSocketRoute)]


def _websocket(found: APIWebSocketRoute) -> dict[str, Any]:
    return {
        "operationId": operation_id("get", found.path),
        "description": " ".join((found.endpoint.__doc__ or "").split()),
        KEY: asdict(policy_of(found)),
    }


def operation_id(method: str, path: str) -> str:
    """Name an operation for generated clients: `get_accounts_account_id_statement`. Stays when code moves."""
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/api/").lower())
    return "_".join((method, *words))


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "correlation_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field, where the code is `invalid`",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
