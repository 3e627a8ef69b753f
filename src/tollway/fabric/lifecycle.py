"""Starts the parts of a process in order, stops them in reverse, and lets one failure stop all.

A part is anything with `start()` and `stop()`. It starts after the parts it names in `after`. `ready` is true
only between the last successful start and the first stop.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Literal, Protocol

_log = logging.getLogger(__name__)

State = Literal["waiting", "starting", "ready", "stopping", "stopped", "failed"]
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class Component(Protocol):
    """A part with a beginning and an end."""

    async def start(self) -> None:
        """Return when the part does its work. An exception stops the whole process."""
        ...

    async def stop(self) -> None:
        """Return when the part has let go of everything."""
        ...


@dataclass(slots=True)
class Part:
    """A named component and what must be up before it."""

    name: str
    component: Component
    after: Sequence[str] = ()
    state: State = field(default="waiting")


class StartFailed(Exception):
    """A part could not start; the text is one line for the person who started us."""


class Lifecycle:
    """The parts of one process."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._started: list[Part] = []

    def add(self, name: str, component: Component, after: Sequence[str] = ()) -> None:
        """Add a part. Names are unique; `after` may name parts that are added later."""
        assert name not in self._parts, f"two parts are called {name}"
        self._parts[name] = Part(name, component, after)

    @property
    def ready(self) -> bool:
        """Return whether every part is up."""
        return bool(self._parts) and all(part.state == "ready" for part in self._parts.values())

    @property
    def states(self) -> dict[str, State]:
        """Return every part's state, in the order in which they were added."""
        return {part.name: part.state for part in self._parts.values()}

    async def start(self) -> None:
        """Start everything in order. On a failure stop what was started and raise StartFailed."""
        for part in self._in_order():
            part.state = "starting"
            # Known as started before it is, so that a half-started part is stopped too.
            self._started.append(part)
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await part.component.start()
            except Exception as error:
                part.state = "failed"
                await self.stop()
                reason = "took too long" if isinstance(error, TimeoutError) else str(error) or repr(error)
                raise StartFailed(f"{part.name}: {reason}") from error
            part.state = "ready"

    async def stop(self) -> None:
        """Stop in reverse order; a part that fails to stop does not keep the others from it."""
        while self._started:
            part = self._started.pop()
            failed = part.state == "failed"
            part.state = "stopping"
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await part.component.stop()
            except Exception:  # noqa: BLE001  every part must get its turn
                _log.warning("%s did not stop cleanly", part.name, exc_info=True)
            part.state = "failed" if failed else "stopped"

    def _in_order(self) -> list[Part]:
        known = {
            name: [other for other in part.after if other in self._parts]
            for name, part in self._parts.items()
        }
        try:
            return [self._parts[name] for name in TopologicalSorter(known).static_order()]
        except CycleError as error:
            raise AssertionError(f"parts wait for each other: {' → '.join(error.args[1])}") from error
