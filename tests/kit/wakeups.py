"""Counting what makes an event loop wake by the clock, so that "nothing happens" can be asserted without waiting."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def count_timers() -> Generator[list[tuple[str, float]]]:
    """Note every timer that the running loop is given from now on: whose it is, and its delay in seconds."""
    loop = asyncio.get_running_loop()
    noted: list[tuple[str, float]] = []
    call_at = loop.call_at

    def note(when: float, callback: Any, *arguments: Any, context: Any = None) -> asyncio.TimerHandle:
        noted.append((_owner(callback, arguments), when - loop.time()))
        return call_at(when, callback, *arguments, context=context)

    with patch.object(loop, "call_at", note):
        yield noted


def _owner(callback: Any, arguments: tuple[Any, ...]) -> str:
    """Name who waits: the task of a sleep or a timeout, else the function that is called."""
    task = asyncio.current_task()
    name = getattr(callback, "__qualname__", repr(callback))
    return f"{task.get_name()}: {name}" if task is not None else name
