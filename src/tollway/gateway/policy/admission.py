"""Whether a request may go on, as whom and on which route: decided on its record, without touching a connection.

route         which path, which route; pages of the gateway itself and preflights end here
authenticate  whose request it is: from the cache at once, or later, when it was checked
count         is this one within the limit, and not forged by another site

Nearly every request is decided at once. A decision that has to wait for a service is returned as a coroutine.
"""

from collections.abc import Coroutine
from typing import Any, NamedTuple

from tollway.fabric.admin import HEALTH, PAGE_METHODS, Page
from tollway.fabric.limits import LimitDecision
from tollway.gateway.context import GatewayContext
from tollway.gateway.message.problems import (
    FOREIGN_ORIGIN,
    HTTPS_REQUIRED,
    MISDIRECTED,
    NO_WEBSOCKET,
    NOT_A_WEBSOCKET,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHENTICATED,
    GatewayRefusal,
    method_not_allowed,
    too_many_requests,
)
from tollway.gateway.message.request import Request
from tollway.gateway.policy.cors import is_preflight
from tollway.gateway.policy.credentials import AuthFailure, AuthResult
from tollway.gateway.policy.limits import RateLimit
from tollway.gateway.route.route import METHODS as METHOD_NAMES
from tollway.gateway.route.table import CompiledRoute
from tollway.wire.http1 import Framing, RequestHead

METHODS = frozenset(name.encode() for name in METHOD_NAMES)


class AdmissionReply(NamedTuple):
    """A response that the gateway gives itself, rendered."""

    status: int
    response: bytes


# None: it may go on, along `request.route`.
Decision = GatewayRefusal | AdmissionReply | None
Later = Coroutine[Any, Any, Decision]


# ── which route ─────────────────────────────────────────────────────────────────────────────────────


def admit(context: GatewayContext, request: Request) -> Decision | Later:
    """Decide about a request, and set its identity and its route."""
    method = request.head.method
    if method not in METHODS:
        # Who sends CONNECT may take what follows for a tunnel already: none of it is a request.
        request.closing = request.closing or method == b"CONNECT"
        return _count(context, request, method_not_allowed(METHODS))
    fault = request.fault or request.normalize()
    page = context.pages.get(request.path)
    if fault is None and page is None and not context.hosts.answers(request.head.host):
        fault = MISDIRECTED
    if fault is not None:
        return _count(context, request, fault)
    if page is not None:
        # The states of the other processes are asked for when somebody wants to know them.
        return (
            _show_fresh(context, request, page) if request.path == HEALTH else _show(context, request, page)
        )
    if method == b"OPTIONS" and is_preflight(request):
        lines = context.origins.preflight_lines(request)
        return AdmissionReply(204, context.responses.no_content(request, lines)) if lines else FOREIGN_ORIGIN
    head = request.head
    route = context.table.match(head.host, request.path, method, head.headers)
    if not isinstance(route, CompiledRoute):
        return _without_route(context, request, route)
    request.route = route
    fault = _fault(context, request, route)
    return _authenticate(context, request) if fault is None else _count(context, request, fault)


def _fault(context: GatewayContext, request: Request, route: CompiledRoute) -> GatewayRefusal | None:
    """Return what is wrong with a request on this route, whoever sends it."""
    head = request.head
    if route.takes_passwords and not (request.client.is_private or context.settings.passwords_over_http):
        return HTTPS_REQUIRED
    if route.body_limit_bytes and head.length > route.body_limit_bytes:
        return TOO_LARGE
    return _upgrade_fault(route, head) if head.upgrade == b"websocket" or route.websocket else None


def _without_route(context: GatewayContext, request: Request, allowed: frozenset[bytes]) -> Decision | Later:
    """Serve the console where no route leads; `allowed` are the methods of the routes at the path."""
    if allowed:
        return _count(context, request, method_not_allowed(allowed))
    if request.head.method in PAGE_METHODS:
        file = context.console.find(request.path, request.head.headers)
        if file is not None:
            return AdmissionReply(*context.responses.file(request, file))
    return _count(context, request, NOT_FOUND)


