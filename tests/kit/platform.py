"""A whole platform in processes of its own, started by the command line as a user would."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "tollway"]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    env = {**os.environ, **environment}
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env=env)


class Platform:
    """A running `tollway up --json`."""

    def __init__(self, process: subprocess.Popen[str], known: dict[str, Any]) -> None:
        self.process = process
        self.known = known

    def get(self, url: str) -> tuple[int, bytes]:
        """Fetch a page; the status and the body."""
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def pid_of(self, name: str) -> int:
        return json.loads((Path(self.known["data"]) / "run" / f"{name}.ready").read_text())["pid"]

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def platform(data: Path, *arguments: str, **environment: str) -> Iterator[Platform]:
    """Start one on free ports and stop it afterwards."""
    process = subprocess.Popen(
        [*PROGRAM, "up", "--data", str(data), "--port-base", "0", "--json", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait(10)}"
        yield Platform(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def serving(data: Path, *targets: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `tollway serve` until the block ends."""
    arguments = [word for target in targets for word in ("--target", target)]
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--data", str(data), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children_of(pid: int) -> list[int]:
    """Every process below this one."""
    found = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [deeper for child in found for deeper in children_of(child)]


def gone(pids: list[int], timeout_s: float = 10) -> bool:
    """Wait until none of these processes lives."""
    deadline = time.monotonic() + timeout_s
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
