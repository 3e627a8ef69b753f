"""Cut-off: how long after a customer's suspension, or the end of a credential, the last of their tunnels is closed.

The business and the edge are one process; eight tunnels of a customer are open, all of them downloading.
The longest of all rounds counts: from before the operator's or the customer's request until the client sees the end.

python -m bench.cut_off            half a minute
python -m bench.cut_off --quick    two rounds
"""

import asyncio
import base64
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import peers
from tests.kit.business import Business, Customer, running_business

BOUND = "<=1"
ORIGIN = "127.77.0.4"
TUNNELS = 8


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def tunnel(address: str, access: dict[str, Any], port: int) -> Connection:
    """Open a tunnel to the origin and begin to read."""
    login = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
    host, _, at = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(at))
    target = f"{ORIGIN}:{port}"
    writer.write(
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {login}\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in answer.partition(b"\r\n")[0], answer
    assert await reader.read(1), "the origin sends at once"
    return reader, writer


async def until_closed(reader: asyncio.StreamReader) -> float:
    """Read to the end; the moment of it."""
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
    return time.monotonic()


async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a little every ten milliseconds until the connection is closed."""
    try:
        while True:
            writer.write(b"x" * 100)
            await writer.drain()
            await asyncio.sleep(0.01)
    except (ConnectionError, asyncio.CancelledError):
        writer.close()


async def seconds(business: Business, end: str, port: int) -> float:
    """Return how long the last of a new customer's tunnels outlived the request that ends them."""

    def prepared() -> tuple[Customer, dict[str, Any]]:
        customer = business.customer()
        customer.pay_in("5.00")
        customer.buy()
        return customer, customer.connect()

    customer, access = await asyncio.to_thread(prepared)
    operator = await asyncio.to_thread(business.operator)
    tunnels = [await tunnel(business.addresses["http"], access, port) for _ in range(TUNNELS)]
    closing = [asyncio.create_task(until_closed(reader)) for reader, _ in tunnels]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in closing), "a tunnel ended by itself"
    began = time.monotonic()
    if end == "suspend":
        path, body = f"/api/admin/users/{customer.id}/suspend", {"reason": "a benchmark"}
        reply = await asyncio.to_thread(operator.post, path, body)
    else:
        reply = await asyncio.to_thread(customer.caller.post, "/api/proxy/disconnect", {})
    assert reply.status < 300, reply.body
    async with asyncio.timeout(30):
        ended = max(await asyncio.gather(*closing))
    for _, writer in tunnels:
        writer.close()
    return ended - began


async def measure(business: Business, rounds: int) -> dict[str, list[float]]:
    """Measure both ends in turn."""
    server = await asyncio.start_server(trickle, ORIGIN, 0)
    port = server.sockets[0].getsockname()[1]
    found: dict[str, list[float]] = {"suspend": [], "disconnect": []}
    for _ in range(rounds):
        for end, values in found.items():
            values.append(await seconds(business, end, port))
    server.close()
    return found


def main() -> None:
    """Start a business and an edge, and cut customers off."""
    rounds = 1 if "--quick" in sys.argv else 10
    settings = {"TOLLWAY_EDGE__ALLOW_RANGES": '["127.0.0.0/8"]', "TOLLWAY_LOG__LEVEL": "INFO"}
    with (
        tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder,
        running_business(Path(folder) / "data", "all", "payments_mock", **settings) as business,
    ):
        found = asyncio.run(measure(business, rounds))
    for end, values in found.items():
        print(f"{end}: {sorted(values)[len(values) // 2] * 1000:.0f} ms, at most {max(values) * 1000:.0f}")
    print(peers.ratio_line("cut_off_s", max(max(values) for values in found.values()), BOUND, "figure"))


if __name__ == "__main__":
    main()
