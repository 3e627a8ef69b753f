"""The service API over the network: several servers, proofs of identity, renewal of certificates."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.kit.service_api import certificates, identity
from tollway.contracts import users_pb2, users_pb2_grpc
from tollway.fabric import tls
from tollway.fabric.clock import SystemClock
from tollway.fabric.rpc import current, remote
from tollway.fabric.rpc.remote import RemoteChannel, target_of
from tollway.fabric.rpc.server import RpcServer
from tollway.kit.errors import Unavailable

Get = users_pb2.GetProfileRequest


class Users(users_pb2_grpc.UsersServicer):
    """Answers with a name of its own, and remembers who asked."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.callers: list[str] = []

    async def GetProfile(self, request, context):
        self.callers.append(current().caller_service)
        return users_pb2.Profile(display_name=self.name)


@asynccontextmanager
async def serving(servicer: Users, folder: Path, service: str = "users") -> AsyncIterator[RpcServer]:
    server = RpcServer("127.0.0.1:0", folder, service)
    users_pb2_grpc.add_UsersServicer_to_server(servicer, server)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


@asynccontextmanager
async def asking(
    *ports: int, folder: Path, caller: str = "orders"
) -> AsyncIterator[users_pb2_grpc.UsersStub]:
    addresses = [f"127.0.0.1:{port}" for port in ports]
    async with RemoteChannel(addresses, "users", folder, caller, connect_wait_s=1.0) as channel:
        yield users_pb2_grpc.UsersStub(channel)


@pytest.fixture
def folder() -> Path:
    for service in ("users", "orders"):
        identity(service)
    return certificates()


async def test_calls_take_turns_and_survive_the_loss_of_a_server(folder: Path) -> None:
    async with serving(Users("a"), folder) as a, serving(Users("b"), folder) as b:
        async with asking(a.port, b.port, folder=folder) as users:
            seen: set[str] = set()
            async with asyncio.timeout(5):
                while seen != {"a", "b"}:
                    seen.add((await users.GetProfile(Get())).display_name)
            await a.stop(0)
            assert {(await users.GetProfile(Get())).display_name for _ in range(6)} == {"b"}


async def test_a_caller_of_another_authority_is_turned_away(folder: Path, tmp_path: Path) -> None:
    tls.ensure(tmp_path, "orders", [], SystemClock())
    tls.ensure(tmp_path, "users", [], SystemClock())
    servicer = Users()
    async with serving(servicer, folder) as server, asking(server.port, folder=tmp_path) as users:
        with pytest.raises(Unavailable):
            await users.GetProfile(Get())
    assert servicer.callers == []


async def test_a_caller_that_trusts_us_but_has_a_strange_certificate_is_turned_away(
    folder: Path, tmp_path: Path
) -> None:
    tls.ensure(tmp_path, "orders", [], SystemClock())
    (tmp_path / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    servicer = Users()
    async with serving(servicer, folder) as server, asking(server.port, folder=tmp_path) as users:
        with pytest.raises(Unavailable):
            await users.GetProfile(Get())
    assert servicer.callers == []


async def test_a_server_that_is_another_service_is_not_asked(folder: Path) -> None:
    servicer = Users()
    async with serving(servicer, folder, "orders") as server, asking(server.port, folder=folder) as users:
        with pytest.raises(Unavailable):
            await users.GetProfile(Get())
    assert servicer.callers == []


async def test_the_caller_is_who_its_certificate_says(folder: Path) -> None:
    servicer = Users()
    async with serving(servicer, folder) as server, asking(server.port, folder=folder) as users:
        await users.GetProfile(Get())
    assert servicer.callers == ["orders"]


async def test_renewed_certificates_are_taken_up_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RENEWAL_CHECK_S", 0.0)
    clock = SystemClock()
    for service in ("users", "orders"):
        tls.ensure(tmp_path, service, [], clock)
    async with serving(Users("same"), tmp_path) as server, asking(server.port, folder=tmp_path) as users:
        assert (await users.GetProfile(Get())).display_name == "same"
        # A new authority: neither the old server's nor the old caller's certificate would pass under it.
        (tmp_path / "ca.key").unlink()
        tls.make_ca(tmp_path, clock)
        for service in ("users", "orders"):
            tls.issue(tmp_path, service, [], clock)
        assert (await users.GetProfile(Get())).display_name == "same"


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
