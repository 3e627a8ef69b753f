"""Whether a request may go on, as whom and which way: decided on its record, without touching a connection.

route      which path, which route; pages of the gateway itself and preflights end here
identify   who asks: from memory at once, or later, when it was found out
count      is this one within the limit, and not forged by another site

Nearly every request is decided at once. A decision that has to wait for a neighbour is returned as a coroutine.
"""

from collections.abc import Coroutine
from time import monotonic
from typing import Any, NamedTuple

from tollway.fabric.admin import PAGE_METHODS, Page
from tollway.fabric.limits import Grant
from tollway.gateway.auth import Denial, Judgement
from tollway.gateway.cors import is_preflight
from tollway.gateway.limits import RateLimit
from tollway.gateway.plan import Plan
from tollway.gateway.problems import (
    FOREIGN_ORIGIN,
    NO_WEBSOCKET,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHENTICATED,
    Refusal,
    method_not_allowed,
    too_many_requests,
)
from tollway.gateway.request import Request
from tollway.gateway.routes import METHODS, Route
from tollway.gateway.state import State
from tollway.wire.http1 import Framing, RequestHead


class Reply(NamedTuple):
    """An answer that the gateway gives itself, rendered."""

    status: int
    answer: bytes


# None: it may go on, along `request.plan`.
Decision = Refusal | Reply | None
Later = Coroutine[Any, Any, Decision]


# ── which way ───────────────────────────────────────────────────────────────────────────────────────


def admit(state: State, request: Request) -> Decision | Later:
    """Decide about a request, and write on its record who asks and which way it goes."""
    method = request.head.method
    if method not in METHODS:
        # Who sends CONNECT may take what follows for a tunnel already: none of it is a request.
        request.closing = request.closing or method == b"CONNECT"
        return _count(request, method_not_allowed(METHODS))
    fault = request.fault or request.normalize()
    if fault is not None:
        return _count(request, fault)
    if (page := state.pages.get(request.path)) is not None:
        return _show(state, request, page)
    if method == b"OPTIONS" and is_preflight(request):
        lines = state.origins.preflight_lines(request.origin)
        return Reply(204, state.answers.no_content(request, lines)) if lines else FOREIGN_ORIGIN
    plan = state.plans.table.match(request.path, method)
    if not isinstance(plan, Plan):
        return _count(request, method_not_allowed(plan) if plan else NOT_FOUND)
    request.plan = plan
    if request.head.length > plan.route.body_limit_bytes:
        return _count(request, TOO_LARGE)
    if request.head.upgrade == b"websocket" and not _may_upgrade(plan.route, request.head):
        return _count(request, NO_WEBSOCKET)
    return _identify(state, request)


def _show(state: State, request: Request, page: Page) -> Decision:
    if request.head.method not in PAGE_METHODS:
        return method_not_allowed(PAGE_METHODS)
    status, media_type, body = page()
    return Reply(status, state.answers.page(request, status, media_type, body))


def _may_upgrade(route: Route, head: RequestHead) -> bool:
    return route.websocket and head.method == b"GET" and head.framing is Framing.NONE


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────


def _identify(state: State, request: Request) -> Decision | Later:
    authorization, now = request.authorization, request.started
    session = request.take_session() if request.cookie else b""
    if not authorization:
        if not session:
            return _judged(state, request, None)
        request.by_cookie = True
    elif authorization[:7].lower() != b"bearer ":
        # Another scheme is the business of a public upstream, and no way in anywhere else.
        if request.plan.route.auth == "public":
            request.lines.append(b"Authorization: %b\r\n" % authorization)
        return _judged(state, request, None)
    else:
        known = request.peer.verdict
        if known is not None and known.authorization == authorization and known.until > now:
            return _judged(state, request, known)
    credential = authorization or session
    judgement = state.authority.recall(credential, now)
    if judgement is not None:
        return _judged(state, request, judgement)
    grant = state.auth_misses.take(request.peer.limit_key, now)
    if not grant.admitted:
        return _too_many(state.auth_misses, grant)
    return _find_out(state, request, credential)


async def _find_out(state: State, request: Request, credential: bytes) -> Decision:
    authority = state.authority
    judge = authority.judge_cookie if request.by_cookie else authority.judge_bearer
    decision = _judged(state, request, await judge(credential, request.started))
    return await decision if isinstance(decision, Coroutine) else decision


def _judged(state: State, request: Request, judgement: Judgement | None) -> Decision | Later:
    """Decide with what is known about the sender. On public routes what is no good is as good as none."""
    refusal: Refusal | None = UNAUTHENTICATED
    if isinstance(judgement, Denial):
        refusal = judgement.refusal
    elif judgement is not None:
        refusal = state.origins.forgery(request, judgement) if judgement.csrf else None
        if refusal is None:
            request.verdict = judgement
            if not judgement.csrf:
                request.peer.verdict = judgement
    return _count(request, refusal if request.plan.route.auth == "user" else None)


# ── how often ───────────────────────────────────────────────────────────────────────────────────────


def _count(request: Request, refusal: Refusal | None) -> Decision | Later:
    """Count the request against its client's limit, also when it is refused: guesses are not free."""
    limit, verdict = request.plan.limit, request.verdict
    if limit is None:
        return refusal
    key = request.peer.limit_key if verdict is None or limit.by_ip else verdict.user_id
    grant = limit.take(key, request.started)
    if grant.admitted:
        request.limit_lines = limit.headers(grant)
        return refusal
    return _count_when_heard(request, limit, key, refusal) if grant.remaining else _too_many(limit, grant)


async def _count_when_heard(
    request: Request, limit: RateLimit, key: str | bytes, refusal: Refusal | None
) -> Decision:
    """Ask again each time the other gateways were heard, until the limit knows."""
    grant = await limit.take_when_heard(key, monotonic)
    if not grant.admitted:
        return _too_many(limit, grant)
    request.limit_lines = limit.headers(grant)
    return refusal


def _too_many(limit: RateLimit, grant: Grant) -> Refusal:
    return too_many_requests(limit.headers(grant), grant.retry_in_s)
