"""Setting tunnels up: processor time per CONNECT, 64 bytes there and back, and close; against squid.

python -m bench.tunnels            about a minute
python -m bench.tunnels --quick    one short round
"""

import socket
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from bench import peers
from bench.edges import Origin, Proxy, in_own_network, line_up

ROUNDS = 5
TUNNELS = 6_000
CLIENTS = 8
WORD = bytes(64)


def echo(client: socket.socket) -> None:
    """Say back whatever comes."""
    while data := client.recv(4096):
        client.sendall(data)


def visit(proxy: Proxy, times: int) -> None:
    """Open a tunnel, exchange a word, close; over and over."""
    for _ in range(times):
        with proxy.tunnel() as sock:
            sock.sendall(WORD)
            assert sock.recv(64, socket.MSG_WAITALL) == WORD


def cost_ms(proxy: Proxy, tunnels: int) -> float:
    """Processor milliseconds per tunnel, `CLIENTS` at once."""
    before = proxy.cpu_s()
    threads = [threading.Thread(target=visit, args=(proxy, tunnels // CLIENTS)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (proxy.cpu_s() - before) / tunnels * 1000


def main() -> None:
    """Interleave the proxies, forwards and backwards in turn, and compare medians."""
    rounds = 1 if "--quick" in sys.argv else ROUNDS
    costs: dict[str, list[float]] = {}
    origin = Origin(echo)
    with (
        tempfile.TemporaryDirectory() as folder,
        line_up(Path(folder), origin.port, "edge", "squid", "bare_squid") as proxies,
    ):
        for proxy in proxies:
            cost_ms(proxy, TUNNELS // 10)  # warm
        for turn in range(rounds):
            for proxy in proxies if turn % 2 else proxies[::-1]:
                costs.setdefault(proxy.name, []).append(cost_ms(proxy, TUNNELS))
    for name, values in costs.items():
        print(
            f"{name:8} {statistics.median(values):.3f} CPU ms/tunnel ({min(values):.3f}..{max(values):.3f})"
        )
    middle = {name: statistics.median(values) for name, values in costs.items()}
    print(f"# {middle['edge'] / middle['bare_squid']:.2f} x squid without logins, rules and log")
    ratio = middle["edge"] / middle["squid"]
    print(peers.ratio_line("tunnel_setup_cpu_vs_squid", ratio, "<=0.9"))


if __name__ == "__main__":
    in_own_network("bench.tunnels", main)
