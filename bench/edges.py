"""What the edge's benchmarks share: an edge process, squid and haproxy beside it, an origin, and CPU readings.

Our edge runs with everything on: password checked, every byte metered into the meter file and taken from a lease,
policy, reports, a log line per flow. Its access service is one in memory, in the same process, so its cost is counted
as well. squid does what it has of that: it checks a password (remembered, as ours is), refuses ports and networks,
and writes its access log, which is its way to know how many bytes a customer used. `bare_squid` does none of it;
that comparison is printed for those who want to know, and has no bound. haproxy only relays.
All is on loopback, in a network of its own (`in_own_network`); one worker each.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import peers
from tollway.kit.networks import SPECIAL_PURPOSE

ROOT = Path(__file__).resolve().parent.parent
LOGIN = base64.b64encode(b"bench:secret").decode()
AUTHORIZATION = f"Proxy-Authorization: Basic {LOGIN}\r\n"

_BARE = """
http_access allow all
access_log none
"""

# The same password, port and networks as the edge's. IPv6 is left out, in squid's favour.
_FULL = """
auth_param basic program {ncsa} {folder}/passwords
auth_param basic children 1
auth_param basic credentialsttl 2 hours
acl customers proxy_auth REQUIRED
acl denied_ports port 25
acl denied_networks dst {networks}
http_access deny denied_ports
http_access deny denied_networks
http_access allow customers
http_access deny all
access_log daemon:{folder}/access.log squid
"""
_NCSA = "/usr/lib/squid/basic_ncsa_auth"
_PASSWORDS = "bench:$apr1$tollway1$mxOy5O3koZQK7wnZLv.uF/\n"  # "secret"

_SQUID = """
http_port 127.0.0.1:{port}
{rules}
cache deny all
cache_mem 0 MB
cache_log /dev/null
cache_store_log none
pid_filename {folder}/squid.pid
coredump_dir {folder}
cache_effective_user {user}
workers 1
max_filedescriptors 16384
shutdown_lifetime 0 seconds
client_db off
pinger_enable off
dns_nameservers 127.0.0.1
"""

_HAPROXY = """
global
    nbthread 1
    maxconn 7000
    maxpipes 1000
    tune.pipesize 1048576
defaults
    mode tcp
    timeout client 120s
    timeout server 120s
    timeout connect 5s
    option splice-request
    option splice-response
    maxconn 7000
listen relay
    bind 127.0.0.1:{port}
    server origin 127.0.0.1:{origin}
"""

_OWN_NETWORK = """
ip link set lo up
ip route replace local 127.0.0.0/8 dev lo table local congctl cubic
ip route replace local 127.0.0.1 dev lo table local congctl cubic
exec "$@"
"""

# MALLOC_*: see edge/node.py.
_EDGE_ENV = {
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "67108864",
    "MALLOC_TOP_PAD_": "67108864",
}


def in_own_network(module: str, main: Callable[[], None]) -> None:
    """Run a benchmark in a network namespace, so that it does not measure how this machine was set up.

    There nothing filters, and loopback has the kernel's own default congestion control, cubic. Where the system's
    is BBR, its pacing sets a timer for every few segments: on loopback that costs every proxy alike twice what
    the relaying does, and one measures timers. Without root it runs in the network there is, and says so.
    """
    enter = ["unshare", "--net", "sh", "-ec", _OWN_NETWORK, "-"]
    inside = "--inside" in sys.argv
    able = not inside and os.geteuid() == 0 and shutil.which("unshare")
    if able and subprocess.run([*enter, "true"], capture_output=True, check=False).returncode == 0:
        os.execvp(enter[0], [*enter, sys.executable, "-m", module, *sys.argv[1:], "--inside"])
    with socket.socket() as probe:
        control = probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    print(
        "# in a network of its own, cubic" if inside else f"# in this machine's network, {control}",
        flush=True,
    )
    main()


@dataclass
class Proxy:
    """A proxy under test: how to open a tunnel through it, and its process tree."""

    name: str
    pid: int
    port: int
    origin_port: int
    connects: bool = True  # speaks CONNECT; haproxy in tcp mode does not
    authorization: str = ""

    def cpu_s(self) -> float:
        """Processor seconds of the whole process tree."""
        return tree_cpu_s(self.pid)

    def tunnel(self) -> socket.socket:
        """Open a tunnel to the origin."""
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.connects:
            sock.sendall(self.connect_head())
            answer = sock.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"), answer
        return sock

    def connect_head(self) -> bytes:
        """The head that opens a tunnel."""
        target = f"127.0.0.1:{self.origin_port}"
        return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{self.authorization}\r\n".encode()


def tree(pid: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of the living threads of a process tree, to the nanosecond.

    The times in `stat` are in ticks of 10 ms, of which a round may take a dozen. None of the proxies ends threads or
    processes while it is measured.
    """
    total_ns = 0
    for member in tree(pid):
        for task in Path(f"/proc/{member}/task").glob("*/schedstat"):
            with suppress(OSError):
                total_ns += int(task.read_text().split()[0])
    return total_ns / 1e9


