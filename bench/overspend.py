"""Bytes past the holding, and bytes that cannot be used: 100 parallel tunnels over 2 edges, and idle ones beside them,
draw on a small holding until it is used up.
"""

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

from tollway.cli.demo.customer import Customer
from tollway.cli.demo.network import Origin

TUNNELS = 100
IDLE = 8
EDGES = 2
EACH = 4_000_000
HOLDING = 100_000_000


def main() -> None:
    """Start a platform with two edge workers and empty a holding through it."""
    with tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder:
        command = [sys.executable, "-m", "tollway", "up", "--data", folder, "--port-base", "0", "--json"]
        with subprocess.Popen(
            [*command, "--edge-workers", str(EDGES)], stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                assert process.stdout is not None

                used, left = asyncio.run(empty(json.loads(process.stdout.readline())))
            finally:
                process.terminate()
                process.wait(60)
    over = max(0, used - HOLDING)
    print(f"figure overspend_bytes {over} bound <=0 {'met' if over == 0 else 'missed'}")
    print(f"figure unusable_bytes {left} bound <=0 {'met' if left == 0 else 'missed'}")
    print(
        f"# {used} of {HOLDING} bytes crossed {TUNNELS} tunnels over {EDGES} edges beside {IDLE} idle ones, {left} left"
    )


async def empty(known: dict[str, Any]) -> tuple[int, int]:
    """Use up a holding; return (bytes that crossed, bytes that the platform says are left)."""
    customer, origin = Customer(known["api"], known["inbox"]), Origin("127.77.0.1")
    await origin.start()
    await customer.register()
    await customer.log_in()
    await customer.pay_in("20.00")
    await customer.buy(HOLDING)
    access = await customer.connect()
    secret = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
    idle = [await begin(known["http"], secret, origin) for _ in range(IDLE)]
    used = sum(crossed for *_, crossed in idle)
    used += sum(await asyncio.gather(*(tunnel(known["http"], secret, origin) for _ in range(TUNNELS))))
    left = int((await customer.holding())["remaining"])
    for _ in range(20):  # reports follow within seconds
        if not left:
            break
        await asyncio.sleep(0.5)
        left = int((await customer.holding())["remaining"])
    for _, writer, _ in idle:
        writer.close()
    await origin.stop()
    return used, left


async def begin(
    proxy: str, secret: str, origin: Origin
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
    """Open a CONNECT tunnel; return it and the bytes that crossed. Raises ConnectionError when it is refused."""
    host, _, port = proxy.partition(":")
    target = origin.url("file", EACH).removeprefix("http://").partition("/")[0]
    reader, writer = await asyncio.open_connection(host, int(port))
    hello = (
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode()
    )
    writer.write(hello)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionRefusedError(head)
    return reader, writer, len(hello) + len(head)


async def tunnel(proxy: str, secret: str, origin: Origin) -> int:
    """Fetch through one CONNECT tunnel until it ends; return the bytes that crossed, both ways."""
    crossed = received = 0
    with suppress(ConnectionError):
        reader, writer, crossed = await begin(proxy, secret, origin)
        request = f"GET /file/{EACH} HTTP/1.1\r\nHost: origin\r\n\r\n".encode()
        writer.write(request)
        while received < EACH and (data := await reader.read(1 << 16)):
            received += len(data)
        crossed += len(request) + received if received else 0
        writer.close()
    return crossed


if __name__ == "__main__":
    main()
