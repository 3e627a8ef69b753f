"""The relay: half-close, back-pressure, resets, idle limits, throttle; splicing or not, the bytes are the same."""

import asyncio
import fcntl
import hashlib
import os
import socket
import struct
import time
from pathlib import Path

import pytest

from tests.kit.edges import Client, echo, edge_setup, flood, pattern
from tests.kit.eventually import eventually, stands_still
from tests.kit.fake_access import FakeAccess
from tollway.edge.pipes import Pipe, Pipes

MB = 1_000_000


async def test_half_close_is_passed_on_from_client_to_origin(tmp_path: Path) -> None:
    async def sums(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hashlib.sha256(await reader.read()).digest())

    async with edge_setup(tmp_path, sums) as here:
        for client in (await here.tunnel(), await here.socks_tunnel()):
            data = pattern(3 * MB)
            await client.send(data)
            client.writer.write_eof()
            assert await client.rest() == hashlib.sha256(data).digest()
            await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_half_close_is_passed_on_from_origin_to_client(tmp_path: Path) -> None:
    heard = bytearray()

    async def speaks_then_listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"that is all")
        writer.write_eof()
        while data := await reader.read(65_536):
            heard.extend(data)

    async with edge_setup(tmp_path, speaks_then_listens) as here:
        client = await here.tunnel()
        assert await client.rest() == b"that is all"
        await client.send(pattern(200_000))
        await client.close()
        await here.settled()
        assert bytes(heard) == pattern(200_000)
        assert here.access.used() == here.on_the_wire


@pytest.mark.parametrize("size", [1, 1_000, 65_535, 65_536, 65_537, 131_072, 262_144, 3_000_001])
async def test_bytes_arrive_as_they_were_whatever_their_number(tmp_path: Path, size: int) -> None:
    async with edge_setup(tmp_path, echo) as here:
        client = await here.tunnel()
        data = pattern(size)
        sending = asyncio.ensure_future(client.send(data))
        assert await client.exactly(size) == data
        await sending
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_many_small_messages_after_many_bytes(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, echo) as here:
        client = await here.tunnel()
        await client.send(pattern(500_000))
        await client.exactly(500_000)
        for number in range(300):
            message = number.to_bytes(2, "big") * (number + 1)
            await client.send(message)
            assert await client.exactly(len(message)) == message
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_client_that_does_not_read_holds_the_origin_up_and_then_gets_everything(
    tmp_path: Path,
) -> None:
    sent = 0

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(600):
            writer.write(pattern(100_000))
            await writer.drain()
            sent += 100_000

    async with edge_setup(tmp_path, generous) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        await eventually(lambda: sent)
        # Everything on the way fills up, and then the origin stands still.
        assert await stands_still(lambda: sent) < 60 * MB
        assert await client.rest() == pattern(100_000) * 600
        await client.close()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.output_octets == 60 * MB + 39


async def test_an_origin_that_does_not_read_holds_the_client_up(tmp_path: Path) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    async with edge_setup(tmp_path, deaf) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.send(bytes(100 * MB)), 0.5)
        client.reset()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Lost-Carrier"
        assert usage.input_octets < 50 * MB


