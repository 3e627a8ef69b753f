"""Killing a service at any point where a process could die with an effect half done.

A `Fate` counts the points that a life passes: before and after each call at a service API, before and after each
commit. At the chosen one, and at every later one, it raises `Killed`, which no handler catches: that life
is over, and what it had not committed or sent never happened.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from tollway.fabric.db import Database, Tx
from tollway.fabric.rpc import Call, LocalChannel, LocalServer
from tollway.kit.errors import Unavailable


class Killed(BaseException):
    """The process is gone."""


class Fate:
    """Lets a life pass `survives` points and ends it at the next; None: it lives on.

    At the point `unheard`, if that is at a service API, the call or its answer is lost instead.
    """

    def __init__(self, survives: int | None = None, unheard: int | None = None) -> None:
        self._survives = survives
        self._unheard = unheard
        self.passed: list[str] = []

    async def point(self, name: str) -> None:
        # Others get a turn here, so that parallel drivers mix at every point.
        await asyncio.sleep(0)
        here = len(self.passed)
        if self._survives is not None and here >= self._survives:
            raise Killed(name)
        self.passed.append(name)
        if here == self._unheard and name.startswith("ask"):
            raise Unavailable(f"{name} was not heard")


class MortalDatabase:
    """A database whose user may die right before or right after a commit."""

    def __init__(self, db: Database, fate: Fate) -> None:
        self._db = db
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._db.transaction() as tx:
            yield tx
            await self._fate.point("commit")
        await self._fate.point("committed")

    def snapshot(self) -> AbstractAsyncContextManager[Tx]:
        return self._db.snapshot()


class MortalChannel(LocalChannel):
    """A way to neighbours whose user may die right before a call or right after it was carried out."""

    def __init__(self, server: LocalServer, caller: str, fate: Fate) -> None:
        super().__init__(server, caller)
        self._fate = fate

    async def unary(self, path: str, request: Any, call: Call, codec: Any) -> Any:
        await self._fate.point(f"ask {path}")
        answer = await super().unary(path, request, call, codec)
        await self._fate.point(f"asked {path}")
        return answer
