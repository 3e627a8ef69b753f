"""Idle tunnels: user memory per tunnel at 5,000 of them, with squid beside it.

python -m bench.idle            a few seconds
python -m bench.idle --quick    with 1,000 tunnels
"""

import resource
import socket
import sys
import tempfile
import time
from pathlib import Path

from bench import peers
from bench.edges import Origin, Proxy, line_up, tree_memory_kb

TUNNELS = 5_000


def hold(client: socket.socket) -> None:
    """Wait until the other side closes."""
    client.recv(1)


def measure_kb(proxy: Proxy, tunnels: int) -> float:
    """User memory per tunnel in KiB: proportional set size with all of them open, less than before."""
    for _ in range(200):
        proxy.tunnel().close()
    time.sleep(1)
    before = tree_memory_kb(proxy.pid)
    opened = [proxy.tunnel() for _ in range(tunnels)]
    time.sleep(2)
    used = tree_memory_kb(proxy.pid) - before
    for sock in opened:
        sock.close()
    time.sleep(1)
    return used / tunnels


def main() -> None:
    """Measure one after the other."""
    quick = "--quick" in sys.argv
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    tunnels = min(1_000 if quick else TUNNELS, hard // 4 - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    origin = Origin(hold)
    with (
        tempfile.TemporaryDirectory() as folder,
        line_up(Path(folder), origin.port, "edge", "squid") as proxies,
    ):
        found = {proxy.name: measure_kb(proxy, tunnels) for proxy in proxies}
    for name, kb in found.items():
        print(f"{name:8} {kb:.2f} KB of user memory per idle tunnel at {tunnels}")
    met = "met" if found["edge"] <= 2.5 else "missed"
    print(f"figure idle_tunnel_kb {found['edge']:.2f} bound <=2.5 {met}")
    print(peers.ratio_line("idle_memory_vs_squid", found["edge"] / found["squid"], "<=1.0"))


if __name__ == "__main__":
    main()
