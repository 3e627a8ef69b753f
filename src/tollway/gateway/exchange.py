"""One request and its answer: the story of the gateway, up to the moment when the request may go on.

begin      which path, which route; pages of the gateway itself and preflights end here
identify   who asks: from memory at once, or by a task that finds out
admit      is this one within the limit, and not forged by another site
dispatch   on to the upstream (`forwarding`)
"""

from tollway.fabric.limits import Grant
from tollway.gateway import answers, cors
from tollway.gateway.admin import PAGE_METHODS, Page
from tollway.gateway.auth import Denial, Judgement, Verdict
from tollway.gateway.forwarding import Forwarding
from tollway.gateway.inbound import CORRELATION, Inbound, read_target
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
from tollway.gateway.routes import METHODS, Route
from tollway.kit.tasks import spawn


class Exchange(Forwarding):
    """A request from its head to its answer."""

    # ── which way ───────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Find the route."""
        head, gateway = self.head, self.gateway
        self.plan = gateway.no_plan
        inbound = self.inbound = Inbound(head)
        if inbound.correlation and CORRELATION.fullmatch(inbound.correlation):
            self.correlation = inbound.correlation
        self.path = head.target.partition(b"?")[0]  # as it was sent, for refusals before it has its one form
        target = read_target(head) if head.method in METHODS else None
        if target is None:
            self.refuse(method_not_allowed(METHODS))
        elif isinstance(target, Refusal):
            self.refuse(target)
        elif inbound.refusal is not None:
            self.refuse(inbound.refusal)
        else:
            self.path, self.query = target
            self._route()

    def _route(self) -> None:
        head, gateway = self.head, self.gateway
        if (page := gateway.pages.get(self.path)) is not None:
            self._show(page)
            return
        if head.method == b"OPTIONS" and cors.is_preflight(head, self.inbound.origin):
            self._preflight()
            return
        route = gateway.routes.match(self.path, head.method)
        if not isinstance(route, Route):
            self.refuse(method_not_allowed(route) if route else NOT_FOUND)
            return
        plan = self.plan = gateway.plans[route.name]
        if head.length > route.body_limit_bytes:
            self.refuse(TOO_LARGE)
        elif head.upgrade == b"websocket" and not (
            route.websocket and head.method == b"GET" and self.body_ended
        ):
            self.refuse(NO_WEBSOCKET)
        else:
            if route.total_s:
                self.total_due = self.started + route.total_s
            self._identify(plan)

    def _show(self, page: Page) -> None:
        if self.head.method not in PAGE_METHODS:
            self.refuse(method_not_allowed(PAGE_METHODS))
            return
        status, media_type, body = page()
        self.finish_with(status, answers.page_bytes(self, status, media_type, body))

    def _preflight(self) -> None:
        lines = self.gateway.origins.preflight_lines(self.inbound.origin)
        if not lines:
            self.refuse(FOREIGN_ORIGIN)
            return
        self.finish_with(204, answers.no_content_bytes(self, lines))

    # ── who ─────────────────────────────────────────────────────────────────────────────────────────

    def _identify(self, plan: Plan) -> None:
        authorization, client = self.inbound.authorization, self.client
        if authorization:
            if authorization[:7].lower() != b"bearer ":
                # Another scheme is the business of a public upstream, and no way in anywhere else.
                if plan.route.auth == "public":
                    self.inbound.lines.append(b"Authorization: %b\r\n" % authorization)
                self._judged(None)
                return
            # The same connection usually sends the same token: then not even its hash is needed.
            known = client.verdict
            if known is not None and known.authorization == authorization and known.until > self.started:
                self._judged(known)
                return
            credential, is_cookie = authorization, False
        else:
            credential, is_cookie = self.inbound.session(), True
            if not credential:
                self._judged(None)
                return
            self.cookie_session = True
        judged = self.gateway.authority.recall(credential, self.started)
        if judged is not None:
            self._judged(judged)
            return
        misses = self.gateway.misses
        if not (grant := misses.take(client.limit_key, self.started)).admitted:
            self.refuse(too_many_requests(misses.headers(grant), grant.retry_in_s))
            return
        spawn(self._find_out(credential, is_cookie=is_cookie), "gateway: identify")

    async def _find_out(self, credential: bytes, *, is_cookie: bool) -> None:
        authority = self.gateway.authority
        judge = authority.judge_cookie if is_cookie else authority.judge_bearer
        judged = await judge(credential, self.started)
        if not self.ended:
            self._judged(judged)
            self.client.proceed()

    def _judged(self, judged: Judgement | None) -> None:
        """Decide with what is known about the sender. On public routes what is no good is as good as none."""
        needed = self.plan.route.auth == "user"
        refusal: Refusal | None = None
        if isinstance(judged, Verdict):
            refusal = cors.forgery(self, judged) if judged.csrf else None
            if refusal is None:
                self.verdict = judged
                if not judged.csrf:
                    self.client.verdict = judged
        elif isinstance(judged, Denial):
            refusal = judged.refusal
        elif needed:
            refusal = UNAUTHENTICATED
        self._admit(refusal if needed else None)

    def _admit(self, refusal: Refusal | None) -> None:
        """Count the request against its client's limit, also when it is refused: guesses are not free."""
        limit, verdict = self.plan.limit, self.verdict
        if limit is None:
            self._granted(refusal)
            return
        key = self.client.limit_key if verdict is None or limit.by_ip else verdict.user_id
        grant = limit.take(key, self.started)
        if grant.admitted or not grant.remaining:
            self._counted(limit, grant, refusal)
        else:
            spawn(self._admit_when_heard(limit, key, refusal), "gateway: hear of other gateways")

    async def _admit_when_heard(self, limit: RateLimit, key: str | bytes, refusal: Refusal | None) -> None:
        grant = await limit.take_when_heard(key, self.gateway.monotonic)
        if not self.ended:
            self._counted(limit, grant, refusal)
            self.client.proceed()

    def _counted(self, limit: RateLimit, grant: Grant, refusal: Refusal | None) -> None:
        if grant.admitted:
            self.limit_lines = limit.headers(grant)
            self._granted(refusal)
        else:
            self.refuse(too_many_requests(limit.headers(grant), grant.retry_in_s))

    def _granted(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.refuse(refusal)
        else:
            self.dispatch()
