"""`tollway demo`: a customer's story, played with public interfaces only."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tollway.cli.console import PARENT, fail, say
from tollway.cli.demo.client import Untrue
from tollway.cli.demo.story import Story
from tollway.cli.running import running_platform

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 90


def run(data: Path | None, *, split: bool, store: str) -> None:
    """Play the story. Exits 1 at the first step that is not true."""
    curl = shutil.which("curl")
    if curl is None:
        fail("the demo plays a customer who uses curl; install curl and try again")
    if store not in ("sqlite", "postgres"):
        fail(f"--store is sqlite or postgres, not {store!r}", 2)
    # In the background of a script it is ignored, and stays so without this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # All ends go the same way, through every `finally`.
        signal.signal(number, _interrupt)
    try:
        _play(data, curl, split=split, store=store)
    except KeyboardInterrupt:
        say("\ndemo: stopped; nothing is left of it")
        raise SystemExit(130) from None


def _play(data: Path | None, curl: str, *, split: bool, store: str) -> None:
    began = time.monotonic()
    with _platform(data, split=split, store=store) as known:
        story = Story(known, curl)
        try:
            asyncio.run(story.play())
        except Untrue as error:
            say(f"\ndemo: failed at step {story.step}: {error}")
            _show_logs(Path(known["data"]))
            raise SystemExit(1) from None
        figures = " ".join(f"{name}={value}" for name, value in story.figures.items())
        shape = f"{'split' if known['split'] else 'one business process'}, {store}"
    say(f"demo: ok ({shape}) {figures} seconds={time.monotonic() - began:.1f}")
    say("play it yourself: `make up`, then open the console at http://127.0.0.1:8000 in a browser")


@contextmanager
def _platform(data: Path | None, *, split: bool, store: str) -> Generator[dict[str, Any], None, None]:
    """Give the platform that runs in `data`, else start one in a folder that goes away again."""
    folder = data or Path("data")
    running = running_platform(folder)
    if running and not split and store == "sqlite":
        say(f"playing against the platform in {folder}")
        yield running
        return
    if data:
        if running:
            fail("--split and --store are for a fresh platform; leave --data out", 2)
        fail(
            f"no platform runs in {data}; start one with `tollway up --data {data}`, "
            "or leave --data out for a fresh one"
        )
    scratch = Path(tempfile.mkdtemp(prefix="tollway-demo-"))
    try:
        with _database(scratch, store) as environment, _started(scratch, environment, split=split) as known:
            yield known
    finally:
        _ignore_signals()
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _started(
    folder: Path, environment: dict[str, str], *, split: bool
) -> Generator[dict[str, Any], None, None]:
    say(f"starting a fresh platform in {folder}")
    began = time.monotonic()
    command = [sys.executable, "-m", "tollway", "up", "--data", str(folder), "--port-base", "0", "--json"]
    process = subprocess.Popen(  # noqa: S603
        [*command, *(["--split"] if split else [])],
        stdout=subprocess.PIPE,
        env={**os.environ, **environment, PARENT: str(os.getpid())},  # noqa: TID251  handed on as it is
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            fail(
                f"the platform did not start (exit {process.wait(START_TIMEOUT_S)}); the line above says why"
            )
        known: dict[str, Any] = {"split": split, **json.loads(first)}
        say(f"ready after {time.monotonic() - began:.1f} s")
        os.environ.update(environment)  # noqa: TID251  `tollway verify` must find the same database
        yield known
    finally:
        _ignore_signals()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # its processes end with it
            process.wait()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def _ignore_signals() -> None:
    # Whoever is impatient now would leave processes and keys behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _database(folder: Path, store: str) -> Generator[dict[str, str], None, None]:
    if store == "sqlite":
        yield {}
        return
    from tollway.cli.demo.postgres import private_server

    with private_server(folder / "postgres") as url:
        yield {"TOLLWAY_DATABASE__URL": url}


def _show_logs(data: Path) -> None:
    for log in sorted((data / "logs").glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-200:]:
            if '"level": "error"' in line or '"level": "warning"' in line:
                say(f"  {log.stem}: {line[:1500]}")
