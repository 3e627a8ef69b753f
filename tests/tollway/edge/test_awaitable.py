"""A protocol that is a coroutine: an echo of forty lines has authentication, rules, quota, throttle and meter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeMonotonic
from tests.kit.edges import FREE_PORTS, Client, echo, edge_setup
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.edge.awaitable import AwaitableSession, Rejected, serve_with
from tollway.edge.credential import password
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.refusal import REFUSALS
from tollway.edge.settings import ListenerSettings

# ── the whole protocol: what a file in `protocols/` would hold ───────────────────────────────────────

BANNER = b"echo ready\n"


async def line_of(session: AwaitableSession) -> list[str]:
    line = b""
    while not line.endswith(b"\n"):
        byte = await session.client.read(1)
        if not byte:
            return []
        line += byte
    return line.decode().split()


async def serve(session: AwaitableSession) -> None:
    """`login NAME SECRET`, then `echo`, `files`, or `to HOST PORT`, which echoes what the target says."""
    await session.client.write(BANNER)
    try:
        _, name, secret = await line_of(session)
        await session.authenticate(password(name, secret))
        await session.client.write(b"welcome\n")
        command = await line_of(session)
        if command[0] == "files":
            await session.storage()
        target = await session.connect(command[1], int(command[2])) if command[0] == "to" else None
        while data := await session.client.read():
            if target is not None:
                await target.write(data)
                data = await target.read()
            await session.client.write(data)
    except Rejected as rejected:
        session.close(rejected.refusal.cause)


ECHO = ProtocolSpec(
    "echo", "Echo", 7007, serve_with("echo", serve), dict.fromkeys(REFUSALS, ""), server_speaks_first=True
)

# ── what it is given ────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def echo_world(folder: Path, access: FakeAccess, **changes: Any) -> AsyncIterator[Any]:
    ports = FREE_PORTS | {"echo": ListenerSettings(host="", port=0)}
    async with edge_setup(
        folder, echo, access, protocols=(*PROTOCOLS, ECHO), listeners=ports, **changes
    ) as here:
        yield here


async def enter(here: Any, secret: str = "s3cret") -> Client:
    client = await Client.connect(here.edge.ports["echo"])
    assert await client.exactly(len(BANNER)) == BANNER
    await client.send(f"login alice {secret}\n".encode())
    return client


@pytest.fixture
def access() -> FakeAccess:
    access = FakeAccess()
    access.add()
    return access


async def test_every_byte_is_charged_from_the_banner_on(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access) as here:
        client = await enter(here)
        assert await client.exactly(8) == b"welcome\n"
        said = b"login alice s3cret\necho\n" + bytes(200_000)
        await client.send(b"echo\n" + bytes(200_000))
        assert await client.exactly(200_000) == bytes(200_000)
        client.writer.write_eof()
        assert await client.rest() == b""
        await here.settled()
        (use,) = access.usage.values()
        assert (use.input_octets, use.output_octets) == (len(said), len(BANNER) + 8 + 200_000)
        assert (use.protocol, use.terminate_cause) == ("echo", "User-Request")
        await client.close()


async def test_a_target_is_reached_by_the_rules(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access, denied_ports=[25]) as here:
        client = await enter(here)
        await client.send(f"to 127.0.0.1 {here.origin.port}\nhello".encode())
        assert await client.exactly(13) == b"welcome\nhello"
        await client.close()
        refused = await enter(here)
        await refused.send(b"to 127.0.0.1 25\n")
        assert await refused.rest() == b"welcome\n"
        await refused.close()
        await here.settled()


@pytest.mark.parametrize("secret", ["wrong", "s3cret"])
async def test_what_is_refused_ends_the_session(tmp_path: Path, access: FakeAccess, secret: str) -> None:
    async with echo_world(tmp_path, access) as here:
        client = await enter(here, secret)
        await client.send(b"files\n")
        assert await client.rest() == (b"welcome\n" if secret == "s3cret" else b"")
        await client.close()
        assert access.used() == 0 or secret == "s3cret"


async def test_it_is_cut_at_the_last_byte(tmp_path: Path) -> None:
    access = FakeAccess(floor=1)
    access.add(holding=10_000)
    async with echo_world(tmp_path, access) as here:
        client = await enter(here)
        await client.send(b"echo\n" + bytes(20_000))
        await client.rest()
        await here.settled()
        assert access.used() == 10_000
        assert {use.terminate_cause for use in access.usage.values()} == {"Quota"}
        assert (access.overdrawn, access.shortfall) == (0, 0)
        await client.close()


async def test_it_is_throttled(tmp_path: Path) -> None:
    access, clock = FakeAccess(), FakeMonotonic()
    access.add(rate_limit_bytes_s=100_000)
    async with echo_world(tmp_path, access, monotonic=clock) as here:
        client = await enter(here)
        await client.send(b"echo\n" + bytes(60_000))
        await eventually(lambda: list(here.edge._charging.live_flows()))
        (flow,) = here.edge._charging.live_flows()
        # Less than a piece may be left: it is saved up.
        await eventually(lambda: flow.spend.quota.bucket._line)
        assert flow.spend.bytes_in + flow.spend.bytes_out <= 2_000  # what a fiftieth of a second lets through
        began = clock()
        reading = asyncio.ensure_future(client.exactly(8 + 60_000))
        while not reading.done():
            clock.advance(0.1)
            await asyncio.sleep(0.001)
        await reading
        assert clock() - began >= 1.1  # for 120,000 bytes, there and back
        await client.close()


async def test_a_suspended_customer_is_cut_off(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access) as here:
        client = await enter(here)
        await client.exactly(8)
        access.announce("user_suspended", user_id="usr_alice")
        assert await client.rest() == b""
        await here.settled()
        assert {use.terminate_cause for use in access.usage.values()} == {"Admin-Reset"}
        await client.close()


async def test_who_never_logs_in_is_closed(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access, head_timeout_s=0.2) as here:
        client = await Client.connect(here.edge.ports["echo"])
        assert await client.rest() == BANNER
        await client.close()


async def test_a_client_that_waits_does_not_outlive_the_edge(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access) as here:
        client = await Client.connect(here.edge.ports["echo"])
        assert await client.exactly(len(BANNER)) == BANNER
        await here.edge.stop()
        assert await client.rest() == b""
        await client.close()


async def test_the_node_announces_it(tmp_path: Path, access: FakeAccess) -> None:
    async with echo_world(tmp_path, access) as here:
        assert set(here.edge.ports) == {"http", "socks5", "echo"}
        assert {each.protocol for each in here.edge._access.endpoints} == set(here.edge.ports)
