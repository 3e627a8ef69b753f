"""The service API over the network: several servers, proofs of identity, renewal of certificates."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.kit.eventually import eventually
from tests.kit.service_api import authority_of, certificates, identity
from tests.kit.typing import partial
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.fabric.rpc import current, remote
from tollway.fabric.rpc.remote import RemoteChannel, target_of
from tollway.fabric.rpc.server import RpcServer
from tollway.fabric.service import stub_of
from tollway.kit.errors import Unavailable

Get = identity_pb2.GetUserRequest


class Users(identity_pb2_grpc.IdentityServicer):
    """Answers with a name of its own, and remembers who asked."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.callers: list[str] = []

    async def GetUser(self, request, context):
        self.callers.append(current().caller_service)
        return identity_pb2.User(email=self.name)


@asynccontextmanager
async def serving(servicer: Users, folder: Path, service: str = "identity") -> AsyncIterator[RpcServer]:
    server = RpcServer("127.0.0.1:0", folder, service)
    identity_pb2_grpc.add_IdentityServicer_to_server(servicer, server)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


@asynccontextmanager
async def asking(
    *ports: int, folder: Path, caller: str = "orders"
) -> "AsyncIterator[identity_pb2_grpc.IdentityAsyncStub]":
    addresses = [f"127.0.0.1:{port}" for port in ports]
    async with RemoteChannel(addresses, "identity", folder, caller, connect_wait_s=1.0) as channel:
        yield stub_of(identity_pb2_grpc, channel)


@pytest.fixture
def folder() -> Path:
    for service in ("identity", "orders"):
        identity(service)
    return certificates()


async def test_calls_take_turns_and_survive_the_loss_of_a_server(folder: Path) -> None:
    async with serving(partial(Users, "a"), folder) as a, serving(partial(Users, "b"), folder) as b:
        async with asking(a.port, b.port, folder=folder) as users:
            seen: set[str] = set()
            async with asyncio.timeout(20):
                while seen != {"a", "b"}:
                    seen.add((await users.GetUser(Get())).email)
            await a.stop(0)
            assert {(await users.GetUser(Get())).email for _ in range(6)} == {"b"}


async def test_a_server_that_is_stopped_loses_no_call_of_those_who_go_on_calling(folder: Path) -> None:
    async with serving(partial(Users, "a"), folder) as a, serving(partial(Users, "b"), folder) as b:
        async with asking(a.port, b.port, folder=folder) as users:
            stopped = asyncio.Event()

            async def go_on() -> str:
                answered = ""
                while not stopped.is_set():
                    answered = (await users.GetUser(Get(), timeout=60)).email
                return answered

            callers = [asyncio.ensure_future(go_on()) for _ in range(8)]
            await asyncio.sleep(0.05)
            await a.stop(0)
            stopped.set()
            assert set(await asyncio.gather(*callers)) == {"b"}


async def test_a_caller_of_another_authority_is_turned_away(folder: Path, tmp_path: Path) -> None:
    authority_of(tmp_path).ensure("orders", [])
    authority_of(tmp_path).ensure("identity", [])
    servicer = partial(Users)
    async with serving(servicer, folder) as server, asking(server.port, folder=tmp_path) as users:
        with pytest.raises(Unavailable):
            await users.GetUser(Get())
    assert servicer.callers == []


