"""What an operation works with while it serves one request: objects, ids, time, and events.

Everything happens in the request's own transaction. `publish` writes the event and leaves one delivery job for
each webhook endpoint that is registered for it, so that an event is sent if and only if its cause was committed.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tollway.fabric.db import Tx
from tollway.kit.ids import new_id
from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import resources
from tollway.services.payments_mock.model.faults import InjectedFault
from tollway.services.payments_mock.model.refusals import no_such
from tollway.services.payments_mock.store import Stored

Json = dict[str, Any]
Operation = Callable[["ApiContext", Json, Sequence[str]], Awaitable[Json]]

DELIVER = "deliver_webhook"
# Stripe's messages call some kinds by another name.
_SAID = {"payment_method": "PaymentMethod", "checkout.session": "checkout.session"}


@dataclass(slots=True)
class ApiContext:
    """What one request works with. `base_url` is where the hosted pages are; `origin` goes into the events.

    `hosts` are those beside loopback that webhooks are delivered to.
    """

    tx: Tx
    base_url: str
    origin: Json
    hosts: frozenset[str]
    webhook_faults: list[InjectedFault] = field(default_factory=list[InjectedFault])
    used_faults: list[InjectedFault] = field(default_factory=list[InjectedFault])

    @property
    def now_s(self) -> int:
        """The time of the request, in seconds since the epoch."""
        return self.tx.now_us // 1_000_000

    def new_id(self, prefix: str) -> str:
        """Make an id."""
        return new_id(prefix)

    def new_secret(self) -> str:
        """Make a secret that goes into a client secret or signs webhooks."""
        return secrets.token_hex(16)

    async def get(self, kind: str, ref: str, param: str = "id") -> Stored:
        """Return an object, deleted or not. Raises Refused (resource_missing) when there is no such."""
        found = await store.find(self.tx, kind, ref)
        if found is None:
            raise no_such(_SAID.get(kind, kind), ref, param)
        return found

    async def get_live(self, kind: str, ref: str, param: str = "id") -> Stored:
        """Return an object that was not deleted. Raises Refused."""
        found = await self.get(kind, ref, param)
        if found.body.get("deleted"):
            raise no_such(_SAID.get(kind, kind), ref, param)
        return found

    async def keep(self, item: Stored) -> Json:
        """Store an object's new state; return its body."""
        await store.save(self.tx, item, item.body.get("created", self.now_s))
        return item.body

    async def publish(self, kind: str, body: Json, previous: Json | None = None) -> None:
        """Record an event about an object as it is now, and leave its deliveries."""
        data: Json = {"object": body, **({"previous_attributes": previous} if previous else {})}
        event = resources.event(self.new_id("evt"), self.now_s, kind, data, self.origin)
        endpoints = await self._listeners(kind)
        event["pending_webhooks"] = len(endpoints)
        await self.keep(Stored(event))
        for endpoint in endpoints:
            for delay_s in self._sendings(kind):
                ref = self.new_id("dlv")
                await store.add_delivery(self.tx, ref, event["id"], endpoint["id"])
                self.tx.enqueue(DELIVER, {"delivery_id": ref}, due_in_s=delay_s)

    async def _listeners(self, kind: str) -> list[Json]:
        every, _ = await store.some(
            self.tx, "webhook_endpoint", {"status": "enabled"}, store.Slice(limit=100)
        )
        return [one for one in every if {"*", kind} & set(one["enabled_events"])]

    def _sendings(self, kind: str) -> list[float]:
        """Return when to send: usually once, at once; planned faults change that."""
        times = [0.0]
        for fault in self.webhook_faults:
            if not fault.strikes(kind):
                continue
            self.used_faults.append(fault)
            match fault.kind:
                case "webhook_drop":
                    times = []
                case "webhook_duplicate":
                    times = times * 2
                case _:
                    times = [at_s + fault.delay_s for at_s in times]
        return times


@dataclass(frozen=True, slots=True)
class MockRoute:
    """One operation of the API: method, path (`*` stands for an id), parameter type, what to run."""

    method: str
    path: str
    params: str
    run: Operation

    def refs(self, method: str, parts: Sequence[str]) -> list[str] | None:
        """Return the ids in a path that this route serves, or None when it is another's."""
        mine = self.path.split("/")
        if method != self.method or len(mine) != len(parts):
            return None
        pairs = list(zip(mine, parts, strict=True))
        if any(own not in ("*", part) for own, part in pairs):
            return None
        return [part for own, part in pairs if own == "*"]
