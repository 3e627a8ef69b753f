"""Builds the REST application of a process from its services' routers."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from tollway import __version__
from tollway.contracts.errors import SessionEnded
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.clock import Clock, SystemClock
from tollway.fabric.rest import docs, problems
from tollway.fabric.rest.policy import BODY_LIMIT_BYTES, RoleTable, check_permissions, policies, policy_of
from tollway.fabric.rest.principal import authorize
from tollway.fabric.rpc import call_context
from tollway.kit.errors import NotFound, TooLarge, UpgradeRequired
from tollway.kit.ids import new_id

SYSTEM_CLOCK = SystemClock()

DESCRIPTION = """
Everything a customer, an operator or an integrator can do with Tollway. Amounts are strings: money in whole units
(`"20.00"`), access units as integers (`"1000000000"` bytes). Errors are problem documents (RFC 9457) with a
stable `code`, each described at `/problems/{code}`. Every POST that moves money takes an `Idempotency-Key`.
Lists are paged with `?limit=&cursor=`.

WebSockets (`x-websockets` in this document) take the same credentials as requests and send JSON texts. What is refused
before the handshake is done is a problem document; afterwards the close code is 4000 plus the problem's status, and the
reason its code. When the session has ended the reason is `session_ended`, with the code 4401, or 1008 when the gateway
closes first; a client then signs in and connects again.
"""


def build_app(
    routers: Sequence[APIRouter],
    verifier: Verifier,
    revocations: Revocations,
    states: Callable[[], Mapping[str, str]] = dict[str, str],
    clock: Clock = SYSTEM_CLOCK,
    *,
    roles: RoleTable,
) -> FastAPI:
    """Mount the routers under one set of rules. An assertion fails when a route declares no policy.

    `roles` says what each role may do.
    `states` returns the state of every part of the process; `/readyz` answers 503 until all are `ready`.
    """
    served = [*routers, docs.router()]
    declared = policies(served)
    check_permissions(declared.values(), roles)
    app = FastAPI(
        title="Tollway",
        version=__version__,
        description=DESCRIPTION,
        dependencies=[Depends(authorize)],
        openapi_url=None,
        redoc_url=None,
        redirect_slashes=False,  # one address for each thing; a redirect would name this process's own
    )
    app.state.verifier = verifier
    app.state.revocations = revocations
    app.state.clock = clock
    app.state.roles = roles
    app.state.routers = served
    for router in served:
        app.include_router(router)
    problems.install(app, declared)
    sockets = [compile_path(path)[0] for (_, path), one in declared.items() if one.kind == "websocket"]
    app.router.default = partial(_nowhere, sockets)
    app.add_middleware(RequestContextMiddleware)
    app.add_route("/livez", _alive)
    app.add_route("/readyz", partial(_ready, states))
    return app


async def _nowhere(sockets: Sequence[re.Pattern[str]], scope: Scope, _receive: Receive, _send: Send) -> None:
    if scope["type"] == "http" and any(pattern.match(scope["path"]) for pattern in sockets):
        raise UpgradeRequired
    raise NotFound


async def _alive(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"})


async def _ready(states: Callable[[], Mapping[str, str]], _request: Request) -> JSONResponse:
    parts = dict(states())
    ready = all(state == "ready" for state in parts.values())
    return JSONResponse({"status": "ready" if ready else "starting", "parts": parts}, 200 if ready else 503)


class RequestContextMiddleware:
    """What every request gets: a correlation id, and the limit that its route sets to its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope.get("method") == "HEAD":
            # The same answer; the server leaves out its body (RFC 9110, 9.3.2).
            scope = {**scope, "method": "GET"}
        headers: dict[bytes, bytes] = dict(scope["headers"])
        correlation = headers.get(b"x-correlation-id", b"").decode("latin-1")[:64] or new_id("cor")
        scope[problems.CORRELATION] = correlation
        parent = headers.get(b"traceparent", b"").decode("latin-1")[:64]
        with call_context(correlation_id=correlation, traceparent=parent):
            try:
                await self._app(scope, _Limited(scope, receive), send)
            except RuntimeError as error:
                # A stream that has begun cannot be refused any more, so it ends.
                if not isinstance(error.__cause__, SessionEnded):
                    raise
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Limited:
    """Reads a body up to its route's limit; the gateway refuses longer ones, this is the second check."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._seen_bytes = 0

    async def __call__(self) -> Any:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen_bytes += len(message.get("body", b""))
            self._check(self._seen_bytes)
        elif message["type"] == "websocket.receive":
            self._check(len(message.get("bytes") or (message.get("text") or "").encode()))
        return message

    def _check(self, length_bytes: int) -> None:
        # The route is known from the first message that anybody reads.
        route = self._scope.get("route")
        declares = isinstance(route, APIRoute | APIWebSocketRoute)
        limit_bytes = policy_of(route).body_limit_bytes if declares else BODY_LIMIT_BYTES
        if limit_bytes and length_bytes > limit_bytes:
            raise TooLarge(f"the body or message is longer than {limit_bytes} bytes")
