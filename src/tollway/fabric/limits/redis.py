"""Carries what processes admitted to a Redis-compatible server, and what all of them did back.

One task per process. It sends everything that is unsent in one script call, at most fifty times a second unless
somebody waits for the answer. The script alone reads and writes the buckets, by the server's clock, so the
clocks of the machines do not matter. A bucket is one key, gone from the server when it is full again.

When the server does not answer within `answer_s`, the limits are on their own from that moment; the task
knocks until it is back. What they admitted in between is not made up for. Redis Cluster is not supported: one
call speaks of many keys.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tollway.fabric.limits import Key, Outage
from tollway.fabric.limits.credit import CreditLimit
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)

_PREFIX = "tollway:limit:"
_PAUSE_S = 0.02  # between calls when nobody waits: a busy process makes at most fifty a second
_KNOCK_S = 0.25

# ARGV holds the cost of each key in microseconds. A cost is added whether or not there is room: it was admitted.
_ADD = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_in = {}
for i, key in ipairs(KEYS) do
  local full_at = math.max(tonumber(redis.call('GET', key)) or 0, now) + ARGV[i]
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 1)
  full_in[i] = math.ceil(full_at - now)
end
return full_in
"""


class RedisLimits(Collector):
    """Makes limits that are shared by all processes that use the server at `url` (`redis://`, `rediss://`, `unix://`).

    `credit` is the part of a quota that a process may admit ahead of the server (at least one request).
    `monotonic` is the clock that `take` gets its time from.
    """

    def __init__(
        self,
        url: str,
        *,
        credit: float = 0.1,
        answer_s: float = 0.1,
        registry: CollectorRegistry = REGISTRY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reached = False
        self._credit = credit
        self._answer_s = answer_s
        self._registry = registry
        self._monotonic = monotonic
        # Tries and deadlines are ours. The client's own, on Python 3.11, now and then swallow a cancellation.
        self._client: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url, retry=Retry(NoBackoff(), 0), socket_timeout=None, socket_connect_timeout=None
        )
        self._add = self._client.register_script(_ADD)
        self._limits: dict[str, CreditLimit] = {}
        self._unsent = asyncio.Event()
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._calls = self._failures = self._waits = 0

    def limit(self, name: str, quota: int, window_s: float, outage: Outage = "local") -> CreditLimit:
        """Give the limit of this name; in a process there is one of each."""
        assert name not in self._limits, f"two limits are called {name}"
        credit = max(1, int(quota * self._credit))
        made = CreditLimit(name, quota, window_s, credit, outage, self._unsent.set, self._hurry)
        self._limits[name] = made
        return made

    async def start(self) -> None:
        """Begin to share, at once when the server answers, else as soon as it does."""
        await self._knock()
        if not self.reached:
            _log.warning("limits count for this process alone: the server that shares them does not answer")
        self._task = spawn(self._keep_in_step(), "limits")
        self._registry.register(self)

    async def stop(self) -> None:
        """Report to the server what it does not know yet, and let go of it."""
        if self._task is None:
            return
        await cancel(self._task)
        self._task = None
        self._registry.unregister(self)
        if self.reached:
            await self._synchronize()
        self._part()
        with suppress(RedisError, OSError):
            await self._client.aclose()

    def collect(self) -> Iterable[Metric]:
        """Render the figures for Prometheus."""
        yield GaugeMetricFamily(
            "tollway_limits_shared", "1 while limits are shared, 0 while they are not", value=self.reached
        )
        for name, text, value in (
            ("calls", "Exchanges with the server that shares limits", self._calls),
            ("failures", "Times it did not answer", self._failures),
            ("waits", "Requests that waited for its answer", self._waits),
        ):
            yield CounterMetricFamily(f"tollway_limits_{name}", text, value=value)

    # ── the task ────────────────────────────────────────────────────────────────────────────────────────

    async def _keep_in_step(self) -> None:
        while True:
            if not self.reached:
                await asyncio.sleep(_KNOCK_S)
                await self._knock()
                continue
            await self._unsent.wait()
            await self._synchronize()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S):
                    await self._urgent.wait()

    async def _synchronize(self) -> None:
        """Report everything to the server and take over its answer, or go on alone."""
        self._unsent.clear()
        self._urgent.clear()
        sent = [(limit, limit.collect_unsent()) for limit in self._limits.values()]
        answer = await self._ask(
            [f"{_PREFIX}{limit.name}:{_text(key)}" for limit, keys in sent for key in keys],
            [math.ceil(n * limit.interval_us) for limit, keys in sent for n in keys.values()],
        )
        if answer is None:
            self._part()
            return
        now, at = self._monotonic(), 0
        for limit, keys in sent:
            limit.synchronize(answer[at : at + len(keys)], now)
            at += len(keys)

    async def _knock(self) -> None:
        # A key of nobody: a server that answers but does not write is of no use.
        if await self._ask([_PREFIX], [1]) is None:
            return
        self.reached = True
        for limit in self._limits.values():
            limit.join()
        _log.info("limits are shared")

    def _part(self) -> None:
        self.reached = False
        for limit in self._limits.values():
            limit.disconnect()

    async def _ask(self, keys: list[str], costs_us: list[int]) -> list[int] | None:
        """Make one call; None when it fails, for whatever reason: nobody must depend on it."""
        self._calls += 1
        try:
            async with asyncio.timeout(self._answer_s):
                return cast("list[int]", await self._add(keys, costs_us))
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            self._failures += 1
            if self.reached:
                _log.warning("limits count for this process alone: %s", str(error) or "no answer in time")
            return None

    def _hurry(self) -> None:
        self._waits += 1
        self._urgent.set()
        self._unsent.set()


def _text(key: Key) -> str:
    return key if isinstance(key, str) else key.hex()
