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
from typing import Any

from tollway.cli.console import fail, say
from tollway.cli.demo.client import Untrue
from tollway.cli.demo.story import Story
from tollway.cli.supervisor import read_note
from tollway.cli.up import PLATFORM_NOTE

START_TIMEOUT_S = 60


def run(data: Path | None, *, split: bool, store: str) -> None:
    """Play the story. Exits 1 at the first step that is not true."""
    curl = shutil.which("curl")
    if curl is None:
        fail("the demo plays a customer who uses curl; install curl and try again")
    if store not in ("sqlite", "postgres"):
        fail(f"--store is sqlite or postgres, not {store!r}", 2)
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
    """Give the platform that runs in `data`, else start one: there, or in a folder that goes away again."""
    folder = data or Path("data")
    running = read_note(folder / "run" / PLATFORM_NOTE)
    if running and _alive(running["pid"]) and not split and store == "sqlite":
        say(f"playing against the platform in {folder}")
        yield running
        return
    scratch = None if data else Path(tempfile.mkdtemp(prefix="tollway-demo-"))
    folder = data or scratch or folder
    try:
        with _database(folder, store) as environment, _started(folder, environment, split=split) as known:
            yield known
    finally:
        if scratch:
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
        env={**os.environ, **environment},  # noqa: TID251  handed on as it is
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
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextmanager
def _database(folder: Path, store: str) -> Generator[dict[str, str], None, None]:
    if store == "sqlite":
        yield {}
        return
    from tollway.cli.demo.postgres import private_server

    with private_server(folder / "postgres") as url:
        yield {"TOLLWAY_DATABASE__URL": url}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _show_logs(data: Path) -> None:
    for log in sorted((data / "logs").glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-200:]:
            if '"level": "error"' in line or '"level": "warning"' in line:
                say(f"  {log.stem}: {line[:1500]}")
