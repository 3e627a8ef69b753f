"""What a client gets through a proxy, in a word; and squid to compare with where it is installed."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

SQUID = shutil.which("squid")
_PATIENCE_S = 2.0
_NO_BODY = {"204", "304"}
_SHOWS_BODY = {"200", "205", "299", "600", "999"}  # of others it is the proxy's own
_CONFIG = """\
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log none
via off
forwarded_for delete
connect_timeout 3 seconds
shutdown_lifetime 0 seconds
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
cache_effective_user proxy
"""


@contextlib.asynccontextmanager
async def squid(folder: Path) -> AsyncIterator[int]:
    """Run squid without a cache and without rules; yield its port."""
    assert SQUID is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = folder / "squid"
    home.mkdir()
    for each in (home, *list(home.parents)[:4]):
        with contextlib.suppress(OSError):
            each.chmod(each.stat().st_mode | 0o011 if each is not home else 0o777)
    config = home / "squid.conf"
    config.write_text(_CONFIG.format(port=port, folder=home))
    process = subprocess.Popen(
        [SQUID, "-N", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                assert process.poll() is None, (home / "cache.log").read_text()
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def verdict_on(port: int, request: bytes, *, shown: int = 10) -> str:
    """Send a request to a proxy and return its answer as `status body`, `closes` or `waits`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(request)
        data = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(_PATIENCE_S):
                while (found := _verdict(data, ended=False, shown=shown)) is None:
                    more = await reader.read(65_536)
                    if not more:
                        break
                    data += more
                else:
                    return found
        return _verdict(data, ended=True, shown=shown) or "closes"
    except TimeoutError:
        return "waits"
    finally:
        writer.close()


def _verdict(data: bytes, *, ended: bool, shown: int) -> str | None:
    """Return the verdict, or None when more is needed."""
    head, blank_line, body = data.partition(b"\r\n\r\n")
    if not blank_line:
        return None
    lines = head.decode("latin-1").split("\r\n")
    status = lines[0].split(" ")[1]
    if status.startswith("1") and status != "101":
        return _verdict(body, ended=ended, shown=shown)
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status in _NO_BODY:
        return status
    if b"established" in head.lower():
        return "200 tunnel"
    length: int | None = None
    if fields.get("transfer-encoding", "").lower() == "chunked":
        pieces = list(_chunks(body))
        whole, body = pieces[-1:] == [b""], b"".join(pieces)
    else:
        length = int(fields["content-length"]) if "content-length" in fields else None
        whole = ended if length is None else len(body) >= length
    if not whole and not ended:
        return None
    begins = body[:length][:shown].decode("latin-1") if status in _SHOWS_BODY else ""
    return f"{status} {'' if whole else 'cut '}{begins}".strip()


def _chunks(data: bytes) -> Iterator[bytes]:
    """Give the chunks that are there, the last and empty one included."""
    while True:
        size, line_end, data = data.partition(b"\r\n")
        if not line_end:
            return
        length = int(size.split(b";")[0], 16)
        yield data[:length]
        if not length or len(data) < length + 2:
            return
        data = data[length + 2 :]
