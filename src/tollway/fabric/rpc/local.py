"""The service API within one process: the caller's await reaches the servicer directly, nothing is serialized.

`LocalServer` takes servicers through the generated `add_XServicer_to_server(servicer, server)`;
`LocalChannel(server, "orders")` is what the service orders binds its stubs to. Messages are handed over as
they are: neither side changes one after it gave it away.
"""

from __future__ import annotations  # grpc's handler type has parameters for the checker only

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from tollway.fabric.rpc.acting import Acting
from tollway.fabric.rpc.call import Call
from tollway.fabric.rpc.channel import Channel, Codec
from tollway.fabric.rpc.policy import Policy, Rules
from tollway.fabric.rpc.serving import Served, served
from tollway.kit.errors import DeadlineExceeded, Unavailable


class LocalServer(grpc.aio.Server):
    """The service APIs that are served in this process. Open from the start; `stop` closes them."""

    def __init__(
        self, policy: Policy | None = None, rules: Rules | None = None, acting: Acting | None = None
    ) -> None:
        self._policy, self._rules, self.acting = policy, rules, acting
        self._methods: dict[str, Served] = {}
        self._open = True

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Serve a servicer's methods; the generated `add_XServicer_to_server` calls this."""
        self._methods |= served(service_name, method_handlers, self._policy, self._rules, self.acting)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Do nothing: the generated code registers the same methods by name as well."""

    async def start(self) -> None:
        """Open the service APIs."""
        self._open = True

    async def stop(self, grace: float | None = None) -> None:  # noqa: ARG002  the shape of gRPC
        """Close the service APIs: calls from now on raise Unavailable."""
        self._open = False

    def method(self, path: str) -> Served:
        """Find the method served at `path`. Raises Unavailable when there is none or the service APIs are closed."""
        method = self._methods.get(path)
        if method is None or not self._open:
            raise Unavailable(f"{path} is not served here now")
        return method

    def add_insecure_port(self, address: str) -> NoReturn:
        """Refuse: nothing listens within a process."""
        raise NotImplementedError(f"{address}: a local service API has no port")

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> NoReturn:
        """Refuse: nothing listens within a process."""
        raise NotImplementedError(f"{address}: a local service API has no port")

    async def wait_for_termination(self, timeout: float | None = None) -> NoReturn:  # noqa: ASYNC109  the shape of gRPC
        """Refuse: nothing runs here that could end."""
        raise NotImplementedError


class LocalChannel(Channel):
    """Reaches the service APIs of a `LocalServer` as the service `caller`."""

    def __init__(self, server: LocalServer, caller: str) -> None:
        super().__init__(caller)
        self._server = server

    async def unary(self, path: str, request: Any, call: Call, codec: Codec) -> Any:  # noqa: ARG002
        """Await the servicer. At the deadline it is cancelled and DeadlineExceeded raised."""
        method = self._server.method(path)
        try:
            async with asyncio.timeout(call.left_s()):
                return await method.answer(request, call)
        except TimeoutError:
            raise DeadlineExceeded from None

    async def stream(self, path: str, request: Any, call: Call, codec: Codec) -> AsyncGenerator[Any]:  # noqa: ARG002
        """Iterate the servicer's answers. At the deadline it is cancelled and DeadlineExceeded raised."""
        method = self._server.method(path)
        try:
            async with (
                asyncio.timeout(call.left_s()),
                contextlib.aclosing(method.answers(request, call)) as answers,
            ):  # pyright: ignore[reportArgumentType]
                async for answer in answers:
                    yield answer
        except TimeoutError:
            raise DeadlineExceeded from None
