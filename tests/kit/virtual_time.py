"""An event loop whose clock jumps to the next timer when nothing else is left to do, so that a wait costs no time."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

# How long threads (SQLite's) are waited for before the clock jumps.
PATIENCE_S = 0.5


class JumpingSelector(selectors.DefaultSelector):
    """Waits for input and threads a moment, and then says how much of the wait was skipped."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready."""
        if timeout is None or timeout <= PATIENCE_S:
            return super().select(timeout)
        ready = super().select(PATIENCE_S)
        if not ready:
            self.skipped_s += timeout - PATIENCE_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Knows the time as if the waits that were skipped had passed."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        """Return the time in seconds."""
        return super().time() + self.selector.skipped_s


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story in virtual time; the deadlines of calls go by it too."""

    async def told() -> None:
        with patch("tollway.fabric.rpc.call.monotonic", asyncio.get_running_loop().time):
            await story()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(told())
