"""One webhook delivery: the event, signed, posted to its endpoint, and again later unless it answered 2xx."""

import asyncio
import http.client
import json
import ssl
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tollway.fabric.backoff import Backoff
from tollway.fabric.db import Database, Tx
from tollway.services.payments_mock import store
from tollway.services.payments_mock.model.hosts import host_of, is_known_host
from tollway.services.payments_mock.model.resources import API_VERSION
from tollway.services.payments_mock.model.signature import sign
from tollway.services.payments_mock.service.api_context import DELIVER
from tollway.services.payments_mock.settings import PaymentsMockSettings
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sending:
    """What is posted where, and how often it was tried before."""

    url: str
    secret: str
    body: str
    attempts: int


async def deliver(db: Database, settings: PaymentsMockSettings, hosts: AbstractSet[str], ref: str) -> None:
    """Try a delivery once, note how it went, and leave a job for the next attempt when there is to be one."""
    async with db.transaction() as tx:
        sending = await _prepare(tx, hosts, ref)
    if sending is None:
        return
    signature = sign(sending.body, sending.secret, db.clock.now_us() // 1_000_000)
    status, error = await asyncio.to_thread(_post, sending, signature, settings.webhook_timeout_s)
    attempts = sending.attempts + 1
    done = 200 <= status < 300
    given_up = not done and attempts >= settings.webhook_attempts
    async with db.transaction() as tx:
        state = "delivered" if done else "failed" if given_up else "pending"
        await store.note_attempt(tx, ref, state, status, error)
        if done or given_up:
            await _count_down(tx, ref)
        else:
            tx.enqueue(DELIVER, {"delivery_id": ref}, due_in_s=delay_s(settings, attempts))


def delay_s(settings: PaymentsMockSettings, attempts: int) -> float:
    """Return the wait after so many failed attempts: it doubles, up to a bound."""
    first_s, limit_s = settings.webhook_first_delay_s, settings.webhook_max_delay_s
    return Backoff(min(first_s, limit_s), limit_s).delay_s(attempts)


async def _prepare(tx: Tx, hosts: AbstractSet[str], ref: str) -> Sending | None:
    """Read what is to be sent; None when it was sent already or its endpoint is gone."""
    row = await store.delivery(tx, ref)
    if row is None or row.state != "pending":
        return None
    endpoint = await store.find(tx, "webhook_endpoint", row.endpoint_id)
    event = await store.find(tx, "event", row.event_id)
    if endpoint is None or event is None or endpoint.body["status"] != "enabled":
        await store.note_attempt(tx, ref, "failed", 0, "the endpoint is gone")
        return None
    if not is_known_host(host_of(endpoint.body["url"]), hosts):
        await store.note_attempt(tx, ref, "failed", 0, "the host is not listed in payments_mock.hosts")
        return None
    body = json.dumps(event.body, indent=2)
    return Sending(endpoint.body["url"], endpoint.hidden["secret"], body, row.attempts)


async def _count_down(tx: Tx, ref: str) -> None:
    """Note in the event that one delivery less is outstanding."""
    row = await store.delivery(tx, ref)
    event: Stored | None = await store.find(tx, "event", row.event_id) if row else None
    if event is not None:
        event.body["pending_webhooks"] = max(0, event.body["pending_webhooks"] - 1)
        await store.save(tx, event, event.body["created"])


def _post(sending: Sending, signature: str, timeout_s: float) -> tuple[int, str]:
    """Post a body; return the status (0: no answer) and a short reason when it was not 2xx."""
    parts = urlsplit(sending.url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        secure = ssl.create_default_context()
        link = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=secure)
    else:
        link = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "Stripe-Version": API_VERSION,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        link.request(
            "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), sending.body, headers
        )
        answer = link.getresponse()
        text = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"[:300]
    finally:
        link.close()
    return answer.status, "" if 200 <= answer.status < 300 else text[:300]
