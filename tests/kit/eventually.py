"""Waiting for a condition: the one way in which a test waits for what others do."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")
# A busy machine is slow, and only a failing test waits for all of this.
TIMEOUT_S = 20.0


async def eventually(look: Callable[[], _Seen], timeout_s: float = TIMEOUT_S) -> _Seen:
    """Look until something is true, while the event loop goes on, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not true within {timeout_s:g} s; last seen: {seen!r}"
        await asyncio.sleep(0.005)
    return seen


def wait_until(look: Callable[[], _Seen], timeout_s: float = TIMEOUT_S) -> _Seen:
    """Look until something in another process or thread is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not true within {timeout_s:g} s; last seen: {seen!r}"
        time.sleep(0.02)
    return seen