async def test_a_caller_that_trusts_us_but_has_a_strange_certificate_is_turned_away(
    folder: Path, tmp_path: Path
) -> None:
    authority_of(tmp_path).ensure("orders", [])
    (tmp_path / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    servicer = partial(Users)
    async with serving(servicer, folder) as server, asking(server.port, folder=tmp_path) as users:
        with pytest.raises(Unavailable):
            await users.GetUser(Get())
    assert servicer.callers == []


async def test_a_server_that_is_another_service_is_not_asked(folder: Path) -> None:
    servicer = partial(Users)
    async with serving(servicer, folder, "orders") as server, asking(server.port, folder=folder) as users:
        with pytest.raises(Unavailable):
            await users.GetUser(Get())
    assert servicer.callers == []


async def test_the_caller_is_who_its_certificate_says(folder: Path) -> None:
    servicer = partial(Users)
    async with serving(servicer, folder) as server, asking(server.port, folder=folder) as users:
        await users.GetUser(Get())
    assert servicer.callers == ["orders"]


async def test_renewed_certificates_are_taken_up_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RENEWAL_CHECK_S", 0.0)
    for service in ("identity", "orders"):
        authority_of(tmp_path).ensure(service, [])
    async with (
        serving(partial(Users, "same"), tmp_path) as server,
        asking(server.port, folder=tmp_path) as users,
    ):
        assert (await users.GetUser(Get())).email == "same"
        # A new authority: neither the old server's nor the old caller's certificate would pass under it.
        (tmp_path / "authority" / "ca.key").unlink()
        (tmp_path / "ca.pem").unlink()
        authority_of(tmp_path).make()
        for service in ("identity", "orders"):
            authority_of(tmp_path).issue(service, [])
        assert (await users.GetUser(Get())).email == "same"


async def test_a_shared_stream_is_left_with_the_old_certificate(tmp_path: Path) -> None:
    for service in ("identity", "orders"):
        authority_of(tmp_path).ensure(service, [])
    async with serving(partial(Users, "same"), tmp_path) as server:
        address = f"127.0.0.1:{server.port}"
        channel = RemoteChannel([address], "identity", tmp_path, "orders")
        async with channel:
            users = stub_of(identity_pb2_grpc, channel)
            await users.GetUser(Get())
            old = channel._stream
            assert old is not None
            authority_of(tmp_path).issue("orders", [])
            channel._look_again = 0.0
            await channel.channel_ready()
            assert old.retired
            assert (await users.GetUser(Get())).email == "same"
            assert channel._stream is not old


async def test_who_waits_for_a_connection_goes_on_waiting_when_the_certificate_is_renewed(
    tmp_path: Path,
) -> None:
    for service in ("identity", "orders"):
        authority_of(tmp_path).ensure(service, [])
    async with serving(partial(Users), tmp_path) as server:
        address = f"127.0.0.1:{server.port}"
    channel = RemoteChannel([address], "identity", tmp_path, "orders", connect_wait_s=20)
    async with channel:
        call = asyncio.ensure_future(stub_of(identity_pb2_grpc, channel).GetUser(Get()))
        await eventually(lambda: channel._channel is not None)
        await asyncio.sleep(0.05)
        authority_of(tmp_path).issue("orders", [])
        channel._look_again = 0.0
        channel._open()
        server = RpcServer(address, tmp_path, "identity")
        identity_pb2_grpc.add_IdentityServicer_to_server(partial(Users, "there"), server)
        await server.start()
        try:
            assert (await call).email == "there"
        finally:
            await server.stop(0)


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        (["127.0.0.1:1"], "ipv4:127.0.0.1:1"),
        (["10.0.0.1:1", "10.0.0.2:1"], "ipv4:10.0.0.1:1,10.0.0.2:1"),
        (["[::1]:1"], "ipv6:[::1]:1"),
        (["ledger.internal:50051"], "dns:///ledger.internal:50051"),
        (["unix:/run/ledger.sock"], "unix:/run/ledger.sock"),
    ],
)
def test_addresses_become_a_target(addresses: list[str], target: str) -> None:
    assert target_of(addresses) == target


@pytest.mark.parametrize("addresses", [["a:1", "b:1"], ["127.0.0.1:1", "[::1]:1"], ["127.0.0.1:1", "b:1"]])
def test_a_mixed_list_of_addresses_is_refused(addresses: list[str]) -> None:
    with pytest.raises(ValueError, match="one name, or numeric addresses"):
        target_of(addresses)