def _show(context: GatewayContext, request: Request, page: Page) -> Decision:
    if request.head.method not in PAGE_METHODS:
        return method_not_allowed(PAGE_METHODS)
    status, media_type, body = page()
    return AdmissionReply(status, context.responses.page(request, status, media_type, body))


async def _show_fresh(context: GatewayContext, request: Request, page: Page) -> Decision:
    await context.refresh_health()
    return _show(context, request, page)


def _upgrade_fault(route: CompiledRoute, head: RequestHead) -> GatewayRefusal | None:
    """An upgrade is a GET without a body, on a route of that kind (RFC 6455, section 4.1)."""
    if head.upgrade != b"websocket":
        return NOT_A_WEBSOCKET
    return (
        None if route.websocket and head.method == b"GET" and head.framing is Framing.NONE else NO_WEBSOCKET
    )


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────


def _authenticate(context: GatewayContext, request: Request) -> Decision | Later:
    authorization, now = request.authorization, request.started
    session = request.take_session() if request.cookie else b""
    if not authorization:
        if not session:
            return _authenticated(context, request, None)
        request.by_cookie = True
    elif authorization[:7].lower() != b"bearer ":
        # Another scheme is the business of a public upstream, and gives no access anywhere else.
        if request.route.public:
            request.lines.append(b"Authorization: %b\r\n" % authorization)
        return _authenticated(context, request, None)
    else:
        known = request.client.identity
        if known is not None and known.authorization == authorization and known.valid_until > now:
            return _authenticated(context, request, known)
    credential = authorization or session
    result = context.authenticator.cached(credential, now)
    if result is not None:
        return _authenticated(context, request, result)
    grant = context.unknown_credentials.take_of_client(request.client, now)
    if not grant.admitted and not context.authenticator.may_check(credential, now):
        return _too_many(context.unknown_credentials, grant)
    return _authenticate_later(context, request, credential)


async def _authenticate_later(context: GatewayContext, request: Request, credential: bytes) -> Decision:
    authenticator = context.authenticator
    check = authenticator.authenticate_cookie if request.by_cookie else authenticator.authenticate_bearer
    decision = _authenticated(context, request, await check(credential))
    return await decision if isinstance(decision, Coroutine) else decision


def _authenticated(context: GatewayContext, request: Request, result: AuthResult | None) -> Decision | Later:
    """Decide with what is known about the sender. On public routes an invalid credential is as good as none."""
    refusal: GatewayRefusal | None = UNAUTHENTICATED
    if isinstance(result, AuthFailure):
        refusal = result.refusal
    elif result is not None:
        refusal = context.origins.forgery(request, result) if result.csrf_token else None
        if refusal is None:
            request.identity = result
            if not result.csrf_token:
                request.client.identity = result
    return _count(context, request, None if request.route.public else refusal)


# ── how often ───────────────────────────────────────────────────────────────────────────────────────


def _count(context: GatewayContext, request: Request, refusal: GatewayRefusal | None) -> Decision | Later:
    """Count the request against its client's limit, also when it is refused: guesses are not free."""
    limit, identity = request.route.limit, request.identity
    if limit is None:
        return refusal
    now, key = (
        request.started,
        request.client.limit_key if identity is None or limit.by_ip else identity.user_id,
    )
    grant = limit.take_of_client(request.client, now) if limit.by_ip else limit.take(key, now)
    if grant.admitted:
        request.limit_lines = limit.headers(grant)
        return refusal
    if grant.remaining:
        return _count_when_synced(context, request, limit, key, refusal)
    return _too_many(limit, grant)


async def _count_when_synced(
    context: GatewayContext,
    request: Request,
    limit: RateLimit,
    key: str | bytes,
    refusal: GatewayRefusal | None,
) -> Decision:
    """Try again each time a shared limit is in step with the other gateways, until it knows."""
    grant = await limit.take_when_synced(key, context.monotonic)
    if not grant.admitted:
        return _too_many(limit, grant)
    request.limit_lines = limit.headers(grant)
    return refusal


def _too_many(limit: RateLimit, grant: LimitDecision) -> GatewayRefusal:
    return too_many_requests(limit.headers(grant), grant.retry_in_s)
