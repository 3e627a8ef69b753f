"""Service APIs for tests: a servicer mounted in process or behind gRPC with real mutual TLS, and stubs to ask it.

async with api(transport, identity_pb2_grpc, IdentityRpc(service), caller="gateway") as identity:
    await identity.stub.GetUser(...)
    await identity.asked_by("orders").GetUser(...)
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from tollway.cli.authority import Authority
from tollway.fabric import tls
from tollway.fabric.clock import SystemClock
from tollway.fabric.rpc import Channel, LocalChannel, LocalServer, Policy
from tollway.fabric.rpc.acting import Acting
from tollway.fabric.rpc.own_token import OwnToken
from tollway.fabric.rpc.policy import Rules, service_of
from tollway.fabric.rpc.remote import RemoteChannel
from tollway.fabric.rpc.server import RpcServer

Transport = Literal["local", "grpc"]
TRANSPORTS: tuple[Transport, ...] = ("local", "grpc")


class ServiceApi:
    """One mounted servicer. `stub` asks as the caller given to `service API`; `faults` plans its failures."""

    def __init__(self, server: LocalServer | RpcServer, service: str, stub_type: type, caller: str) -> None:
        self.server = server
        self._service, self._stub_type = service, stub_type
        self._channels: list[Channel] = []
        self.stub: Any = self.asked_by(caller)
        self.channel = self._channels[0]
        self.faults = self.channel.faults

    def asked_by(self, caller: str, connect_wait_s: float = 2.0, own_token: OwnToken | None = None) -> Any:
        """Give a stub that asks as the service `caller`."""
        if isinstance(self.server, LocalServer):
            channel: Channel = LocalChannel(self.server, caller)
        else:
            identity(caller)
            address = f"127.0.0.1:{self.server.port}"
            channel = RemoteChannel([address], self._service, certificates(), caller, connect_wait_s)
        channel.own_token = own_token
        self._channels.append(channel)
        return self._stub_type(channel)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self.server.stop(0.1)


@asynccontextmanager
async def api(
    transport: Transport,
    generated: ModuleType,
    servicer: Any,
    *,
    caller: str = "tester",
    policy: Policy | None = None,
    rules: Rules | None = None,
    acting: Acting | None = None,
) -> AsyncIterator[ServiceApi]:
    """Mount `servicer` of the `x_pb2_grpc` module `generated` and give it, started."""
    name = next(n for n in vars(generated) if n.startswith("add_")).removeprefix("add_")
    name = name.removesuffix("Servicer_to_server")
    paths = _Paths()
    getattr(generated, f"{name}Stub")(paths)
    service = service_of(paths.first)[0]
    server: LocalServer | RpcServer
    if transport == "local":
        server = LocalServer(policy, rules, acting)
    else:
        identity(service)
        server = RpcServer("127.0.0.1:0", certificates(), service, policy, rules, acting=acting)
    getattr(generated, f"add_{name}Servicer_to_server")(servicer, server)
    await server.start()
    mounted = ServiceApi(server, service, getattr(generated, f"{name}Stub"), caller)
    try:
        yield mounted
    finally:
        await mounted.close()


@cache
def certificates() -> Path:
    """One authority for the whole test run."""
    folder = Path(tempfile.mkdtemp(prefix="tollway-certs-"))
    authority_of(folder).make()
    return folder


def authority_of(folder: Path) -> Authority:
    """Give the authority of a folder of certificates."""
    return Authority(folder / "authority", folder, SystemClock())


@cache
def identity(service: str) -> tls.CertificateIdentity:
    """Issue a certificate for `service`, once."""
    return authority_of(certificates()).ensure(service, ["localhost", "127.0.0.1"])


class _Paths:
    """A channel that only notes the path of the first method a stub binds."""

    first = ""

    def unary_unary(self, path: str, **_: Any) -> None:
        self.first = self.first or path

    unary_stream = unary_unary
