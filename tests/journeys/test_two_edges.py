"""Two real edges, the real access service and the real ledger: nothing is overspent, and what is stopped ends."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest

from tests.kit.charging import Charging, running_charging
from tests.kit.edges import FREE_PORTS
from tests.kit.metering import STANDARD
from tests.kit.typing import settings_of
from tollway.contracts import access_pb2_grpc
from tollway.edge.node import Edge
from tollway.edge.settings import EdgeSettings
from tollway.fabric.clock import SystemClock
from tollway.fabric.rpc import LocalChannel
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.service.resources import ConnectRequest, ResourceRequest
from tollway.services.access.store.usage import Filter

pytestmark = pytest.mark.slow

REQUEST = b"GET / HTTP/1.1\r\nHost: origin\r\n\r\n"


@dataclass
class Tunnel:
    """One CONNECT through an edge to an origin that never stops sending."""

    status: str = ""
    received: int = 0
    last_byte_at: float = 0.0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, edge: Edge, issued: Issued, origin_port: int) -> None:
        # A busy machine may answer 503, which tells clients to try again soon; so this one does.
        await self._once(edge, issued, origin_port)
        while self.status == "503":
            await asyncio.sleep(0.2)
            await self._once(edge, issued, origin_port)
        self.ended.set()

    async def _once(self, edge: Edge, issued: Issued, origin_port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.ports["http"])
        login = base64.b64encode(f"{issued.credential.identifier}:{issued.secret}".encode()).decode()
        target = f"127.0.0.1:{origin_port}"
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
        writer.write(head.encode())
        self.status = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        try:
            writer.write(REQUEST)
            while data := await reader.read(65536):
                self.received += len(data) if self.status == "200" else 0
                self.last_byte_at = monotonic()
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class TwoEdges:
    platform: Charging
    edges: list[Edge]
    origin_port: int

    async def customer(self, user_id: str, units: int) -> Issued:
        await self.platform.buy(units, user_id)
        return (await self.platform.access.resources.connect(user_id, ConnectRequest()))[0]

    async def settled(self, user_id: str) -> int:
        """Wait until no lease is out; return what is left."""
        async with asyncio.timeout(20):
            while (await self.platform.holding(user_id))[1]:
                await asyncio.sleep(0.05)
        return (await self.platform.holding(user_id))[0]


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An origin: after the request, bytes without end."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(b"x" * 16384)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


@pytest.fixture
async def two_edges(tmp_path: Path) -> AsyncIterator[TwoEdges]:
    clock = SystemClock()
    async with running_charging("sqlite", tmp_path, clock) as platform:
        access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(platform.access), platform.server)
        origin = await asyncio.start_server(flood, "127.0.0.1", 0)
        settings = settings_of(EdgeSettings, listeners=FREE_PORTS, allow_ranges=["127.0.0.0/8"], drain_s=0)
        edges: list[Edge] = []
        for name in ("edge-1", "edge-2"):
            access = access_pb2_grpc.AccessStub(LocalChannel(platform.server, name))
            edge = Edge(settings, access, clock, name, tmp_path / name)
            await edge.start()
            edges.append(edge)
        async with asyncio.timeout(10):
            while not all(edge.ready for edge in edges):
                await asyncio.sleep(0.01)
        yield TwoEdges(platform, edges, origin.sockets[0].getsockname()[1])
        for edge in edges:
            await edge.stop()
        origin.close()


async def test_a_hundred_tunnels_over_two_edges_spend_a_holding_to_the_byte(two_edges: TwoEdges) -> None:
    held = 20_000_003
    issued = await two_edges.customer("usr_1", held)
    tunnels = [Tunnel() for _ in range(100)]
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(one.run(two_edges.edges[n % 2], issued, two_edges.origin_port) for n, one in enumerate(tunnels))
        )
    assert await two_edges.settled("usr_1") == 0
    # The ledger is told first and the records are stored right after it.
    async with asyncio.timeout(10):
        total = (await two_edges.platform.access.usage.stats("usr_1")).all_time
        while total.input_octets + total.output_octets < held:
            await asyncio.sleep(0.05)
            total = (await two_edges.platform.access.usage.stats("usr_1")).all_time
    assert total.input_octets + total.output_octets == held
    assert (await two_edges.platform.account("platform", "access", "consumed")).balance == held
    assert sum(one.received for one in tunnels) <= total.output_octets
    late = Tunnel()
    await late.run(two_edges.edges[0], issued, two_edges.origin_port)
    assert late.status == "402"
    await two_edges.platform.books_hold()


class IdleTunnel:
    """A CONNECT that has moved something and then stays open without a word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, edge: Edge, issued: Issued, origin_port: int) -> "IdleTunnel":
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.ports["http"])
        login = base64.b64encode(f"{issued.credential.identifier}:{issued.secret}".encode()).decode()
        target = f"127.0.0.1:{origin_port}"
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode())
        writer.write(f"Proxy-Authorization: Basic {login}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 200"), head
        return cls(reader, writer)


