"""The dashboard: what a customer sees first, gathered in one answer."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.errors import DeadlineExceeded, Unavailable
from tollway.kit.times import DAY_US
from tollway.services.access import store
from tollway.services.access.model.standing import AccessStanding, judge
from tollway.services.access.service.holdings import Held, Holdings
from tollway.services.access.service.nodes import Nodes
from tollway.services.access.service.usage import Stats, Usage
from tollway.services.access.store.nodes import NodeEndpoint
from tollway.services.access.store.usage import Filter, Record, Total, day_of

CONNECTIONS = 5
StepName = Literal["top_up", "buy", "connect"]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step on the way to the first byte."""

    name: StepName
    done: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a customer sees first. What the ledger knows is None when it does not answer."""

    standing: AccessStanding
    held: Held | None
    steps: list[FirstStep] | None
    stats: Stats
    previous_day: Total
    endpoints: list[NodeEndpoint]
    connections: list[Record]


class Dashboards:
    """Gathers dashboards from here and from the ledger."""

    def __init__(self, db: Database, clock: Clock, holdings: Holdings, nodes: Nodes, usage: Usage) -> None:
        self._db, self._clock = db, clock
        self._holdings, self._nodes, self._usage = holdings, nodes, usage

    async def read(self, user_id: str) -> Dashboard:
        """Return a customer's dashboard; a ledger that does not answer leaves its parts out."""
        held, stats, recent, endpoints = await asyncio.gather(
            self._held(user_id),
            self._usage.stats(user_id),
            self._usage.records(user_id, Filter(), CONNECTIONS, "", newest_first=True),
            self._nodes.endpoints(),
        )
        async with self._db.snapshot() as tx:
            resources = await store.resources.find_all_of(tx, user_id)
            suspended = await store.resources.is_stopped(tx, user_id)
            previous_day = await store.usage.total_of_day(tx, user_id, day_of(self._clock.now_us() - DAY_US))
        left = None if held is None else {one.asset: one.balance for one in held.allowances}
        return Dashboard(
            standing=judge(resources, left, suspended=suspended, node_up=bool(endpoints)),
            held=held,
            steps=None if held is None else _steps(held, stats),
            stats=stats,
            previous_day=previous_day,
            endpoints=endpoints,
            connections=list(recent.items),
        )

    async def _held(self, user_id: str) -> Held | None:
        try:
            return await self._holdings.everything(user_id)
        except (Unavailable, DeadlineExceeded):
            return None


def _steps(held: Held, stats: Stats) -> list[FirstStep]:
    """Say which steps are done; who was given data needs no money."""
    return [
        FirstStep("top_up", held.had_cash or held.had_access),
        FirstStep("buy", held.had_access),
        FirstStep("connect", stats.all_time.flows > 0),
    ]
