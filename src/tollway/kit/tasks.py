"""Background tasks that are held strongly and whose failures are logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
_alive: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Start `work` as a task. The event loop alone would hold it weakly, and its error would be lost."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _alive.add(task)
    task.add_done_callback(_ended)
    return task


async def run_to_completion(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end even when the caller is cancelled meanwhile; the cancellation is raised after it.

    For steps that must not be left half done, such as a statement on a connection that others will use.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def cancel(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended."""
    if task is None or task.done():
        return
    task.cancel()
    await asyncio.wait({task})


def _ended(task: asyncio.Task[Any]) -> None:
    _alive.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task %s failed", task.get_name(), exc_info=error)