async def test_what_an_origin_said_before_it_broke_off_arrives(tmp_path: Path) -> None:
    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last words")
        await writer.drain()
        await reader.readexactly(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with edge_setup(tmp_path, breaks_off) as here:
        client = await here.tunnel()
        assert await client.exactly(10) == b"last words"
        await client.send(b"x")
        assert await client.rest() == b""
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_flow_without_a_byte_ends_after_a_while(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, echo, tunnel_idle_timeout_s=1.5) as here:
        began = time.monotonic()
        client = await here.tunnel()
        for _ in range(8):
            await asyncio.sleep(0.2)  # a client's own pace, well below the limit
            await client.send(b"x")
            await client.exactly(1)
        assert await client.rest() == b""
        assert time.monotonic() - began > 3
        await client.close()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Idle-Timeout"


async def test_a_flow_of_which_one_side_has_finished_ends_sooner(tmp_path: Path) -> None:
    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.sleep(60)

    async with edge_setup(tmp_path, waits, half_closed_timeout_s=0.3) as here:
        client = await here.tunnel()
        client.writer.write_eof()
        assert await client.rest() == b""
        await client.close()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Idle-Timeout"


async def test_all_flows_of_an_access_share_its_rate(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add(rate_limit_bytes_s=2 * MB)
    async with edge_setup(tmp_path, flood, access) as here:
        clients = [await here.tunnel() for _ in range(4)]
        began, before = time.monotonic(), here.http.down
        await asyncio.sleep(1.5)
        rate = (here.http.down - before) / (time.monotonic() - began)
        assert 1 * MB < rate < 3 * MB
        access.announce("resource_stopped", resource_id="res_alice")
        for client in clients:
            await client.rest()
            await client.close()
        await here.settled()
        assert access.used() == here.on_the_wire


async def test_a_slow_reader_among_fast_ones_delays_nobody(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, flood) as here:
        turned_away = await Client.connect(here.edge.ports["http"])
        await turned_away.send(here.connect_head())
        await asyncio.sleep(0.1)
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        async with asyncio.timeout(20):
            await client.exactly(20 * MB)
        client.reset()
        turned_away.reset()
        await here.settled()


def test_the_first_pipes_are_large_and_later_ones_leave_service_for_others() -> None:
    pipes = Pipes()
    taken = [pipes.acquire() for _ in range(150)]
    sizes = [pipe.size for pipe in taken]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) <= 64 * 1024 * 1024  # what a user without privileges may have
    for pipe in taken:
        pipes.release(pipe)
    assert pipes.acquire().size == max(sizes)
    pipes.close()


def test_a_system_that_grants_no_large_pipe_is_served_by_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.fcntl

    def refused(fd: int, command: int, *more: int) -> int:
        if command == fcntl.F_SETPIPE_SZ:
            raise PermissionError("above the user's limit")
        return real(fd, command, *more)

    monkeypatch.setattr(fcntl, "fcntl", refused)
    pipe = Pipes().acquire()
    assert pipe.size >= 4096
    assert os.write(pipe.inlet, b"works") == 5
    pipe.close()


async def test_without_a_file_left_for_a_pipe_bytes_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: Pipes) -> Pipe:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Pipes, "acquire", none_left)
    async with edge_setup(tmp_path, echo) as here:
        client = await here.tunnel()
        data = pattern(2 * MB)
        sending = asyncio.ensure_future(client.send(data))
        assert await client.exactly(len(data)) == data
        await sending
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_pipes_are_pooled_and_idle_tunnels_hold_none(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, echo) as here:
        clients = [await here.tunnel() for _ in range(20)]
        for client in clients:
            sending = asyncio.ensure_future(client.send(bytes(300_000)))
            await client.exactly(300_000)
            await sending
        pipes = sum("pipe" in os.readlink(f"/proc/self/fd/{fd}") for fd in _files())
        assert pipes < 2 * len(clients)
        for client in clients:
            await client.close()
        await here.settled()


async def test_files_are_closed_when_flows_end(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, echo) as here:
        before = len(_files())
        for _ in range(3):
            clients = [await here.tunnel() for _ in range(10)] + [
                await here.socks_tunnel() for _ in range(10)
            ]
            for number, client in enumerate(clients):
                if number % 2:
                    client.reset()
                await client.close()
            await here.settled()
        await eventually(lambda: len(_files()) <= before + 4)


def _files() -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        found.append(fd)
    return found


# ── while a sink takes nothing, its source is not listened to ───────────────────────────────────────


@pytest.mark.parametrize("first", ["client", "origin", "both"])
async def test_both_sides_send_before_either_reads(tmp_path: Path, first: str) -> None:
    """Both directions are blocked, with both sockets full; whoever reads first lets the other go on."""
    size = 12_000_000
    read_now = {"client": asyncio.Event(), "origin": asyncio.Event()}
    got_by_origin = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(pattern(size))
        await read_now["origin"].wait()
        while len(got_by_origin) < size:
            got_by_origin.extend(await reader.read(1 << 16))
        await writer.drain()
        writer.write_eof()

    async with edge_setup(tmp_path, talk) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        sending = asyncio.ensure_future(client.send(pattern(size)))
        (flow,) = here.edge._charging.live_flows()
        await stands_still(lambda: flow.spend.bytes_in + flow.spend.bytes_out)
        for side in ("client", "origin"):
            if first in (side, "both"):
                read_now[side].set()
        reading = asyncio.ensure_future(client.exactly(size)) if read_now["client"].is_set() else None
        await asyncio.sleep(0.1)
        read_now["origin"].set()
        assert await (reading or client.exactly(size)) == pattern(size)
        await sending
        client.writer.write_eof()
        assert await client.rest() == b""
        assert bytes(got_by_origin) == pattern(size)
        await client.close()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "User-Request"
        assert usage.total > 2 * size


@pytest.mark.parametrize("who", ["client", "origin"])
async def test_a_reset_is_noticed_while_its_socket_is_not_listened_to(tmp_path: Path, who: str) -> None:
    origins: list[asyncio.StreamWriter] = []

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origins.append(writer)
        writer.write(bytes(30_000_000))
        await asyncio.Event().wait()

    async with edge_setup(tmp_path, talk, idle_timeout_s=60) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        (flow,) = here.edge._charging.live_flows()
        await stands_still(lambda: flow.spend.bytes_out)
        if who == "client":
            client.reset()
        else:
            sock = origins[0].get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            origins[0].transport.abort()
            await client.rest()  # what had come is delivered, then the end
            await client.close()
        await here.settled()
