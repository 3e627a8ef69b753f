"""Writes the OpenAPI description from the routes: what the framework leaves out is derived here from their policies.

Added to each operation: the problems that it may answer, by status; the headers of its answers; who may use it. Left
out: defaults that stand for "absent" and would be refused if they were sent, and titles that only repeat a name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypedDict, cast

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute

from tollway.contracts.clients import SESSION_COOKIE
from tollway.fabric.rest.policy import KEY, PROBLEMS, RoutePolicy, policy_of
from tollway.kit.errors import MEDIA_TYPE, TYPE_BASE, Problem

Json = dict[str, Any]

_FORBIDDEN = ("forbidden", "insufficient_scope", "csrf", "foreign_origin")
_ANYWHERE = ("too_many_requests", "internal", "bad_gateway", "unavailable", "deadline_exceeded")
_WITH_BODY = ("malformed", "too_large", "unsupported_media_type", "invalid")
_WITH_KEY = ("idempotency_key_missing", "request_in_progress", "idempotency_key_reused")
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


class Words(TypedDict):
    """What a property of this name is, and what each tag is about; what a service is for is said by its manifest."""

    properties: Mapping[str, str]
    tags: Mapping[str, str]
    services: Mapping[str, str]


def describe(app: FastAPI, words: Words) -> Json:
    """Write the description. An assertion fails when something in it has no text, or a text belongs to nothing."""
    document = app.openapi()
    refusals: Json = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _operation(method, path, operation, refusals)
    schemas: Json = document["components"]["schemas"]
    # What the framework adds for itself is never answered: `invalid` is a Problem.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    _strip_titles(document["paths"])
    _describe_schemas(schemas, words["properties"])
    document["x-websockets"] = {route.path: _websocket(route) for route in websockets(app)}
    document["components"]["headers"] = _HEADERS
    document["components"]["responses"] = refusals
    document["components"]["securitySchemes"] = _SECURITY
    document["servers"] = [{"url": "/", "description": "The gateway that serves this document"}]
    document["info"] |= {
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "contact": {"name": "The operator of this platform"},
    }
    used = {
        tag for operations in document["paths"].values() for one in operations.values() for tag in one["tags"]
    }
    assert words["tags"].keys() <= used, f"no route has the tags {sorted(words['tags'].keys() - used)}"
    texts = {**words["services"], **words["tags"]}
    document["tags"] = [{"name": name, "description": texts[name]} for name in sorted(used)]
    return document


def websockets(app: FastAPI) -> list[APIWebSocketRoute]:
    """List the WebSocket routes, which OpenAPI has no words for."""
    found = [one for router in app.state.routers for one in router.routes]
    return [one for one in found if isinstance(one, APIWebSocketRoute)]


def operation_id(method: str, path: str) -> str:
    """Name an operation for generated clients: `get_accounts_account_id_statement`. Stays when code moves."""
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/api/").lower())
    return "_".join((method, *words))


def problems_of(policy: RoutePolicy, operation: Mapping[str, Any]) -> set[str]:
    """Return the codes of the problems that an operation may answer: by its policy, its parameters, and its own."""
    places = {(one["in"], one["name"]) for one in operation.get("parameters", ())}
    found: set[str] = {*operation.get(PROBLEMS, ()), *_ANYWHERE}
    if policy.permission != "public":
        found.update(("unauthenticated", "session_ended"), _FORBIDDEN)
    if policy.audit and policy.permission == "public":
        found.update(("foreign_origin", "csrf"))
    if policy.second_factor:
        found.add("second_factor_missing")
    if policy.max_auth_age_s:
        found.add("insufficient_user_authentication")
    if "requestBody" in operation:
        found.update(_WITH_BODY)
    if ("header", "idempotency-key") in places:
        found.update((*_WITH_KEY, "invalid"))
    if any(place == "query" for place, _ in places):
        found.update(("invalid", "uri_too_long"))
    if any(place == "path" for place, _ in places):
        found.update(("malformed", "not_found"))
    return found


def _operation(method: str, path: str, operation: Json, refusals: Json) -> None:
    operation["operationId"] = operation_id(method, path)
    # What a route's docstring says first is its title; a function's name is none.
    text = " ".join(operation.get("description", operation["summary"]).split())
    operation["summary"] = text.partition(". ")[0].removesuffix(".")
    operation["description"] = text
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_absence(parameter["schema"])
        text = parameter.get("description") or parameter["schema"].pop("description", "")
        assert text, f"{method} {path}: the parameter {parameter['name']} has no description"
        parameter["description"] = text
        parameter["schema"].pop("description", None)
    operation["responses"] = {
        status: _success(status, answer, operation)
        for status, answer in operation["responses"].items()
        if status[0] in "23"
    } | _refusals(problems_of(RoutePolicy(**operation[KEY]), operation), refusals)
    operation.pop(PROBLEMS, None)


def _success(status: str, answer: Json, operation: Json) -> Json:
    names = ["X-Correlation-Id", *_LIMIT_HEADERS]
    if any(one["name"] == "idempotency-key" for one in operation.get("parameters", ())):
        names.append("Idempotency-Replayed")
    if status == "304" or "304" in operation["responses"]:
        names.append("ETag")
    return {**answer, "headers": _header_refs(names)}


def _refusals(codes: Iterable[str], shared: Json) -> Json:
    """Return the answers by status; each set of problems is described once, in `shared`."""
    by_status: dict[int, list[type[Problem]]] = {}
    for code in sorted(codes):
        kind = Problem.by_code[code]
        by_status.setdefault(kind.status, []).append(kind)
    found: Json = {}
    for status, kinds in sorted(by_status.items()):
        name = "".join(kind.__name__ for kind in kinds)
        shared.setdefault(name, _refusal(status, kinds))
        found[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return found


def _refusal(status: int, kinds: list[type[Problem]]) -> Json:
    names = ["X-Correlation-Id"]
    if status in (401, 429, 503):
        names.append("WWW-Authenticate" if status == 401 else "Retry-After")
    if status == 429:
        names.extend(_LIMIT_HEADERS)
    lines = [f"[`{kind.code}`]({TYPE_BASE}{kind.code}): {kind.hint or kind.title}" for kind in kinds]
    return {
        "description": "; ".join(lines),
        "headers": _header_refs(names),
        "content": {MEDIA_TYPE: {"schema": _PROBLEM_REF}},
        PROBLEMS: [kind.code for kind in kinds],
    }


def _header_refs(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def _without_absence(schema: Json) -> Json:
    """Drop null and empty defaults from a parameter's schema: what they mean is that it is not sent."""
    found = dict(schema)
    if found.get("default") in ("", None):
        found.pop("default", None)
    kinds = [one for one in found.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        del found["anyOf"]
        found = {**kinds[0], **found}
    return found


def _strip_titles(part: Any) -> None:
    for schema in _schemas_in(part):
        schema.pop("title", None)


def _schemas_in(part: Any) -> Iterator[Json]:
    if isinstance(part, dict):
        found = cast("Json", part)
        if "type" in found or "anyOf" in found or "$ref" in found:
            yield found
        for inner in found.values():
            yield from _schemas_in(inner)
    elif isinstance(part, list):
        for inner in cast("list[Any]", part):
            yield from _schemas_in(inner)


def _describe_schemas(schemas: Json, texts: Mapping[str, str]) -> None:
    used: set[str] = set()
    missing: list[str] = []
    for name, schema in schemas.items():
        for field, found in schema.get("properties", {}).items():
            _strip_titles(found)
            found.pop("title", None)
            if found.get("type") == "string" and type(found.get("default")) is int:
                found["default"] = str(found["default"])  # units, which are text in JSON
            key = next((key for key in (f"{name}.{field}", field) if key in texts), "")
            if key and (key != field or "description" not in found):
                found["description"] = texts[key]
                used.add(key)
            elif "description" not in found:
                missing.append(f"{name}.{field}")
        _strip_titles([part for key, part in schema.items() if key != "properties"])
        schema["title"] = name
    assert not missing, (
        f"describe in tools/api_words.toml, or with Field(description=…): {', '.join(missing)}"
    )
    assert used == texts.keys(), (
        f"take out of tools/api_words.toml, nothing has this name: {', '.join(sorted(texts.keys() - used))}"
    )


def _websocket(found: APIWebSocketRoute) -> Json:
    return {
        "operationId": operation_id("get", found.path),
        "description": " ".join((found.endpoint.__doc__ or "").split()),
        KEY: asdict(policy_of(found)),
    }


_LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")
_HEADERS: Json = {
    name: {"description": text, "schema": {"type": kind}}
    for name, kind, text in (
        (
            "ETag",
            "string",
            "The version of the thing; send it as If-None-Match to be answered 304 while it is current",
        ),
        (
            "Idempotency-Replayed",
            "string",
            "`true` when this is the stored answer to an earlier request with this key",
        ),
        ("RateLimit", "string", "What is left of the limit, and in how many seconds it is whole again"),
        ("RateLimit-Policy", "string", "The limit that applies: how many requests in how many seconds"),
        ("Retry-After", "integer", "Seconds after which another try makes sense"),
        ("WWW-Authenticate", "string", "How to prove who one is (RFC 6750)"),
        ("X-Correlation-Id", "string", "Names this request in the logs and the audit trail"),
    )
}
_SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "For programs"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "For browsers; what changes something needs X-Tollway-Csrf too",
    },
}
_PROBLEM: Json = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457). A problem may have members of its own beside these.",
    "required": ["type", "title", "status", "detail", "instance", "code", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "The page about this problem"},
        "title": {"type": "string", "description": "What it is, the same for every problem of this code"},
        "status": {"type": "integer", "description": "The HTTP status"},
        "detail": {"type": "string", "description": "What is wrong this time, and what to do"},
        "instance": {"type": "string", "description": "The path of the request"},
        "code": {"type": "string", "description": "The stable name that programs decide by"},
        "correlation_id": {"type": "string", "description": "Names the request in the logs"},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field, where the code is `invalid`",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "The field, with a dot before each inner name",
                    },
                    "reason": {"type": "string", "description": "What is wrong with it"},
                },
            },
        },
    },
}
