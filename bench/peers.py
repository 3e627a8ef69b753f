"""The programs that benchmarks compare with: installed when missing, started on loopback, their CPU time read."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def need(*programs: str) -> None:
    """Install the Debian packages of `programs` that are not there. Ends with one clear line when it cannot."""
    missing = [
        name for name in programs if shutil.which(name) is None and not Path(f"/usr/sbin/{name}").exists()
    ]
    if not missing:
        return
    try:
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", *missing], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f"cannot install {', '.join(missing)}: install them by hand (apt-get install)"
        ) from error


def program(name: str) -> str:
    """Return the path of a program, also of one that only root has on its path."""
    return shutil.which(name) or f"/usr/sbin/{name}"


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, log: Path, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run a program until the block ends; yield its process id once it listens on `port`."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            _await_port(process, port, log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process and its waited-for children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def ratio_line(name: str, value: float, bound: str, kind: str = "ratio") -> str:
    """Render one result, e.g. `ratio relay_cpu_vs_haproxy 0.97 bound <=1.1 met`; `kind` may be `figure`."""
    limit = float(bound.lstrip("<>="))
    met = value <= limit if bound.startswith("<") else value >= limit
    return f"{kind} {name} {value:.2f} bound {bound} {'met' if met else 'missed'}"


def _await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended at once:\n{log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{process.args} does not listen on {port}:\n{log.read_text()[-2000:]}")
