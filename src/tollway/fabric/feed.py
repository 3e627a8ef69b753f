"""Following a numbered log: a reader has what is new at once, and learns regularly that the log is alive.

A log is anything that can return its entries after a number, in order: a table whose numbers appear in the order
of commit. Whoever appends in this process calls `wake`. What another replica appended is found by looking again
every `poll_s`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

BATCH = 500
POLL_S = 0.3
HEARTBEAT_S = 15.0

Entry = TypeVar("Entry")


class Timer(Protocol):
    """Measures time and waits, so that a test can do both without waiting."""

    def now(self) -> float:
        """Return seconds that only grow."""
        ...

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """Return when the event is set, or after `timeout_s`."""
        ...


class MonotonicTimer:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """Return when the event is set, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return


class Feed(Generic[Entry]):
    """Lets any number of readers follow one log. They do not slow each other down, nor miss anything."""

    def __init__(
        self,
        select: Callable[[int, int], Awaitable[Sequence[Entry]]],
        number: Callable[[Entry], int],
        *,
        poll_s: float | None = POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
        timer: Timer | None = None,
    ) -> None:
        """`select(after, limit)` returns entries; `poll_s` None: nobody else appends to this log."""
        self._select, self._number = select, number
        self._poll_s, self._heartbeat_s = poll_s, heartbeat_s
        self._timer = timer or MonotonicTimer()
        self._appended = asyncio.Event()
        # Nothing comes after this number until the event is set.
        self._end: tuple[int, asyncio.Event] | None = None

    def wake(self) -> None:
        """Let readers look now: something was appended and committed."""
        # An event for each time, so that no reader can reset another's.
        appended, self._appended = self._appended, asyncio.Event()
        appended.set()

    async def read(self, after: int, limit: int, wait_s: float) -> Sequence[Entry]:
        """Return up to `limit` entries after a number as soon as there is one, or none after `wait_s`."""
        deadline = self._timer.now() + wait_s
        while True:
            # Taken before the look, so that what is appended meanwhile is not missed.
            appended = self._appended
            if not self._is_at_end(after):
                entries = await self._select(after, limit)
                if entries:
                    return entries
                self._end = after, appended
            left_s = deadline - self._timer.now()
            if left_s <= 0:
                return []
            await self._timer.wait(appended, left_s if self._poll_s is None else min(left_s, self._poll_s))

    async def follow(self, after: int) -> AsyncGenerator[Sequence[Entry]]:
        """Yield everything after a number in batches, then what is new as it comes, without end.

        An empty batch is a heartbeat: the first that is yielded, and one whenever nothing came for `heartbeat_s`.
        """
        yield ()
        while True:
            entries = await self.read(after, BATCH, self._heartbeat_s)
            if entries:
                after = self._number(entries[-1])
            yield entries

    def _is_at_end(self, after: int) -> bool:
        """Return whether nothing can be there: who alone appends to this log need not look before something was."""
        if self._poll_s is not None or self._end is None:
            return False
        number, appended = self._end
        return after >= number and appended is self._appended
