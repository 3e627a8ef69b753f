"""The gRPC server: its port, its health, its manners when it stops."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.kit.service_api import certificates, identity
from tests.kit.typing import partial
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.fabric.rpc.remote import RemoteChannel
from tollway.fabric.rpc.server import RpcServer
from tollway.fabric.tls import CertificateUnusable


class Users(identity_pb2_grpc.IdentityServicer):
    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.pause_s = 0.0

    async def GetUser(self, request, context):
        self.started.set()
        await asyncio.sleep(self.pause_s)
        return identity_pb2.User(id=request.user_id)


@pytest.fixture
def users() -> Users:
    return partial(Users)


@pytest.fixture
async def server(users: Users) -> AsyncIterator[RpcServer]:
    identity("identity")
    identity("orders")
    server = RpcServer("127.0.0.1:0", certificates(), "identity", reflect=True)
    identity_pb2_grpc.add_IdentityServicer_to_server(users, server)
    await server.start()
    yield server
    await server.stop(0)


def plain_channel(port: int) -> grpc.aio.Channel:
    """What an ordinary gRPC client with a certificate of ours would use."""
    me = identity("orders")
    return grpc.aio.secure_channel(
        f"127.0.0.1:{port}", grpc.ssl_channel_credentials(me.roots, me.key, me.certificate)
    )


async def test_it_tells_its_health_to_ordinary_tools(server: RpcServer) -> None:
    async with plain_channel(server.port) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "tollway.identity.v1.Identity"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_it_lists_its_apis_by_reflection(server: RpcServer) -> None:
    async with plain_channel(server.port) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        answer = await call.read()
        call.cancel()
    assert "tollway.identity.v1.Identity" in [found.name for found in answer.list_services_response.service]


async def test_nobody_without_a_certificate_is_heard(server: RpcServer, users: Users) -> None:
    credentials = grpc.ssl_channel_credentials(identity("orders").roots)
    async with grpc.aio.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await identity_pb2_grpc.IdentityStub(channel).GetUser(identity_pb2.GetUserRequest(), timeout=2)
    assert not users.started.is_set()


async def test_a_stop_lets_calls_in_flight_end(server: RpcServer, users: Users) -> None:
    users.pause_s = 0.3
    async with RemoteChannel([f"127.0.0.1:{server.port}"], "identity", certificates(), "orders") as channel:
        stub = identity_pb2_grpc.IdentityStub(channel)
        call = asyncio.ensure_future(stub.GetUser(identity_pb2.GetUserRequest(user_id="usr_1")))
        await users.started.wait()
        await server.stop(5)
        assert (await call).id == "usr_1"


async def test_a_taken_port_is_one_clear_line(server: RpcServer) -> None:
    second = RpcServer(f"127.0.0.1:{server.port}", certificates(), "identity")
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}; it is taken"):
        await second.start()


async def test_without_a_certificate_it_does_not_start() -> None:
    server = RpcServer("127.0.0.1:0", certificates(), "nobody")
    with pytest.raises(CertificateUnusable, match=r"nobody\.pem"):
        await server.start()
