"""The answering side of a service API, the same on every transport."""

from __future__ import annotations  # grpc's handler type has parameters for the checker only

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

import grpc

from tollway.fabric.rpc.acting import Acting
from tollway.fabric.rpc.call import Call, enter, leave, replace
from tollway.fabric.rpc.metrics import Meter
from tollway.fabric.rpc.policy import Policy, Rules, check, service_of
from tollway.kit.errors import Internal, Problem

_log = logging.getLogger(__name__)


class Served:
    """One method of a servicer: checks the caller, sets the context, turns surprises into `Internal`."""

    def __init__(
        self,
        path: str,
        handler: grpc.RpcMethodHandler[Any, Any],
        policy: Policy | None,
        rules: Rules | None,
        acting: Acting | None = None,
    ) -> None:
        self.api, self.method = service_of(path)
        self._acting = acting
        self._acting_rule = acting.rule(self.api, self.method) if acting is not None else None
        self._rule = (rules or {}).get(self.api, {}).get(self.method)
        self._policy = policy
        self._unary: Callable[[Any, Any], Awaitable[Any]] | None = handler.unary_unary  # pyright: ignore[reportAttributeAccessIssue]
        self._stream: Callable[[Any, Any], AsyncGenerator[Any]] | None = handler.unary_stream  # pyright: ignore[reportAttributeAccessIssue]
        assert self._unary or self._stream, f"{path} streams its requests, which no service API does"
        self._meter = Meter("server", self.api, self.method)

    async def answer(self, request: Any, call: Call) -> Any:
        """Carry out one call. Raises Problem only, whatever happens inside."""
        assert self._unary is not None
        began = perf_counter()
        code = "ok"
        tokens = enter(call)
        try:
            await self._admit(request, call)
            return await self._unary(request, None)
        except Exception as error:
            problem = self._problem(error)
            code = problem.code
            if problem is error:
                raise
            raise problem from None
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            leave(tokens)
            self._meter.count(code, perf_counter() - began)

    async def answers(self, request: Any, call: Call) -> AsyncGenerator[Any]:
        """Carry out a streaming call. To be consumed by one task that does nothing else."""
        assert self._stream is not None
        began = perf_counter()
        code = "ok"
        enter(call)
        try:
            await self._admit(request, call)
            async for answer in self._stream(request, None):
                yield answer
        except Exception as error:
            problem = self._problem(error)
            code = problem.code
            if problem is error:
                raise
            raise problem from None
        except (asyncio.CancelledError, GeneratorExit):
            code = "cancelled"
            raise
        finally:
            self._meter.count(code, perf_counter() - began)

    async def _admit(self, request: Any, call: Call) -> None:
        caller = call.caller_service
        check(self._policy, self.api, self.method, caller)
        if self._rule is not None:
            self._rule(request, caller)
        if self._acting is None:
            return  # nobody is proved: the caller's word stands, as in tests of one service
        proved = await self._acting.prove(call, self.api, self.method)
        replace(proved)
        if self._acting_rule is not None:
            self._acting_rule(request, caller, proved.principal)

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        _log.error("%s.%s failed", self.api, self.method, exc_info=error)
        return Internal()


def served(
    service: str,
    handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]],
    policy: Policy | None,
    rules: Rules | None = None,
    acting: Acting | None = None,
) -> dict[str, Served]:
    """Make the served methods of one service, by their path `/package.Service/Method`."""
    return {
        path: Served(path, handler, policy, rules, acting)
        for path, handler in ((f"/{service}/{method}", handler) for method, handler in handlers.items())
    }
