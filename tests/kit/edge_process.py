"""An edge in a process of its own, to be killed: `python -m tests.kit.edge_process PORT CERTIFICATES FOLDER NODE HTTP`.

HTTP is the port of its HTTP proxy, which it then shares with others; 0 for one of its own.

It asks the access service of the test that started it, over gRPC with mutual TLS, and prints its ports as JSON.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from tests.kit import service_api
from tests.kit.edges import FREE_PORTS, settings
from tests.kit.fake_access import FakeAccess
from tollway.contracts import access_pb2_grpc
from tollway.edge.node import Edge
from tollway.edge.settings import ListenerSettings
from tollway.fabric.clock import SystemClock
from tollway.fabric.rpc.remote import RemoteChannel


async def serve(port: str, certificates: str, folder: str, node: str, http: str) -> None:
    """Run until SIGTERM."""
    channel = RemoteChannel([f"127.0.0.1:{port}"], "access", Path(certificates), "edge")
    stub: Any = access_pb2_grpc.AccessStub(channel)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    listeners = FREE_PORTS | {"http": ListenerSettings(host="", port=int(http))}
    edge = Edge(settings(listeners=listeners, share_ports=True), stub, SystemClock(), node, Path(folder))
    await edge.start()
    while not edge.ready:
        await asyncio.sleep(0.01)
    print(json.dumps(edge.ports), flush=True)
    await ended.wait()
    await edge.stop()
    await channel.close()


@dataclass
class EdgeProcess:
    """A running edge process."""

    process: asyncio.subprocess.Process
    http_port: int
    socks_port: int

    async def kill(self) -> None:
        """kill -9"""
        self.process.kill()
        await self.process.wait()

    async def end(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 20)


@contextlib.asynccontextmanager
async def reachable(access: FakeAccess) -> AsyncIterator[tuple[str, str]]:
    """Serve the access service over gRPC; give its port and the folder of certificates."""
    async with service_api.api("grpc", access_pb2_grpc, access, caller="edge") as api:
        yield str(api.server.port), str(service_api.certificates())  # type: ignore[union-attr]


async def start(
    where: tuple[str, str], folder: Path, node: str = "edge-1", http_port: int = 0
) -> EdgeProcess:
    """Start an edge process and wait until it serves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kit.edge_process",
        *where,
        str(folder),
        node,
        str(http_port),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    ports = json.loads(line)
    return EdgeProcess(process, ports["http"], ports["socks5"])


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:6]))
