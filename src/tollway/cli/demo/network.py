"""What the demo needs of a network: an origin with files, and a relay that counts every byte on the wire.

The relay stands between curl and the proxy. When curl breaks off, it passes that on as the end of its stream and reads
on until the proxy closes: so what it counted is exactly what crossed the wire, also for an aborted transfer.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tollway.kit.tasks import spawn

CHUNK = 64 * 1024
_RANGE = re.compile(rb"^GET (?:http://[^/ ]+)?/(\w+)/(\d+)")


def pattern(size: int) -> bytes:
    """Return `size` bytes that differ from place to place, so that a lost or repeated piece shows."""
    block = hashlib.shake_128(b"tollway demo").digest(CHUNK)
    return block[:size] if size <= CHUNK else block * (size // CHUNK) + block[: size % CHUNK]


def digest_of(size: int) -> str:
    """Return the SHA-256 of the file of this size."""
    return hashlib.sha256(pattern(size)).hexdigest()


class Origin:
    """A small web server: `GET /file/N` answers N bytes, `/slow/N` the same at a walking pace; PUT counts a body."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.requests = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, self._host, 0, limit=1 << 20, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()

    def url(self, kind: str, size: int) -> str:
        """Name a file."""
        return f"http://{self._host}:{self.port}/{kind}/{size}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            return  # the client broke off, or the story is over
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        self.requests += 1
        if head.startswith(b"PUT"):
            if b"100-continue" in head:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = hashlib.sha256(await reader.readexactly(length)).hexdigest().encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            return True
        match = _RANGE.match(head)
        kind, size = (match[1], int(match[2])) if match else (b"file", 0)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size
        )
        await self._send(reader, writer, size, pause_s=0.02 if kind == b"slow" else 0)
        return True

    async def _send(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int, *, pause_s: float
    ) -> None:
        block = pattern(CHUNK)
        sent = 0
        while sent < size:
            if reader.at_eof():
                raise ConnectionResetError  # whoever asked has hung up; like any web server, stop sending
            piece = block[: size - sent]
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            if pause_s:
                await asyncio.sleep(pause_s)


class CountingRelay:
    """Forwards connections to the proxy and counts what crosses, both ways."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._busy = 0
        self.port = 0
        self.up_bytes = 0
        self.down_bytes = 0

    @property
    def total_bytes(self) -> int:
        """Everything that crossed so far."""
        return self.up_bytes + self.down_bytes

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.close()

    async def quiet(self, timeout_s: float = 30.0) -> None:
        """Wait until no connection is open. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self._busy:  # noqa: ASYNC110  connections end by themselves
                await asyncio.sleep(0.01)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The server alone would hold the task weakly.
        spawn(self._relay(reader, writer), "relay")

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            up = spawn(self._pump(reader, far_writer, self._count_up, far_writer.is_closing), "up")
            await self._pump(far_reader, writer, self._count_down, lambda: False)
            await asyncio.wait({up}, timeout=1)
            up.cancel()
            far_writer.close()
        except OSError:
            pass  # the proxy is down just now, which the story knows
        finally:
            writer.close()
            self._busy -= 1

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        count: Callable[[int], None],
        given_up: Callable[[], bool],
    ) -> None:
        broken = False
        while not given_up():
            try:
                data = await source.read(CHUNK)
            except ConnectionError:
                data = b""
            if not data:
                break
            count(len(data))
            if not broken:
                broken = not await _try(lambda data=data: _send(sink, data))
        if sink.can_write_eof():
            with suppress(OSError, RuntimeError):
                sink.write_eof()

    def _count_up(self, size: int) -> None:
        self.up_bytes += size

    def _count_down(self, size: int) -> None:
        self.down_bytes += size


async def _send(sink: asyncio.StreamWriter, data: bytes) -> None:
    sink.write(data)
    await sink.drain()


async def _try(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except (ConnectionError, RuntimeError):
        return False
    return True
