"""An edge to play with: origins that do as they are told, clients of each protocol, and a forwarder that counts.

async with edge_setup(tmp_path) as here:                  # an access service, an origin, an edge
    client = await here.connect_tunnel()                  # CONNECT, logged in
    ...
    assert here.access.used() == here.wire.total          # what was charged is what was on the wire
"""

import asyncio
import base64
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tests.kit.typing import settings_of
from tollway.edge.node import Edge
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.settings import EdgeSettings, ListenerSettings
from tollway.fabric.clock import Clock, SystemClock

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FREE_PORTS = {spec.name: ListenerSettings(host="", port=0) for spec in PROTOCOLS}
QUICK = {
    "lease_idle_s": 0.05,
    "report_interval_s": 0.1,
    "stop_delay_s": 0.01,
    "exhausted_retry_s": 0.1,
    "failed_login_cache_s": 0.0,
    "flow_log": "off",
}


@dataclass
class Client:
    """One connection of a customer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytearray = field(default_factory=bytearray)  # what `rest` has read so far

    @classmethod
    async def connect(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def exactly(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), 30)

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read one response with a length or chunks; tests of other shapes read for themselves."""
        head = (await self.head()).decode("latin-1")
        status = int(head.split(" ")[1])
        headers = {}
        for line in head.split("\r\n")[1:-2]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += await self.exactly(size)
                await self.exactly(2)
            await self.exactly(2)
            return status, headers, body
        return status, headers, await self.exactly(int(headers.get("content-length", "0")))

    async def rest(self) -> bytes:
        """Read until the other side closes, however it does."""
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(self.reader.read(1 << 20), 30):
                self.seen += piece
        return bytes(self.seen)

    def reset(self) -> None:
        """Vanish without a word: RST. Nothing happens when the other side has broken off already."""
        if self.writer.is_closing():
            return
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Origin:
    """A server that treats every connection as `talk` says."""

    talk: Talk
    port: int = 0
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Origin"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await self.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say back what comes, and half-close when the other side has."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send without end, whatever is said."""
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A small HTTP server: /bytes/N gives N bytes, /chunked/N as chunks, POST answers how much came."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return
        method, path, _ = head.split("\r\n")[0].split(" ")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head.split("\r\n")[1:-2])}
        if headers.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        received = await _body(reader, headers)
        kind, _, size = path.strip("/").partition("/")
        body = pattern(int(size)) if kind in {"bytes", "chunked", "old"} else b"%d" % received
        if kind == "headers":
            body = head.encode("latin-1")
        if kind == "old":
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)
            return
        if kind == "chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 10_000):
                piece = body[at : at + 10_000]
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        elif kind == "nothing":
            writer.write(b"HTTP/1.1 204 No Content\r\nX-Kind: nothing\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            if method != "HEAD":
                writer.write(body)
        await writer.drain()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> int:
    if headers.get("transfer-encoding") == "chunked":
        total = 0
        while size := int(await reader.readuntil(b"\r\n"), 16):
            total += len(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return total
    left = total = int(headers.get("content-length", "0"))
    while left:
        left -= len(await reader.readexactly(min(left, 1 << 20)))
    return total


def pattern(size: int) -> bytes:
    """Bytes that show where a piece is missing or doubled."""
    unit = b"".join(i.to_bytes(4, "big") for i in range(16_384))
    return (unit * (size // len(unit) + 1))[:size]


@dataclass
class Forwarder:
    """Stands between clients and an edge's port and counts what passes, as a bill's auditor would."""

    to_port: int
    port: int = 0
    up: int = 0  # read from the client and written to the edge
    down: int = 0  # read from the edge

    @property
    def total(self) -> int:
        return self.up + self.down

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Forwarder"]:
        self._tasks: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        edge_reader, edge_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        try:
            await asyncio.gather(self._up(reader, edge_writer), self._down(edge_reader, writer))
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            for each in (writer, edge_writer):
                each.close()
                with contextlib.suppress(ConnectionError):
                    await each.wait_closed()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.up += len(data)
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whatever the edge says counts, also when the client is gone."""
        listening = True
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.down += len(data)
                if listening:
                    try:
                        writer.write(data)
                        await writer.drain()
                    except ConnectionError:
                        listening = False
        with contextlib.suppress(OSError):
            writer.write_eof()


LOGIN = "Basic " + base64.b64encode(b"alice:s3cret").decode()


