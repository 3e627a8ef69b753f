"""`PaymentsMock`: the operations behind the API, the hosted pages, the control page and the jobs."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tollway.fabric.db import Database, Tx
from tollway.kit.ids import new_id
from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import forms
from tollway.services.payments_mock.model.faults import REQUEST_FAULTS, InjectedFault, from_header, plan
from tollway.services.payments_mock.model.forms import is_group
from tollway.services.payments_mock.model.hosts import host_of
from tollway.services.payments_mock.model.refusals import Declined, Refused
from tollway.services.payments_mock.service import (
    calls,
    charges,
    checkout,
    deliveries,
    disputes,
    payment_intents,
    setup_intents,
)
from tollway.services.payments_mock.service.api_context import ApiContext
from tollway.services.payments_mock.service.calls import ApiAnswer, ApiCall
from tollway.services.payments_mock.settings import PaymentsMockSettings
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the dashboard shows."""

    counts: dict[str, int]
    requests: list[Json]
    deliveries: list[Json]
    faults: list[Json]


class PaymentsMock:
    """A payment provider in one service. See the package for what it promises.

    `hosts` are those, beside loopback and the settings' own, that it answers as and delivers webhooks to.
    """

    def __init__(self, db: Database, settings: PaymentsMockSettings, hosts: Iterable[str] = ()) -> None:
        self.db = db
        self.hosts = frozenset({*hosts, *map(host_of, (*settings.hosts, settings.public_url))} - {""})
        self._settings = settings

    # ── the API ─────────────────────────────────────────────────────────────────────────────────────

    async def call(self, call: ApiCall) -> ApiAnswer:
        """Answer one API request. Never raises Refused: a refusal is an answer with Stripe's error body."""
        request_id = new_id("req")
        strikes: list[InjectedFault] = []
        try:
            calls.authenticate(call.authorization)
            strikes = await self._faults(call)
            await _wait_before(strikes)
            answer = await self._answer(call, request_id, strikes)
        except Refused as refused:
            answer = ApiAnswer(refused.status, json.dumps({"error": refused.error}), request_id)
        await self._log(call, answer, strikes)
        await _wait_after(strikes)
        return answer

    async def _answer(self, call: ApiCall, request_id: str, strikes: list[InjectedFault]) -> ApiAnswer:
        asked = calls.understand(call)
        keyed = call.method == "POST" and call.idempotency_key
        async with self.db.transaction() as tx:
            if keyed and (known := await calls.repeated(tx, call)):
                return known
            origin = {"id": request_id, "idempotency_key": call.idempotency_key or None}
            async with self._context(tx, self._base_url(call.base_url), origin, strikes) as context:
                status, body = await calls.carry_out(context, asked)
            if keyed:
                await store.keep_answer(tx, call.idempotency_key, request_id, status, body)
        return ApiAnswer(status, body, request_id)

    @asynccontextmanager
    async def _context(
        self, tx: Tx, base_url: str, origin: Json, strikes: list[InjectedFault]
    ) -> AsyncGenerator[ApiContext, None]:
        """Open a request's workplace, with the webhook faults that were planned; those used count down."""
        rows = [row for row in await store.planned_faults(tx) if row.kind not in REQUEST_FAULTS]
        planned = {InjectedFault(row.kind, row.delay_ms / 1000, row.match): row.position for row in rows}
        mine = [fault for fault in strikes if fault.kind not in REQUEST_FAULTS]
        context = ApiContext(tx, base_url, origin, self.hosts, [*mine, *planned])
        yield context
        for fault in context.used_faults:
            if (position := planned.get(fault)) is not None:
                await store.use_fault(tx, position)

    async def _faults(self, call: ApiCall) -> list[InjectedFault]:
        """Return what is to go wrong with this request: its own header's request, then what was planned."""
        strikes = from_header(call.mock_fault)
        async with self.db.snapshot() as tx:
            rows = [row for row in await store.planned_faults(tx) if row.kind in REQUEST_FAULTS]
        for row in rows:
            fault = InjectedFault(row.kind, row.delay_ms / 1000, row.match)
            if fault.strikes(call.path):
                strikes.append(fault)
                async with self.db.transaction() as tx:
                    await store.use_fault(tx, row.position)
        return strikes

    async def _log(self, call: ApiCall, answer: ApiAnswer, strikes: list[InjectedFault]) -> None:
        row = {
            "request_id": answer.request_id,
            "method": call.method,
            "path": call.path,
            "params": _loggable(call.form),
            "idempotency_key": call.idempotency_key,
            "status": answer.status,
            "note": ", ".join(fault.kind for fault in strikes)
            or ("replayed" if "Idempotent-Replayed" in answer.headers else ""),
        }
        async with self.db.transaction() as tx:
            await store.log_request(tx, row, self._settings.log_length)

    def _base_url(self, called_at: str) -> str:
        return (self._settings.public_url or called_at).rstrip("/")

    # ── the hosted pages ────────────────────────────────────────────────────────────────────────────

    async def show_checkout(self, ref: str) -> tuple[Json, list[Json]]:
        """Return a checkout session and its lines. Raises Refused when there is none."""
        async with self._page() as context:
            session = await checkout.current(context, ref)
            return session.body, session.hidden["lines"]

    async def pay_checkout(self, ref: str, card: Json, base_url: str) -> Stored:
        """Pay a checkout session; return its payment. Raises Declined or Refused."""
        return await self._paged(lambda context: checkout.pay(context, ref, card), base_url)

    async def show_proof(self, ref: str) -> Json:
        """Return the payment or setup that waits for the cardholder's proof. Raises Refused."""
        kind = "setup_intent" if ref.startswith("seti_") else "payment_intent"
        async with self._page() as context:
            return (await context.get(kind, ref)).body

    async def prove(self, ref: str, *, passed: bool, base_url: str) -> str:
        """Take the cardholder's proof, or its failure; return where to send the cardholder.

        Raises Declined when the bank refuses all the same, or Refused when no proof was asked for.
        """

        async def run(context: ApiContext) -> Stored:
            if ref.startswith("seti_"):
                return await setup_intents.prove(context, ref, passed=passed)
            payment = await payment_intents.prove(context, ref, passed=passed)
            await checkout.settle(context, payment)
            return payment

        return (await self._paged(run, base_url)).hidden.get("return_url", "")

    async def _paged(self, run: Callable[[ApiContext], Awaitable[Stored]], base_url: str) -> Stored:
        """Run a page's operation; a decline is raised only after what it booked is committed."""
        async with self._page(base_url) as context:
            try:
                result = await run(context)
            except Declined as declined:
                result = declined
        if isinstance(result, Declined):
            raise result
        return result

    @asynccontextmanager
    async def _page(self, base_url: str = "") -> AsyncGenerator[ApiContext, None]:
        origin = {"id": None, "idempotency_key": None}
        async with (
            self.db.transaction() as tx,
            self._context(tx, self._base_url(base_url), origin, []) as context,
        ):
            yield context

    # ── what the bank does ──────────────────────────────────────────────────────────────────────────

    async def dispute(self, payment: str, amount: int | None = None) -> Json:
        """Let the cardholder dispute a payment, or a part of it. Raises Refused."""
        async with self._page() as context:
            charge = await charges.charge_of(context, payment)
            return await disputes.open_dispute(context, charge.id, "needs_response", amount)

    async def fail_refund(self, refund: str) -> Json:
        """Let the bank refuse a refund that was made. Raises Refused."""
        async with self._page() as context:
            back = await context.get("refund", refund)
            if back.body["status"] != "failed":
                await charges.fail_refund(context, back)
            return back.body

    # ── deliveries, control, dashboard ──────────────────────────────────────────────────────────────

    async def deliver(self, delivery_id: str) -> None:
        """Try one webhook delivery."""
        await deliveries.deliver(self.db, self._settings, self.hosts, delivery_id)

    async def plan_fault(self, kind: str, *, match: str, delay_s: float | None, times: int) -> None:
        """Plan a failure for the next requests or events that match. Raises Refused."""
        fault = plan(kind, delay_s, match)
        if not 1 <= times <= 1_000:
            raise Refused(400, "times must be from 1 to 1000", param="times")
        async with self.db.transaction() as tx:
            await store.add_fault(tx, fault.kind, fault.match, int(fault.delay_s * 1000), times)

    async def reset(self, *, webhook_endpoints: bool) -> None:
        """Delete everything; the webhook endpoints with `webhook_endpoints` only."""
        async with self.db.transaction() as tx:
            await store.clear(tx, webhook_endpoints=webhook_endpoints)

    async def overview(self, limit: int = 50) -> Overview:
        """Return what the dashboard shows."""
        async with self.db.snapshot() as tx:
            faults = [
                {
                    "kind": row.kind,
                    "match": row.match,
                    "delay_s": row.delay_ms / 1000,
                    "times_left": row.times_left,
                }
                for row in await store.planned_faults(tx)
            ]
            return Overview(
                await store.counts(tx),
                await store.latest_requests(tx, limit),
                await store.latest_deliveries(tx, limit),
                faults,
            )

    async def objects_of(self, kind: str, limit: int = 100) -> list[Json]:
        """Return the latest objects of a kind."""
        async with self.db.snapshot() as tx:
            return (await store.some(tx, kind, {}, store.Slice(limit=limit)))[0]

    async def object(self, ref: str) -> Json | None:
        """Return any object by its id."""
        async with self.db.snapshot() as tx:
            return await store.any_object(tx, ref)


async def _wait_before(strikes: list[InjectedFault]) -> None:
    """Let the faults strike that come before the work. Raises Refused for those that refuse."""
    for fault in strikes:
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        if fault.kind == "rate_limit":
            raise Refused(429, "Request rate limit exceeded. (A planned fault.)", code="rate_limit")
        if fault.kind == "server_error":
            raise Refused(500, "An unknown error occurred. (A planned fault.)", kind="api_error")


async def _wait_after(strikes: list[InjectedFault]) -> None:
    for fault in strikes:
        if fault.kind == "timeout":
            await asyncio.sleep(fault.delay_s)


def _loggable(form: str) -> Json:
    """Return the parameters without card numbers and codes."""
    try:
        params = forms.decode(form)
    except Refused:
        return {}
    return _masked(params)


def _masked(params: Json) -> Json:
    return {key: _masked(value) if is_group(value) else _shown(key, value) for key, value in params.items()}


def _shown(key: str, value: str) -> str:
    return {"number": f"…{value[-4:]}", "cvc": "…"}.get(key, value)
