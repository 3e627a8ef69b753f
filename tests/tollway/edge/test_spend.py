"""Spending: one throttle, one quota and one meter for every byte of every protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.kit.clock import FakeMonotonic
from tests.kit.edges import Client, EdgeSetup, edge_setup
from tests.kit.eventually import A_SECOND_S, eventually
from tests.kit.fake_access import FakeAccess
from tests.kit.quotas import quota_setup
from tollway.edge.throttle import Share, TokenBucket

RATE, BURST, SIZE = 1_250_000, 25_000, 60_000  # a body of 60 kB fits into what is read with its head
Path_ = Callable[[EdgeSetup], Awaitable[Client]]


async def sink_and_source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web server that answers `/up` when it has the body, and sends a body for `/down` and `/chunked`; a tunnel's
    other end that sends as much as it is asked for, or takes what comes and says so.
    """
    while line := await reader.readline():
        if line.startswith(b"take"):
            await reader.readexactly(SIZE)
            writer.write(b"done")
        elif line.startswith(b"give"):
            writer.write(bytes(SIZE) + b"done")
        else:
            await answer(line, reader, writer)
        await writer.drain()


async def answer(line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" in head:
        while not (await reader.readline()).startswith(b"0"):
            pass
        await reader.readline()
    elif b"/up" in line:
        await reader.readexactly(SIZE)
    if b"/chunked" in line:
        pieces = b"".join(b"3e8\r\n%b\r\n" % bytes(1_000) for _ in range(SIZE // 1_000))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
    else:
        body = bytes(SIZE if b"/down" in line else 0) + b"done"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def tunnel_up(here: EdgeSetup) -> Client:
    client = await here.tunnel()
    await client.send(b"take\n" + bytes(SIZE))
    return client


async def tunnel_down(here: EdgeSetup) -> Client:
    client = await here.tunnel()
    await client.send(b"give\n")
    return client


async def tunnel_early(here: EdgeSetup) -> Client:
    """What comes behind the CONNECT head before the tunnel stands."""
    client = await here.client()
    await client.send(here.connect_head() + b"take\n" + bytes(SIZE))
    await client.head()
    return client


async def socks_up(here: EdgeSetup) -> Client:
    client = await here.socks_tunnel()
    await client.send(b"take\n" + bytes(SIZE))
    return client


async def socks_down(here: EdgeSetup) -> Client:
    client = await here.socks_tunnel()
    await client.send(b"give\n")
    return client


async def body_with_its_head(here: EdgeSetup) -> Client:
    client = await here.client()
    await client.send(here.get("/up", f"Content-Length: {SIZE}", method="POST") + bytes(SIZE))
    return client


async def body_after_its_head(here: EdgeSetup) -> Client:
    client = await here.client()
    await client.send(here.get("/up", f"Content-Length: {SIZE}", method="POST"))
    await client.send(bytes(SIZE))
    return client


async def chunked_body(here: EdgeSetup) -> Client:
    client = await here.client()
    chunks = b"".join(b"3e8\r\n%b\r\n" % bytes(1_000) for _ in range(SIZE // 1_000))
    await client.send(here.get("/up", "Transfer-Encoding: chunked", method="POST") + chunks + b"0\r\n\r\n")
    return client


async def one_large_chunk(here: EdgeSetup) -> Client:
    client = await here.client()
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (SIZE, bytes(SIZE))
    await client.send(here.get("/up", "Transfer-Encoding: chunked", method="POST") + chunk)
    return client


async def response_body(here: EdgeSetup) -> Client:
    client = await here.client()
    await client.send(here.get("/down"))
    return client


async def chunked_response(here: EdgeSetup) -> Client:
    client = await here.client()
    await client.send(here.get("/chunked"))
    return client


async def large_heads(here: EdgeSetup) -> Client:
    """Heads are charged as well as bodies: so many of them, one after the other on one connection."""
    client = await here.client()
    head = here.get("/", "X-Padding: " + "x" * 14_000)
    await client.send(head)
    assert (await client.response())[2] == b"done"
    await client.send(head)
    return client


PATHS: list[Path_] = [
    tunnel_up,
    tunnel_down,
    tunnel_early,
    socks_up,
    socks_down,
    body_with_its_head,
    body_after_its_head,
    chunked_body,
    one_large_chunk,
    response_body,
    chunked_response,
    large_heads,
]


def moved(here: EdgeSetup) -> int:
    """What the meter counted."""
    return sum(
        flow.spend.bytes_in + flow.spend.bytes_out
        for reporter in here.edge._charging._reporters.values()
        for flow in reporter.flows.values()
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_a_throttle_that_says_no_stops_every_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path_
) -> None:
    waiting: list[Share] = []
    wait = TokenBucket.wait

    def noting(self: TokenBucket, share: Share, again: Callable[[], None]) -> None:
        waiting.append(share)
        wait(self, share, again)

    monkeypatch.setattr(TokenBucket, "wait", noting)
    access, clock = FakeAccess(), FakeMonotonic()
    access.add(rate_limit_bytes_s=RATE)
    async with edge_setup(tmp_path, sink_and_source, access, monotonic=clock) as here:
        client = await path(here)
        await eventually(lambda: waiting)
        assert 0 < moved(here) <= BURST

        reading = asyncio.ensure_future(client.rest())
        while b"done" not in client.seen and b"\r\n0\r\n" not in client.seen:
            clock.advance(0.1)
            await asyncio.sleep(0.001)
        assert BURST < moved(here) <= here.on_the_wire
        await client.close()
        await reading


async def test_waiting_for_more(tmp_path: Path) -> None:
    """What a protocol that is a coroutine does: take, wait for more, and end when nothing more will come."""
    access = FakeAccess(floor=1)
    access.add(holding=1_000)
    async with quota_setup(tmp_path, access) as here:
        spend = here.flow().spend
        taken = 0
        while True:
            size = spend.take(10_000)
            taken += size
            spend.count_out(size)
            if not size and not await spend.more():
                break
        assert taken == spend.bytes_out == 1_000
        assert spend.exhausted
        spend.unused(10)
        assert spend.take(100) == 10


async def test_waiting_for_more_of_the_throttle(tmp_path: Path) -> None:
    access, clock = FakeAccess(), FakeMonotonic()
    access.add()
    async with quota_setup(tmp_path, access, monotonic=clock) as here:
        spend = here.flow().spend
        spend.quota.take(1)
        await eventually(lambda: spend.quota.available)
        spend.quota.throttle(RATE)
        assert spend.take(10**6) == BURST
        assert spend.take(10**6) == 0
        assert not spend.exhausted
        clock.advance(0.1)
        assert await spend.more()
        assert spend.take(10**6) == BURST


@pytest.mark.parametrize(("before", "after"), [(1, 0), (1, 10**9), (0, 1_000), (10**9, 1_000)])
@pytest.mark.parametrize("path", [tunnel_up, tunnel_down, socks_down, response_body, chunked_body])
async def test_another_rate_reaches_open_flows_within_a_second(
    tmp_path: Path, path: Path_, before: int, after: int
) -> None:
    """From next to nothing to plenty or no limit, and back; the flow is in the midst of a body."""
    access = FakeAccess()
    alice = access.add(rate_limit_bytes_s=before)
    async with edge_setup(tmp_path, sink_and_source, access) as here:
        slow = before == 1
        client = await (path(here) if slow else here.tunnel())
        flows = here.edge._charging.live_flows
        await eventually(lambda: any(flows()))
        (flow,) = flows()
        alice.rate_limit_bytes_s = after
        access.announce("policy_changed", resource_id=alice.id)
        await eventually(
            lambda: (flow.quota.bucket.rate_bytes_s if flow.quota.bucket else 0) == after, A_SECOND_S
        )
        if slow:
            reading = asyncio.ensure_future(client.rest())
            await eventually(lambda: b"done" in client.seen)
            reading.cancel()
        else:
            moved_before = moved(here)
            await client.send(b"give\n")
            await asyncio.sleep(0.3)
            assert moved(here) - moved_before < 2_000
        client.reset()


def jain(shares: list[int]) -> float:
    """Return Jain's index of fairness: 1 when all get the same, 1/n when one gets everything."""
    return sum(shares) ** 2 / (len(shares) * sum(one * one for one in shares))


@pytest.mark.parametrize("rate", [50_000, 400_000, 4_000_000])
async def test_flows_of_all_protocols_get_fair_parts_of_a_rate(tmp_path: Path, rate: int) -> None:
    """32 flows, tunnels and requests, all with more to move than may be; over one second by the clock of the edge."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line.startswith(b"GET"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    async def drink(client: Client) -> None:
        while await client.reader.read(1 << 16):
            pass

    access, clock = FakeAccess(), FakeMonotonic()
    access.add(rate_limit_bytes_s=rate)
    async with edge_setup(tmp_path, flood, access, monotonic=clock) as here:
        clients: list[Client] = []

        async def begin() -> None:
            for number in range(32):
                kind = number % 3
                if kind == 0:
                    client = await here.client()
                    await client.send(here.get("/"))
                else:
                    client = await (here.tunnel() if kind == 1 else here.socks_tunnel())
                    await client.send(b"give\n")
                clients.append(client)

        beginning = asyncio.ensure_future(begin())
        while not beginning.done():
            clock.advance(0.05)
            await asyncio.sleep(0.005)
        await beginning
        drinking = [asyncio.ensure_future(drink(client)) for client in clients]
        flows = list(here.edge._charging.live_flows())
        assert len(flows) == 32

        async def one_second() -> list[int]:
            before = [flow.spend.bytes_out for flow in flows]
            for _ in range(200):
                clock.advance(0.005)
                await asyncio.sleep(0.004)
            return [flow.spend.bytes_out - was for flow, was in zip(flows, before, strict=True)]

        await one_second()
        shares = await one_second()
        assert jain(shares) >= 0.95, shares
        assert 0.8 * rate <= sum(shares) <= 1.1 * rate
        for task in drinking:
            task.cancel()
        for client in clients:
            client.reset()