@pytest.mark.parametrize("elsewhere", ["on the other edge", "on another access", "on both and everywhere"])
async def test_what_idle_tunnels_have_reserved_is_usable_to_the_last_byte(
    two_edges: TwoEdges, elsewhere: str
) -> None:
    """Nobody is refused, and nothing is cut, while bytes lie idle in somebody's lease."""
    held = 20_000_003
    issued = await two_edges.customer("usr_1", held)
    other = await two_edges.platform.access.resources.create("usr_1", ResourceRequest())
    credential = await two_edges.platform.access.credentials.issue("usr_1", other.id, CredentialRequest())
    places = {
        "on the other edge": [(two_edges.edges[1], issued)],
        "on another access": [(two_edges.edges[0], credential)],
        "on both and everywhere": [(edge, one) for edge in two_edges.edges for one in (issued, credential)],
    }[elsewhere]
    idle = [await IdleTunnel.open(edge, one, two_edges.origin_port) for edge, one in places for _ in range(3)]
    assert (await two_edges.platform.holding("usr_1"))[1] > 0  # they hold leases
    # One after the other, until the first is refused: each is cut only by the end of the holding.
    first = Tunnel()
    await asyncio.wait_for(first.run(two_edges.edges[0], issued, two_edges.origin_port), 60)
    assert first.status == "200"
    assert await two_edges.settled("usr_1") == 0
    for edge, one in places:
        late = Tunnel()
        await late.run(edge, one, two_edges.origin_port)
        assert late.status == "402"
    for tunnel in idle:
        assert not tunnel.reader.at_eof()
        tunnel.writer.close()
    async with asyncio.timeout(10):
        while (await two_edges.platform.account("platform", "access", "consumed")).balance < held:
            await asyncio.sleep(0.05)
    assert (await two_edges.platform.account("platform", "access", "consumed")).balance == held
    await two_edges.platform.books_hold()


async def test_a_hundred_tunnels_and_idle_ones_elsewhere_leave_nothing_unusable(two_edges: TwoEdges) -> None:
    held = 50_000_001
    issued = await two_edges.customer("usr_1", held)
    idle = [
        await IdleTunnel.open(edge, issued, two_edges.origin_port)
        for edge in two_edges.edges
        for _ in range(5)
    ]
    tunnels = [Tunnel() for _ in range(100)]
    async with asyncio.timeout(100):
        await asyncio.gather(
            *(one.run(two_edges.edges[n % 2], issued, two_edges.origin_port) for n, one in enumerate(tunnels))
        )
    assert await two_edges.settled("usr_1") == 0
    for one in idle:
        one.writer.close()
    async with asyncio.timeout(20):
        while (await two_edges.platform.account("platform", "access", "consumed")).balance < held:
            await asyncio.sleep(0.05)
    await two_edges.platform.books_hold()


async def test_a_suspension_cuts_live_tunnels_within_a_second_and_touches_nobody_else(
    two_edges: TwoEdges,
) -> None:
    ours, theirs = await two_edges.customer("usr_1", 10**10), await two_edges.customer("usr_2", 10**10)
    terminate, kept = [Tunnel() for _ in range(4)], [Tunnel() for _ in range(2)]
    running = [
        asyncio.ensure_future(one.run(two_edges.edges[n % 2], issued, two_edges.origin_port))
        for issued, tunnels in ((ours, terminate), (theirs, kept))
        for n, one in enumerate(tunnels)
    ]
    async with asyncio.timeout(20):
        while not all(one.received for one in terminate + kept):
            await asyncio.sleep(0.01)
    stopped_at = monotonic()
    async with two_edges.platform.access_db.transaction() as tx:
        await two_edges.platform.access.suspensions.customer_changed(
            tx, "usr_1", stopped=True, reason="fraud"
        )
    async with asyncio.timeout(10):
        await asyncio.gather(*(one.ended.wait() for one in terminate))
    assert max(one.last_byte_at for one in terminate) - stopped_at < 1
    assert not any(one.ended.is_set() for one in kept)
    async with two_edges.platform.access_db.transaction() as tx:
        await two_edges.platform.access.suspensions.customer_changed(
            tx, "usr_2", stopped=True, reason="enough"
        )
    await asyncio.gather(*running)
    for user_id in ("usr_1", "usr_2"):
        left = await two_edges.settled(user_id)
        total = (await two_edges.platform.access.usage.stats(user_id)).all_time
        assert total.input_octets + total.output_octets == 10**10 - left
    page = await two_edges.platform.access.usage.records("usr_1", Filter(), 10, "")
    # Whichever a node hears first: the change, or why it is granted no further lease.
    assert {one.flow.terminate_cause for one in page.items} == {"Admin-Reset"}
    assert all(one.flow.stopped for one in page.items)
    assert {one.asset for one in page.items} == {STANDARD}
