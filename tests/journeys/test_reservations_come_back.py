"""What was reserved comes back: whatever clients, origins, customers and operators did, in the end nothing is held.

Leases, holds in the ledger, slots of the meter file, descriptors, pipes, kept connections, waits: after a busy
hour in small, each is counted, and each is zero.
"""

import asyncio
import base64
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.kit.charging import Charging, running_charging
from tests.kit.edges import FREE_PORTS, QUICK, Client
from tests.kit.eventually import eventually
from tests.kit.typing import settings_of
from tollway.contracts import access_pb2_grpc
from tollway.edge.node import Edge
from tollway.edge.settings import EdgeSettings
from tollway.fabric.clock import SystemClock
from tollway.fabric.rpc import LocalChannel
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.service.resources import ConnectRequest, ResourceRequest
from tollway.services.access.store.tables import flow as flow_table
from tollway.services.access.store.tables import lease as lease_table

pytestmark = pytest.mark.slow

HELD = 60_000_000
USER = "usr_1"


async def origin_of_all_kinds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as the first line of what it is sent asks: pages, bytes without end, nothing, or a reset."""
    try:
        while line := await reader.readline():
            if b"flood" in line:
                while True:
                    writer.write(bytes(65_536))
                    await writer.drain()
            if b"silent" in line:
                await reader.read()
            elif b"reset" in line:
                writer.transport.abort()
            else:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + bytes(50_000))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


@dataclass
class Town:
    """Two edges with the real access service and ledger, and an origin."""

    platform: Charging
    edges: list[Edge]
    origin: int

    async def tunnel(self, edge: Edge, issued: Issued, first: bytes) -> Client:
        client = await Client.connect(edge.ports["http"])
        login = base64.b64encode(f"{issued.credential.identifier}:{issued.secret}".encode()).decode()
        target = f"127.0.0.1:{self.origin}"
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
        await client.send(head.encode() + first)
        return client

    async def page(self, edge: Edge, issued: Issued, path: str, target: str = "") -> Client:
        client = await Client.connect(edge.ports["http"])
        login = base64.b64encode(f"{issued.credential.identifier}:{issued.secret}".encode()).decode()
        target = target or f"127.0.0.1:{self.origin}"
        head = f"GET http://{target}/{path} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
        await client.send(head.encode())
        return client


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    clock = SystemClock()
    async with running_charging("sqlite", tmp_path, clock) as platform:
        access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(platform.access), platform.server)
        server = await asyncio.start_server(origin_of_all_kinds, "127.0.0.1", 0)
        settings = settings_of(
            EdgeSettings, listeners=FREE_PORTS, allow_ranges=["127.0.0.0/8"], origin_idle_s=0.2, **QUICK
        )
        edges: list[Edge] = []
        for name in ("edge-1", "edge-2"):
            stub = access_pb2_grpc.AccessStub(LocalChannel(platform.server, name))
            edges.append(Edge(settings, stub, clock, name, tmp_path / name))
            await edges[-1].start()
        await eventually(lambda: all(edge.ready for edge in edges), 10)
        yield Town(platform, edges, server.sockets[0].getsockname()[1])
        for edge in edges:
            await edge.stop()
        server.close()


def reserved_by(edge: Edge) -> dict[str, int]:
    """Everything in an edge that was taken and must be given back."""
    gate = edge._gate
    return {
        "slots of the meter file": len(list(edge._meter.used())),
        "quotas": len(edge._charging._reporters),
        "flows": sum(1 for _ in edge._charging.live_flows()),
        "sessions": len(gate.waiting),
        "kept connections": gate.pool._count,
        "pipes in use": gate.pipes._open - len(gate.pipes._idle),
        # It listens for the target of its own connection tests, too.
        "watched sockets": len(edge._reactor._watchers) - len(edge.ports) - 1,
        "deadlines": len(edge._reactor._timed),
        "logins under way": len(edge._credential_cache._asked),
        "lookups": gate._direct._resolver._running.total(),
    }


def sockets_and_pipes() -> int:
    """Count this process's descriptors, without those of its databases."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one by which the folder is read is gone
            found += os.readlink(f"/proc/self/fd/{number}").startswith(("socket:", "pipe:"))
    return found


async def use_of_every_kind(town: Town, issued: list[Issued]) -> list[Client]:
    """Begin it all at once, on both edges, with each credential."""
    clients: list[Client] = []
    for edge in town.edges:
        for one in issued:
            for first in (b"flood\n", b"silent\n", b"reset\n", b"GET / HTTP/1.1\r\n\r\n", b""):
                clients.append(await town.tunnel(edge, one, first))
            clients.append(await town.page(edge, one, "page"))
            clients.append(await town.page(edge, one, "flood"))
            clients.append(await town.page(edge, one, "", target="10.0.0.1"))
            clients.append(await town.page(edge, one, "", target="nothing.invalid"))
            clients.append(await Client.connect(edge.ports["http"]))  # says nothing
            clients.append(await Client.connect(edge.ports["socks5"]))
    return clients


async def test_after_a_busy_hour_nothing_is_reserved(town: Town) -> None:
    platform = town.platform
    await platform.buy(HELD, USER)
    first = (await platform.access.resources.connect(USER, ConnectRequest()))[0]
    other = await platform.access.resources.create(USER, ResourceRequest())
    second = await platform.access.credentials.issue(USER, other.id, CredentialRequest())
    gc.collect()
    descriptors = sockets_and_pipes()

    clients = await use_of_every_kind(town, [first, second])
    readers = [asyncio.ensure_future(client.rest()) for client in clients[::2]]
    await asyncio.sleep(0.3)
    # Limits come and go, an access is stopped and activated again, and everything is used up in the end.
    await platform.access.resources.change(USER, first.resource.id, rate_limit_bytes_s=20_000, max_flows=30)
    await asyncio.sleep(0.2)
    await platform.access.resources.change(USER, first.resource.id, rate_limit_bytes_s=0)
    await platform.access.resources.deactivate(USER, other.id)
    await platform.access.resources.activate(USER, other.id)
    clients += await use_of_every_kind(town, [first, second])
    await asyncio.sleep(0.5)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    for number, client in enumerate(clients):
        if number % 2:
            client.reset()
        else:
            await client.close()
    del clients, readers

    def nothing(edge: Edge) -> Callable[[], bool]:
        return lambda: not any(reserved_by(edge).values())

    for edge in town.edges:
        try:
            await eventually(nothing(edge), 20)
        except AssertionError:
            pytest.fail(f"still reserved: {reserved_by(edge)}")
    balance, held = await platform.holding(USER)
    assert held == 0
    assert 0 <= balance < HELD
    async with platform.access_db.snapshot() as tx:
        live = await tx.scalar(select(func.count()).select_from(lease_table).where(~lease_table.c.ended))
        still_open = await tx.scalar(
            select(func.count()).select_from(flow_table).where(~flow_table.c.stopped)
        )
    assert (live, still_open) == (0, 0)
    gc.collect()
    pooled = sum(2 * edge._gate.pipes._open for edge in town.edges)  # empty pipes are kept for the next
    await eventually(lambda: sockets_and_pipes() <= descriptors + pooled, 10)
    assert (await platform.account("platform", "access", "consumed")).balance == HELD - balance
    await platform.books_hold()
