"""Bulk bytes through a tunnel: processor seconds per gigabyte, against haproxy's tcp splicing and squid.

python -m bench.relay            about two minutes
python -m bench.relay --quick    one short round
"""

import socket
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from bench import peers
from bench.edges import Origin, Proxy, in_own_network, line_up

GB = 10**9
PIECE = 1 << 20
ROUNDS = 5


def serve(client: socket.socket) -> None:
    """Send as many bytes as the client asks for in its first eight."""
    left = int.from_bytes(client.recv(8, socket.MSG_WAITALL), "big")
    zeros = memoryview(bytes(PIECE))
    while left:
        left -= client.send(zeros[:left])


def fetch(proxy: Proxy, size: int) -> None:
    """Receive `size` bytes through one tunnel."""
    with proxy.tunnel() as sock:
        sock.sendall(size.to_bytes(8, "big"))
        left = size
        buffer = bytearray(PIECE)
        while left:
            got = sock.recv_into(buffer, min(left, PIECE))
            assert got, f"{proxy.name} closed with {left} bytes to come"
            left -= got


def cost(proxy: Proxy, tunnels: int, size: int) -> float:
    """Processor seconds per gigabyte of this proxy, with so many tunnels at once."""
    before = proxy.cpu_s()
    threads = [threading.Thread(target=fetch, args=(proxy, size // tunnels)) for _ in range(tunnels)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (proxy.cpu_s() - before) / (size / GB)


def main() -> None:
    """Interleave the proxies, forwards and backwards in turn, and compare medians."""
    quick = "--quick" in sys.argv
    rounds = 1 if quick else ROUNDS
    sizes = {"edge": 3 * GB, "haproxy": 3 * GB, "squid": GB, "bare_squid": GB}
    costs: dict[tuple[str, int], list[float]] = {}
    origin = Origin(serve)
    with tempfile.TemporaryDirectory() as folder, line_up(Path(folder), origin.port, *sizes) as proxies:
        for proxy in proxies:
            cost(proxy, 1, GB // 4)  # warm
        for turn in range(rounds):
            for proxy in proxies if turn % 2 else proxies[::-1]:
                for tunnels in (1, 8):
                    costs.setdefault((proxy.name, tunnels), []).append(
                        cost(proxy, tunnels, sizes[proxy.name])
                    )
    for (name, tunnels), values in sorted(costs.items()):
        print(
            f"{name:8} {tunnels} tunnels: {statistics.median(values):.3f} CPU s/GB ({min(values):.3f}..{max(values):.3f})"  # noqa: E501
        )
    for peer, bound in (("haproxy", "<=1.1"), ("squid", "<=0.3")):
        ours = sum(statistics.median(costs["edge", tunnels]) for tunnels in (1, 8))
        theirs = sum(statistics.median(costs[peer, tunnels]) for tunnels in (1, 8))
        print(peers.ratio_line(f"relay_cpu_vs_{peer}", ours / theirs, bound))


if __name__ == "__main__":
    in_own_network("bench.relay", main)