def tree_memory_kb(pid: int) -> int:
    """Proportional memory of a process tree in user space, in KiB."""
    total = 0
    for member in tree(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


@contextmanager
def edge(folder: Path, origin_port: int) -> Iterator[Proxy]:
    """Run one edge worker with its access service in memory."""
    ready = folder / "edge.json"
    command = [sys.executable, "-m", "bench.edge_worker", str(folder)]
    with (folder / "edge.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | _EDGE_ENV)
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the edge did not start:\n{(folder / 'edge.log').read_text()[-2000:]}")
            time.sleep(0.05)
        port = json.loads(ready.read_text())["http"]
        yield Proxy("edge", process.pid, port, origin_port, authorization=AUTHORIZATION)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def squid(folder: Path, origin_port: int, *, bare: bool = False) -> Iterator[Proxy]:
    """Run squid with what it has of ours, or with nothing: no cache, one worker."""
    name = "bare_squid" if bare else "squid"
    port, home = peers.free_port(), folder / name
    home.mkdir()
    home.chmod(0o777)
    folder.chmod(0o755)
    user = "proxy" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    (home / "passwords").write_text(_PASSWORDS)
    networks = " ".join(net for net in SPECIAL_PURPOSE if ":" not in net and net != "127.0.0.0/8")
    rules = _BARE if bare else _FULL.format(folder=home, ncsa=_NCSA, networks=networks)
    config = home / "squid.conf"
    config.write_text(_SQUID.format(port=port, folder=home, user=user, rules=rules))
    command = [peers.program("squid"), "-N", "-f", str(config)]
    with peers.running(command, port, folder / f"{name}.log") as pid:
        yield Proxy(name, pid, port, origin_port, authorization="" if bare else AUTHORIZATION)


bare_squid = partial(squid, bare=True)


@contextmanager
def haproxy(folder: Path, origin_port: int) -> Iterator[Proxy]:
    """Run haproxy in tcp mode with splicing, bound to the origin: the floor of what a relay can cost."""
    port = peers.free_port()
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, origin=origin_port))
    with peers.running(
        [peers.program("haproxy"), "-db", "-f", str(config)], port, folder / "haproxy.log"
    ) as pid:
        yield Proxy("haproxy", pid, port, origin_port, connects=False)


class Origin:
    """Serves every connection with `talk` in a thread of its own."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            self._talk(client)
        except OSError:
            pass
        finally:
            client.close()


@contextmanager
def line_up(folder: Path, origin_port: int, *names: str) -> Iterator[list[Proxy]]:
    """Run the named proxies beside each other."""
    peers.need(*{name.removeprefix("bare_") for name in names if name != "edge"})
    makers = {"edge": edge, "squid": squid, "bare_squid": bare_squid, "haproxy": haproxy}
    with ExitStack() as stack:
        yield [stack.enter_context(makers[name](folder, origin_port)) for name in names]
