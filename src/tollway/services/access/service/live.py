"""Live usage: a customer's sums as nodes report them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from time import monotonic
from typing import Protocol

from tollway.services.access.service.usage import Stats

LOOK_EVERY_S = 0.5
HEARTBEAT_S = 15.0


class Source(Protocol):
    """Where a customer's sums are read."""

    async def stats(self, user_id: str) -> Stats: ...


async def follow(
    usage: Source,
    user_id: str,
    sleep: Callable[[float], Awaitable[object]],
    now_s: Callable[[], float] = monotonic,
) -> AsyncGenerator[Stats | None]:
    """Yield a customer's sums now, then whenever they have changed; None is a heartbeat after `HEARTBEAT_S` of quiet.

    They are read anew for each update, so a reader who is slow misses what lay between and gets the newest. Reports
    may arrive at any replica of the service, so the sums are looked up rather than passed along.
    """
    shown = await usage.stats(user_id)
    yield shown
    spoke_at_s = now_s()
    while True:
        await sleep(LOOK_EVERY_S)
        stats = await usage.stats(user_id)
        if stats != shown:
            shown = stats
            yield stats
        elif now_s() - spoke_at_s >= HEARTBEAT_S:
            yield None
        else:
            continue
        spoke_at_s = now_s()