@dataclass
class EdgeSetup:
    """An access service, an origin, an edge, and a counting forwarder before each of its ports."""

    access: FakeAccess
    edge: Edge
    origin: Origin
    http: Forwarder
    socks: Forwarder

    @property
    def on_the_wire(self) -> int:
        return self.http.total + self.socks.total

    async def settled(self) -> None:
        """Wait until every flow has ended, was reported, and its leases were given back."""
        await eventually(lambda: self.access.usage and all(one.stops for one in self.access.usage.values()))
        await eventually(lambda: not self.access.held())

    def get(self, path: str, *more: str, method: str = "GET", login: str = LOGIN, port: int = 0) -> bytes:
        """A plain request through the proxy."""
        host = f"127.0.0.1:{port or self.origin.port}"
        lines = [f"{method} http://{host}{path} HTTP/1.1", f"Host: {host}", *more]
        if login:
            lines.append(f"Proxy-Authorization: {login}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def connect_head(self, target: str = "", login: str = LOGIN) -> bytes:
        target = target or f"127.0.0.1:{self.origin.port}"
        line = f"Proxy-Authorization: {login}\r\n" if login else ""
        return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{line}\r\n".encode()

    async def client(self) -> Client:
        """A client of the HTTP proxy that has not said anything."""
        return await Client.connect(self.http.port)

    async def tunnel(self) -> Client:
        """A CONNECT tunnel to the origin."""
        client = await self.client()
        await client.send(self.connect_head())
        assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        return client

    async def socks_tunnel(self, host: str = "127.0.0.1", port: int = 0) -> Client:
        """A SOCKS5 tunnel to the origin."""
        client, reply = await self.socks_ask(host, port or self.origin.port)
        assert reply == 0, f"refused with reply {reply}"
        return client

    async def socks_ask(
        self, host: str, port: int, username: str = "alice", password: str = "s3cret"
    ) -> tuple[Client, int]:
        """Go through the SOCKS5 handshake; return the client and the reply (256: the login was refused)."""
        client = await Client.connect(self.socks.port)
        await client.send(b"\x05\x01\x02")
        assert await client.exactly(2) == b"\x05\x02"
        name, word = username.encode(), password.encode()
        await client.send(bytes((1, len(name))) + name + bytes((len(word),)) + word)
        if await client.exactly(2) != b"\x01\x00":
            return client, 256
        await client.send(b"\x05\x01\x00\x03" + bytes((len(host),)) + host.encode() + port.to_bytes(2, "big"))
        reply = await client.exactly(10)
        return client, reply[1]


def settings(**changes: Any) -> EdgeSettings:
    """Settings of a test's edge: free ports, loopback origins allowed, impatient."""
    return settings_of(
        EdgeSettings,
        **({"listeners": FREE_PORTS, "allow_ranges": ["127.0.0.0/8", "::1/128"], **QUICK} | changes),
    )


@contextlib.asynccontextmanager
async def running_edge(
    folder: Path,
    access: FakeAccess,
    node: str = "edge-1",
    monotonic: Callable[[], float] = time.monotonic,
    protocols: Sequence[ProtocolSpec] = PROTOCOLS,
    clock: Clock | None = None,
    **changes: Any,
) -> AsyncIterator[Edge]:
    """Run an edge until the block ends."""
    edge = Edge(
        settings(**changes), access.stub(node), clock or SystemClock(), node, folder, monotonic, protocols
    )
    await edge.start()
    try:
        await eventually(lambda: edge.ready or access.unavailable)
        yield edge
    finally:
        await edge.stop()


@contextlib.asynccontextmanager
async def edge_setup(
    folder: Path, talk: Talk = echo, access: FakeAccess | None = None, **changes: Any
) -> AsyncIterator[EdgeSetup]:
    """Set everything up around one origin; `changes` are settings of the edge."""
    if access is None:
        access = FakeAccess()
        access.add()
    async with contextlib.AsyncExitStack() as stack:
        origin = await stack.enter_async_context(Origin(talk).serving())
        edge = await stack.enter_async_context(running_edge(folder, access, **changes))
        http = await stack.enter_async_context(Forwarder(edge.ports["http"]).serving())
        socks = await stack.enter_async_context(Forwarder(edge.ports["socks5"]).serving())
        yield EdgeSetup(access, edge, origin, http, socks)
