"""Waiting for a condition: the one way in which a test waits for what others do."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")
# A busy machine is slow, and only a failing test waits for all of this.
TIMEOUT_S = 60.0
# What is promised within a second is held to this beside other work; what only looks now and then takes longer still.
A_SECOND_S = 3.0


async def eventually(look: Callable[[], _Seen], timeout_s: float = TIMEOUT_S) -> _Seen:
    """Look until something is true, while the event loop goes on, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not true within {timeout_s:g} s; last seen: {seen!r}"
        await asyncio.sleep(0.005)
    return seen


async def stands_still(look: Callable[[], _Seen], quiet_s: float = 0.3) -> _Seen:
    """Look until nothing has changed for a while, as when all buffers are full, and return what was seen last."""
    seen, since = look(), time.monotonic()
    deadline = since + TIMEOUT_S
    while time.monotonic() - since < quiet_s:
        assert time.monotonic() < deadline, f"it goes on and on; last seen: {seen!r}"
        await asyncio.sleep(0.01)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
    return seen


def wait_until(look: Callable[[], _Seen], timeout_s: float = TIMEOUT_S) -> _Seen:
    """Look until something in another process or thread is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not true within {timeout_s:g} s; last seen: {seen!r}"
        time.sleep(0.02)
    return seen
