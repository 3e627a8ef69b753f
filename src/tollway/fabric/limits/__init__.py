"""The limits port: how many requests somebody may make, counted in one process or for several together.

A limit is a token bucket: `quota` requests at once, refilled evenly over a window. `take` asks for one request
and answers at once, from memory: it stands in the path of every request and never waits for a network.
Backends: `memory` counts for this process alone; `redis` keeps the buckets of several processes in step
through a store (Redis, Valkey), each running ahead of it by no more than a fixed credit (`credit`).

What is promised of any one key, with N processes, in any stretch of time t: a shared limit admits at most
`quota + (N - 1) * credit + quota * t / window`. While the store is away each process counts alone, or all is
refused, as declared. A limit of one process admits at most `quota + quota * t / window`.
"""

from typing import Literal, NamedTuple, Protocol

Key = str | bytes
Outage = Literal["local", "refuse"]
"""What a shared limit does while its store is away: each process counts for itself, or nobody gets through."""


class LimitDecision(NamedTuple):
    """The answer of a limit. `remaining` is how many more would be admitted now, as far as is known here.

    Not admitted with something remaining says: more may be admitted, but others have to be asked first. Await
    `synced` and ask again; to refuse at once is safe too. Only shared limits answer so, and only to a burst.
    """

    admitted: bool
    remaining: int
    full_in_s: float  # until the whole quota is there again
    retry_in_s: float  # until the next one is admitted; 0 when one is now


class Limit(Protocol):
    """One limit class: a bucket for every key."""

    def take(self, key: Key, now: float) -> LimitDecision:
        """Take one request of `key` at `now` (monotonic seconds). Refused requests cost nothing."""
        ...

    async def synced(self) -> None:
        """Return when this process is in step with the others, or it is certain that it cannot be."""
        ...

    def forget_full(self, now: float) -> None:
        """Drop the buckets that are full again: they are as good as none."""
        ...

    def __len__(self) -> int: ...


class Limits(Protocol):
    """Makes limits. A component: shared ones are shared from `start` to `stop`, and local otherwise."""

    def limit(self, name: str, quota: int, window_s: float, outage: Outage = "local") -> Limit:
        """Give the limit of this name. Processes that share it must agree on `quota` and `window_s`."""
        ...

    async def start(self) -> None:
        """Begin to share. A store that is away is no error."""
        ...

    async def stop(self) -> None:
        """Let go of the store."""
        ...
