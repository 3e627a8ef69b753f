"""An aborted download is charged for what was sent, not for what the kernel still held."""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.kit.edges import EdgeSetup, edge_setup, flood, pattern, web
from tests.kit.eventually import eventually
from tollway.edge.tcp_send_queue import is_broken, unsent_bytes

MB = 1_000_000
_WINDOW_BYTES = 128 * 1024


async def aborted(here: EdgeSetup, head: bytes, *, dawdle_s: float = 0.0) -> int:
    """Ask with a small receive window, read 1 MB, wait, close with the rest unread; return what was read."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW_BYTES // 2)  # the kernel doubles it
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", here.edge.ports["http"]))
        await loop.sock_sendall(client, head)
        read = 0
        while read < MB:
            read += len(await loop.sock_recv(client, 65_536))
        await asyncio.sleep(dawdle_s)
    return read


@pytest.mark.parametrize("interval_s", [0.05, 60])
@pytest.mark.parametrize("protocol", ["connect", "http"])
async def test_an_aborted_download_costs_what_was_sent(
    tmp_path: Path, protocol: str, interval_s: float
) -> None:
    talk = flood if protocol == "connect" else web
    async with edge_setup(tmp_path, talk, report_interval_s=interval_s) as here:
        head = here.connect_head() if protocol == "connect" else here.get("/bytes/60000000")
        read = await aborted(here, head, dawdle_s=0.4)
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Lost-Carrier"
        assert read <= usage.output_octets <= read + _WINDOW_BYTES
        assert here.access.used() == usage.output_octets + len(head)


async def test_reports_tell_only_what_was_sent(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, flood, report_interval_s=0.05) as here:
        await aborted(here, here.connect_head(), dawdle_s=0.5)
        reported = max(one.output_octets for one in here.access.usage.values())
        await here.settled()
        (usage,) = here.access.usage.values()
        assert MB < reported <= usage.output_octets <= reported + _WINDOW_BYTES


async def test_the_kernel_tells_what_it_never_sent_also_when_the_connection_broke() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = socket.create_connection(listening.getsockname())
        writer, _ = listening.accept()
    with reader, writer:
        writer.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                writer.send(pattern(65_536))
        held = unsent_bytes(writer)
        assert held > 0
        assert not is_broken(writer)
        reader.close()  # with bytes unread: a reset
        await eventually(lambda: is_broken(writer))
        assert unsent_bytes(writer) == held
