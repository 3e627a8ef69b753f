"""Certificates for a test, and a TLS client that can end its own side and go on listening, which asyncio's cannot."""

import asyncio
import contextlib
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


def write_certificate(folder: Path, name: str = "localhost") -> Path:
    """Put a new self-signed certificate in the place of the one that is there, as certbot does: by renaming.

    Return the file of the certificate, `cert.pem`; its key is `key.pem` beside it.
    """
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / "key.new", "-out", folder / "cert.new"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "key.new").rename(folder / "key.pem")
    (folder / "cert.new").rename(folder / "cert.pem")
    return folder / "cert.pem"


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return how a client is configured that trusts this certificate alone."""
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass
class TlsClient:
    """A connection with TLS over the bare streams of `raw`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    context: ssl.SSLContext
    seen: bytes = b""
    ended: str = ""
    """How the other side ended: `close_notify`, `cut` (without one), `reset`; empty: it has not."""
    _in: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    _out: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext) -> "TlsClient":
        client = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20), context)
        await client.handshake()
        return client

    async def handshake(self, *, finish: bool = True) -> None:
        """Shake hands; with `finish=False` the client's last message is kept for what it says first."""
        self.tls = self.context.wrap_bio(self._in, self._out, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    raise ConnectionError("the handshake was broken off") from None
            else:
                break
        if finish:
            await self._flush()

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._flush()

    async def end(self, *, fin: bool = False) -> None:
        """Say that nothing follows, by close_notify, and by FIN if wanted; go on listening."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        await self._flush()
        if fin:
            self.writer.write_eof()

    async def until(self, marker: bytes) -> bytes:
        """Read until what was seen contains the marker; return it up to and including that, and forget it."""
        while marker not in self.seen:
            assert await self._read(), f"ended ({self.ended}) after {self.seen[-200:]!r}"
        at = self.seen.index(marker) + len(marker)
        found, self.seen = self.seen[:at], self.seen[at:]
        return found

    async def exactly(self, size: int) -> bytes:
        while len(self.seen) < size:
            assert await self._read(), f"ended ({self.ended}) after {len(self.seen)} bytes"
        found, self.seen = self.seen[:size], self.seen[size:]
        return found

    async def rest(self) -> bytes:
        """Read until the other side ends, however it does."""
        while await self._read():
            pass
        return self.seen

    async def _read(self) -> bool:
        while not self.ended:
            try:
                piece = self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                await self._more()
            except ssl.SSLZeroReturnError:
                self.ended = "close_notify"
            except ssl.SSLEOFError:
                self.ended = "cut"
            else:
                self.seen += piece
                self.ended = "" if piece else "close_notify"
                return bool(piece)
        return False

    async def _more(self) -> bool:
        try:
            data = await asyncio.wait_for(self.reader.read(1 << 16), 10)
        except ConnectionError:
            self.ended = "reset"
            return False
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        return bool(data)

    async def _flush(self) -> None:
        if data := self._out.read():
            self.writer.write(data)
            with contextlib.suppress(ConnectionError):
                await self.writer.drain()
