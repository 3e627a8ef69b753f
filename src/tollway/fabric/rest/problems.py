"""Problem documents (RFC 9457): the one place where errors become answers."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import compile_path
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from tollway.contracts.errors import IdempotencyKeyMissing, SignInTooOld
from tollway.fabric.rest import live
from tollway.fabric.rest.policy import RoutePolicy
from tollway.fabric.rest.principal import admit
from tollway.fabric.rpc import call_context
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import (
    MEDIA_TYPE,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Problem,
    problem_document,
)

_log = logging.getLogger(__name__)
CORRELATION = "tollway.correlation_id"  # key in the ASGI scope
_KEY_HEADER = ("header", "idempotency-key")
LISTED_ERRORS = 20
LISTED_LENGTH = 200
NO_ROUTES: Mapping[tuple[str, str], RoutePolicy] = {}


def respond(problem: Problem, path: str) -> JSONResponse:
    """Make the response to a problem, with `Retry-After` and `WWW-Authenticate` where they belong."""
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if "retry_after_s" in problem.extra:
        headers["Retry-After"] = str(problem.extra["retry_after_s"])
    elif problem.status == 503:
        headers["Retry-After"] = "1"
    if problem.status == 401:
        headers["WWW-Authenticate"] = challenge(problem)
    if problem.status == 426:
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade"}
    return JSONResponse(
        problem_document(problem, path, correlation_id.get()), problem.status, headers, MEDIA_TYPE
    )


def challenge(problem: Problem) -> str:
    """Say how to prove who one is (RFC 6750, section 3); a sign-in that is too old names the age (RFC 9470)."""
    if isinstance(problem, SignInTooOld):
        return f'Bearer realm="tollway", error="{problem.code}", max_age="{problem.extra["max_age"]}"'
    return 'Bearer realm="tollway"'


def install(app: FastAPI, declared: Mapping[tuple[str, str], RoutePolicy] = NO_ROUTES) -> None:
    """Make every error of this application a problem document.

    `declared` are its routes, from which a 405 says what is allowed: the framework looks at one route only.
    """
    routes = [
        (method, path, compile_path(path)[0])
        for (method, path), policy in declared.items()
        if policy.kind != "websocket"
    ]

    async def on_problem(connection: HTTPConnection, error: Exception) -> Any:
        assert isinstance(error, Problem)
        return await _answer(connection, error)

    async def on_invalid(connection: HTTPConnection, error: Exception) -> Any:
        assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
        problem = await _after_admission(connection, _from_validation(error))
        return await _answer(connection, problem)

    async def on_http(request: HTTPConnection, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        response = await _answer(request, await _after_admission(request, _from_http(error)))
        if response is None:
            return None
        response.headers.update(error.headers or {})
        if response.status_code == 405 and routes:
            response.headers["Allow"] = ", ".join(_allowed(routes, request.url.path))
        return response

    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        # This handler runs outside of what every request gets, so the id is brought back by hand.
        with call_context(correlation_id=request.scope.get(CORRELATION, "")):
            return respond(Internal(), request.url.path)

    async def on_leaving(_connection: HTTPConnection, _error: Exception) -> Any:
        """Do nothing: the client has closed its WebSocket."""

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(WebSocketRequestValidationError, on_invalid)
    app.add_exception_handler(WebSocketDisconnect, on_leaving)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)


async def _answer(connection: HTTPConnection, problem: Problem) -> JSONResponse | None:
    response = respond(problem, connection.url.path)
    if not isinstance(connection, WebSocket):
        return response
    if connection.application_state == WebSocketState.CONNECTING:
        await connection.send_denial_response(response)
    else:
        await live.close(connection, problem)
    return None


async def _after_admission(request: HTTPConnection, problem: Problem) -> Problem:
    """Put who may not come in before what is wrong with their body: the framework reads the body first."""
    route = request.scope.get("route")
    if not isinstance(problem, Malformed) or not isinstance(route, APIRoute | APIWebSocketRoute):
        return problem
    try:
        await admit(request, route)
    except Problem as refusal:
        return refusal
    return problem


def _from_validation(error: RequestValidationError | WebSocketRequestValidationError) -> Problem:
    errors = error.errors()
    if any(entry["type"] == "json_invalid" for entry in errors):
        return Malformed("the body is not valid JSON")
    if any(entry["loc"][0] == "path" for entry in errors):
        # No id has this form, so there is nothing at this address: the same answer as for an unknown id.
        return NotFound("no id has this form")
    if any(entry["type"] == "missing" and entry["loc"] == _KEY_HEADER for entry in errors):
        return IdempotencyKeyMissing()
    listed = [_entry(entry) for entry in errors[:LISTED_ERRORS]]
    summary = "; ".join(f"{entry['field']}: {entry['reason']}" for entry in listed[:5])
    return Invalid(summary, errors=listed)


def _entry(entry: Any) -> dict[str, str]:
    # The client wrote some of this: however long that was, the answer stays short.
    _where, *path = entry["loc"]
    field = ".".join(str(part) for part in path) or "body"
    return {
        "field": field[:LISTED_LENGTH],
        "reason": entry["msg"].removeprefix("Value error, ")[:LISTED_LENGTH],
    }


def _allowed(routes: Sequence[tuple[str, str, re.Pattern[str]]], path: str) -> list[str]:
    # A fixed address goes before one with a gap that it would fill: /orders/quote is no order.
    fixed = {method for method, known, _ in routes if known == path}
    allowed = fixed or {method for method, _, pattern in routes if pattern.match(path)}
    return sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))


def _from_http(error: HTTPException) -> Problem:
    if isinstance(error.__cause__, Problem):
        return error.__cause__  # raised while the body was read, and wrapped by the framework
    if error.status_code == 404:
        return NotFound()
    if error.status_code == 405:
        return MethodNotAllowed()
    if error.status_code == 400:
        return Malformed(str(error.detail))
    problem = Problem(str(error.detail))
    problem.status = error.status_code  # pyright: ignore[reportAttributeAccessIssue]
    return problem
