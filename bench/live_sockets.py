"""Live sockets: what 1,000 pages that watch their usage cost, in memory and in CPU, while one update a second comes.

Ten customers are watched by a hundred pages each; in turn, one of them fetches something through the proxy every
second. The same fetches without anybody watching are taken off.

python -m bench.live_sockets            two minutes
python -m bench.live_sockets --quick    100 sockets, some seconds
"""

import asyncio
import base64
import http.server
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from os import getpid
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench import peers
from bench.start import family, proportional_mb
from tests.kit.business import Business, Customer, running_business

MEMORY_BOUND, CPU_BOUND = "<=60", "<5"
ORIGIN = "127.77.0.3"
WATCHED = 10


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers everything with a little."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""


class Load:
    """Customers who fetch something in turn, one a second."""

    def __init__(self, business: Business, port: int) -> None:
        self._business, self._port = business, port
        self.customers = [self._one() for _ in range(WATCHED)]
        self._access = [one.connect() for one in self.customers]

    def _one(self) -> Customer:
        one = self._business.customer()
        one.pay_in("10.00")
        one.buy()
        return one

    async def cpu_percent(self, span_s: float) -> float:
        """Return what all processes used of one core while fetches went on."""
        processes = platform()
        before, began = {one: peers.cpu_s(one) for one in processes}, time.monotonic()
        turn = 0
        while time.monotonic() - began < span_s:
            await self._fetch(self._access[turn % WATCHED])
            turn += 1
            await asyncio.sleep(max(0.0, began + turn - time.monotonic()))
        return sum(peers.cpu_s(one) - before[one] for one in processes) / (time.monotonic() - began) * 100

    async def _fetch(self, access: dict[str, Any]) -> None:
        login = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
        host, _, port = self._business.addresses["http"].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET http://{ORIGIN}:{self._port}/ HTTP/1.1\r\nHost: {ORIGIN}:{self._port}\r\n"
            f"Proxy-Authorization: Basic {login}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        assert b" 200 " in answer.partition(b"\r\n")[0], answer[:200]
        writer.close()


class Watchers:
    """Pages that watch; `messages` counts what they were sent."""

    def __init__(self) -> None:
        self.messages = 0

    @asynccontextmanager
    async def open(self, business: Business, customers: list[Customer], number: int) -> AsyncIterator[None]:
        url = business.url.replace("http:", "ws:") + "/api/usage/live"
        async with AsyncExitStack() as stack:
            readers: list[asyncio.Task[None]] = []
            for place in range(number):
                token = customers[place % len(customers)].caller.token
                sent = {"Authorization": f"Bearer {token}"}
                socket = await stack.enter_async_context(
                    connect(url, additional_headers=sent, open_timeout=60)
                )
                readers.append(asyncio.create_task(self._read(socket)))
            yield
            for reader in readers:
                reader.cancel()

    async def _read(self, socket: ClientConnection) -> None:
        async for _ in socket:
            self.messages += 1


def platform() -> list[int]:
    """Return the processes of the platform: all that this one has started."""
    return family(getpid())[1:]


def memory_mb() -> float:
    return sum(map(proportional_mb, platform()))


async def measure(business: Business, port: int, number: int, span_s: float) -> tuple[float, float, float]:
    """Return megabytes, per cent of a core, and messages a second, all of the sockets alone."""
    load, watchers = await asyncio.to_thread(Load, business, port), Watchers()
    async with watchers.open(business, load.customers, WATCHED):
        await load.cpu_percent(5)  # what is loaded and kept on first use is nobody's cost
    alone = await load.cpu_percent(span_s)
    before = memory_mb()
    async with watchers.open(business, load.customers, number):
        await asyncio.sleep(5)
        used_mb = memory_mb() - before
        seen = watchers.messages
        watched = await load.cpu_percent(span_s)
        rate = (watchers.messages - seen) / span_s
    return used_mb, watched - alone, rate


def main() -> None:
    """Start a platform, watch it, print what that costs."""
    number, span_s = (100, 10.0) if "--quick" in sys.argv else (1_000, 40.0)
    origin = http.server.ThreadingHTTPServer((ORIGIN, 0), Pages)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    settings = {
        "TOLLWAY_EDGE__ALLOW_RANGES": '["127.0.0.0/8"]',
        "TOLLWAY_LOG__LEVEL": "INFO",
        "TOLLWAY_GATEWAY__LIMITS": '{"default": {"quota": 100000, "window_s": 1}}',
    }
    with (
        tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder,
        running_business(Path(folder) / "data", "all", "payments_mock", **settings) as business,
    ):
        used_mb, cpu, rate = asyncio.run(measure(business, origin.server_port, number, span_s))
    origin.shutdown()
    print(f"{number} sockets, {rate:.1f} messages a second in all")
    print(peers.ratio_line("live_sockets_mb", used_mb, MEMORY_BOUND, "figure"))
    print(peers.ratio_line("live_sockets_cpu_percent", cpu, CPU_BOUND, "figure"))


if __name__ == "__main__":
    main()
