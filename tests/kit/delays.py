"""Calls that take minutes: what else goes on meanwhile is done in full before they go on.

`SlowChannel` and `SlowProvider` stop before or after each call, do `meanwhile`, which advances the clock and runs the
timed work, the jobs and the webhooks of another process, and only then let the call, or its answer, through.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tollway.fabric.rpc import Call, LocalChannel, LocalServer

Meanwhile = Callable[[str], Awaitable[None]]


class SlowChannel(LocalChannel):
    """A way to neighbours on which each call takes minutes."""

    def __init__(self, server: LocalServer, caller: str, meanwhile: Meanwhile, *, before: bool) -> None:
        super().__init__(server, caller)
        self._meanwhile = meanwhile
        self._before = before

    async def unary(self, path: str, request: Any, call: Call, codec: Any) -> Any:
        if self._before:
            await self._meanwhile(path)
            return await super().unary(path, request, call, codec)
        answer = await super().unary(path, request, call, codec)
        await self._meanwhile(path)
        return answer


class SlowProvider:
    """A payment provider each call of which takes minutes."""

    def __init__(self, provider: Any, meanwhile: Meanwhile, *, before: bool) -> None:
        self._provider, self._meanwhile, self._before = provider, meanwhile, before
        self.name, self.capabilities = provider.name, provider.capabilities

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._provider, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            if self._before:
                await self._meanwhile(f"provider {name}")
                return await method(*arguments, **options)
            answer = await method(*arguments, **options)
            await self._meanwhile(f"provider {name}")
            return answer

        return call
