"""Plain HTTP through the proxy: requests per second of processor time, 1 KB answers, keep-alive; against squid.

python -m bench.plain_http            about a minute
python -m bench.plain_http --quick    one short round
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
REQUESTS = 24_000
CLIENTS = 16
BODY = b"x" * 1024
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
    b"Content-Length: 1024\r\n\r\n" + BODY
)


def serve(client: socket.socket) -> None:
    """Answer every request head with the same 1 KB."""
    heard = b""
    while data := client.recv(16_384):
        heard += data
        while b"\r\n\r\n" in heard:
            heard = heard.partition(b"\r\n\r\n")[2]
            client.sendall(ANSWER)


def fetch(proxy: Proxy, times: int) -> None:
    """Ask over and over on one connection."""
    host = f"127.0.0.1:{proxy.origin_port}"
    fields = (
        f"HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1.0\r\n"
        f"Accept: */*\r\nProxy-Connection: keep-alive\r\n{proxy.authorization}\r\n"
    )
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(times):
            sock.sendall(f"GET http://{host}/a/path?of=some&number={number} {fields}".encode())
            answer = sock.recv(65_536)
            while not answer.endswith(BODY):
                more = sock.recv(65_536)
                assert more, f"{proxy.name} closed after {answer[:200]!r}"
                answer += more
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def cost_us(proxy: Proxy, requests: int) -> float:
    """Processor microseconds per request, over `CLIENTS` connections at once."""
    before = proxy.cpu_s()
    threads = [threading.Thread(target=fetch, args=(proxy, requests // CLIENTS)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (proxy.cpu_s() - before) / requests * 1_000_000


def main() -> None:
    """Interleave the proxies, forwards and backwards in turn, and compare medians."""
    rounds = 1 if "--quick" in sys.argv else ROUNDS
    costs: dict[str, list[float]] = {}
    origin = Origin(serve)
    with (
        tempfile.TemporaryDirectory() as folder,
        line_up(Path(folder), origin.port, "edge", "squid", "bare_squid") as proxies,
    ):
        for proxy in proxies:
            cost_us(proxy, REQUESTS // 10)  # warm
        for turn in range(rounds):
            for proxy in proxies if turn % 2 else proxies[::-1]:
                costs.setdefault(proxy.name, []).append(cost_us(proxy, REQUESTS))
    for name, values in costs.items():
        middle = statistics.median(values)
        print(
            f"{name:8} {middle:.1f} CPU us/request ({min(values):.1f}..{max(values):.1f}), {1e6 / middle:.0f} rps/core"
        )
    medians = {name: statistics.median(values) for name, values in costs.items()}
    print(f"# {medians['bare_squid'] / medians['edge']:.2f} x squid without logins, rules and log")
    ratio = medians["squid"] / medians["edge"]
    print(peers.ratio_line("plain_http_rps_per_core_vs_squid", ratio, ">=2"))


if __name__ == "__main__":
    in_own_network("bench.plain_http", main)
