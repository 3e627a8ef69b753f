"""The service API for other processes: a gRPC server with mutual TLS that knows its callers by their certificates."""

from __future__ import annotations  # grpc's handler type has parameters for the checker only

import asyncio
import contextlib
import errno
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, cast

import grpc
import grpc.aio
from google.protobuf.descriptor_pool import Default
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tollway.fabric import tls
from tollway.fabric.rpc import call_stream
from tollway.fabric.rpc.acting import Acting
from tollway.fabric.rpc.call_stream import MESSAGE_LIMIT_BYTES, Answerer, ServerStreams
from tollway.fabric.rpc.policy import Policy, Rules
from tollway.fabric.rpc.serving import Served, served
from tollway.fabric.rpc.trailers import PROBLEM, read_call, status_of, write_problem
from tollway.kit.errors import Problem

LEAVE_S = 1.0
_health = cast("Any", health).aio  # the published types leave the asynchronous servicer out
_SPIFFE = f"spiffe://{tls.TRUST_DOMAIN}/"
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on a taken port must fail, not share its calls
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class RpcServer(grpc.aio.Server):
    """Serves service APIs on `address`: `host:port`, where port 0 picks one, or `unix:/path`.

    It may be started again after a stop.

    `service` is whose certificate in `certificates` it shows; a renewed file is used from the next
    connection on. With `reflect`, tools can list the service APIs.
    """

    def __init__(
        self,
        address: str,
        certificates: Path,
        service: str,
        policy: Policy | None = None,
        rules: Rules | None = None,
        *,
        acting: Acting | None = None,
        reflect: bool = False,
    ) -> None:
        self.port = 0
        self._address, self._certificates, self._service = address, certificates, service
        self._policy, self._rules, self._acting, self._reflect = policy, rules, acting, reflect
        self._services: dict[str, Mapping[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        self._streams = ServerStreams()
        self._health: Any = None
        self._server: grpc.aio.Server | None = None

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Serve a servicer's methods; the generated `add_XServicer_to_server` calls this, before the start."""
        methods = served(service_name, method_handlers, self._policy, self._rules, self._acting)
        self._services[service_name] = {
            name: _remote_handler(methods[f"/{service_name}/{name}"], handler)
            for name, handler in method_handlers.items()
        }
        for name, handler in method_handlers.items():
            if handler.unary_unary is not None:
                path = f"/{service_name}/{name}"
                codec: Any = (handler.request_deserializer, handler.response_serializer)
                self._streams.methods[path] = Answerer(methods[path], *codec)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Do nothing: the generated code registers the same methods by name as well."""

    async def start(self) -> None:
        """Listen and answer. Raises OSError when the address is taken, CertificateUnusable."""
        credentials = _Credentials(self._certificates, self._service)
        server = grpc.aio.server(options=_OPTIONS)
        for name, handlers in self._services.items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, dict(handlers)),))
            server.add_registered_method_handlers(name, handlers)
        exchange: dict[str, Any] = {call_stream.METHOD: grpc.stream_stream_rpc_method_handler(self._exchange)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(call_stream.API, exchange),))
        self._health = _health.HealthServicer()
        cast("Any", health_pb2_grpc).add_HealthServicer_to_server(self._health, server)
        if self._reflect:
            reflection.enable_server_reflection([*self._services, reflection.SERVICE_NAME], server, Default())
        host, _, port = self._address.rpartition(":")
        # After a restart the same port as before, also when the first was chosen by the system.
        is_socket = self._address.startswith("unix:")
        address = self._address if is_socket else f"{host}:{self.port or port}"
        try:
            self.port = server.add_secure_port(address, credentials.grpc())
        except RuntimeError as error:
            raise OSError(
                errno.EADDRINUSE, f"cannot listen on {address}; it is taken or not an address of this machine"
            ) from error
        await server.start()
        for name in ("", *self._services):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = server

    async def stop(self, grace: float | None = 5.0) -> None:
        """Say NOT_SERVING, let calls in flight end within `grace` seconds, then close.

        Callers have at least `LEAVE_S` to leave streams that they share, or what they send just then would be lost.
        """
        server, self._server = self._server, None
        if server is not None:
            await self._health.enter_graceful_shutdown()
            self._streams.stop()
            await server.stop(max(grace or 0.0, LEAVE_S))

    async def _exchange(self, _requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await self._streams.exchange(context, _caller(context))

    def add_insecure_port(self, address: str) -> NoReturn:
        """Refuse: service APIs are never open without TLS."""
        raise NotImplementedError(f"{address}: services speak over mutual TLS only")

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> NoReturn:
        """Refuse: the address is given at construction."""
        raise NotImplementedError(f"{address}: give the address to RpcServer")

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  the shape of gRPC
        """Wait until the server has stopped."""
        assert self._server is not None, "the server was not started"
        return await self._server.wait_for_termination(timeout)


class _Credentials:
    """Reads the certificate again whenever its file has changed."""

    def __init__(self, folder: Path, service: str) -> None:
        self._folder, self._service = folder, service
        self._version = tls.version(folder, service)
        self._first = self._configuration()

    def grpc(self) -> grpc.ServerCredentials:
        return grpc.dynamic_ssl_server_credentials(
            self._first, self._renewed, require_client_authentication=True
        )

    def _renewed(self) -> Any:
        # Called by gRPC's thread at each new connection; None keeps the old certificate. (The published types
        # do not know that None is allowed.)
        with contextlib.suppress(OSError, tls.CertificateUnusable):
            if (version := tls.version(self._folder, self._service)) != self._version:
                configuration = self._configuration()
                self._version = version
                return configuration
        return None

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        identity = tls.load(self._folder, self._service)
        return grpc.ssl_server_certificate_configuration(
            [(identity.key, identity.certificate)], root_certificates=identity.roots
        )


def _remote_handler(
    method: Served, handler: grpc.RpcMethodHandler[Any, Any]
) -> grpc.RpcMethodHandler[Any, Any]:
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await method.answer(request, _call(context))
        except Problem as problem:
            await _refuse(context, problem)

    async def answers(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncGenerator[Any]:
        try:
            async for item in method.answers(request, _call(context)):
                yield item
        except Problem as problem:
            await _refuse(context, problem)

    codec = (handler.request_deserializer, handler.response_serializer)
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(answer, *codec)
    return grpc.unary_stream_rpc_method_handler(answers, *codec)


def _call(context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    left_s = cast("float | None", context.time_remaining())
    deadline = None if left_s is None else monotonic() + left_s
    return read_call(context.invocation_metadata() or (), _caller(context), deadline)


def _caller(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for identity in context.auth_context().get("peer_spiffe_id", ()):
        if (text := identity.decode()).startswith(_SPIFFE):
            return text.removeprefix(_SPIFFE)
    return ""


async def _refuse(context: grpc.aio.ServicerContext[Any, Any], problem: Problem) -> NoReturn:
    await context.abort(status_of(problem), problem.code, ((PROBLEM, write_problem(problem)),))
    raise asyncio.CancelledError  # never reached: abort raises
