"""Keeps processes running: starts them, starts a dead one again, stops all of them together."""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tollway.cli.plan import Child, Plan
from tollway.fabric.backoff import Backoff
from tollway.kit.tasks import cancel, spawn
from tollway.topology import EDGE

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0
# A process that dies this often in this time will not get better by itself.
RESTARTS, RESTART_WINDOW_S = 6, 60.0
RESTART_BACKOFF = Backoff(first_s=0.1, limit_s=5.0)
LOG_LIMIT_BYTES, LOG_LOOK_S = 50_000_000, 30.0

# An edge's reads of 256 KiB would each map and unmap memory with glibc's defaults; see docs/decisions/0004.
# The business does the opposite: what hashing a password took goes back at once.
EDGE_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
    "MALLOC_TOP_PAD_": "1048576",
    "MALLOC_ARENA_MAX": "2",
}
BUSINESS_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}


_log = logging.getLogger(__name__)


class RestartLimit(Exception):
    """A process cannot be kept running; the text is one line with its last words."""


class Supervisor:
    """Runs the processes of a plan."""

    def __init__(self, plan: Plan, config: Path | None) -> None:
        self._plan = plan
        self._config = config
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = False
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start everything and wait until it is ready. Raises RestartLimit."""
        for child in self._plan.children:
            spawn(self._keep(child), f"keep-{child.name}")
        spawn(self._keep_logs_short(), "keep-logs-short")
        ready = spawn(self._until_all_ready(), "ready")
        await asyncio.wait({ready, self.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.failed.done():
            await cancel(ready)
            raise RestartLimit(self.failed.result())

    async def _until_all_ready(self) -> None:
        async with asyncio.TaskGroup() as group:
            for child in self._plan.children:
                group.create_task(self._until_ready(child))

    async def stop(self) -> None:
        """End every process, the edges first, so that what they measured is settled."""
        self._stopping = True
        names = sorted(self._running, key=lambda name: not name.startswith("edge"))
        edges = [name for name in names if name.startswith("edge")]
        for group in (edges, [name for name in names if name == "gateway"], names):
            await asyncio.gather(*(self._end(name) for name in group))

    async def _end(self, name: str) -> None:
        process = self._running.get(name)
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self, child: Child) -> None:
        deaths: list[float] = []
        while not self._stopping:
            self._note(child).unlink(missing_ok=True)
            process = await self._launch(child)
            self._running[child.name] = process
            code = await process.wait()
            if self._stopping:
                return
            now = time.monotonic()
            deaths = [at for at in deaths if now - at < RESTART_WINDOW_S] + [now]
            # Exit codes 1 and 2 are the process's own clear word that it cannot start.
            if len(deaths) >= RESTARTS or (code in (1, 2) and not self._was_ready(child)):
                if not self.failed.done():
                    self.failed.set_result(
                        f"{child.name} ended ({_meaning(code)}): {self._last_words(child)}"
                    )
                return
            await asyncio.sleep(RESTART_BACKOFF.delay_s(len(deaths)))

    async def _launch(self, child: Child) -> asyncio.subprocess.Process:
        log = self._log(child)
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [sys.executable, "-m", "tollway", "serve", "--data", str(self._plan.data)]
        arguments += [word for target in child.targets for word in ("--target", target)]
        arguments += ["--worker", str(child.worker)] if child.worker else []
        arguments += ["--config", str(self._config)] if self._config else []
        malloc = EDGE_MALLOC if EDGE in child.targets else BUSINESS_MALLOC
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *arguments,
                env={**os.environ, **malloc, **self._plan.environment, "SUPERVISED_BY_TOLLWAY": "1"},  # noqa: TID251
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C reaches the supervisor alone, which then stops the others in order.
                start_new_session=True,
            )

    async def _keep_logs_short(self) -> None:
        while not self._stopping:
            for child in self._plan.children:
                await asyncio.to_thread(shorten, self._log(child), LOG_LIMIT_BYTES)
            await asyncio.sleep(LOG_LOOK_S)

    async def _until_ready(self, child: Child) -> None:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while read_note(self._note(child)) is None:  # noqa: ASYNC110  another process writes the note
                    await asyncio.sleep(0.02)
        except TimeoutError:
            if not self.failed.done():
                self.failed.set_result(
                    f"{child.name} is not ready after {READY_TIMEOUT_S:.0f} s; see {self._log(child)}"
                )

    def _was_ready(self, child: Child) -> bool:
        return self._note(child).exists()

    def _note(self, child: Child) -> Path:
        return self._plan.data / "run" / f"{child.name}.ready"

    def _log(self, child: Child) -> Path:
        return self._plan.data / "logs" / f"{child.name}.log"

    def _last_words(self, child: Child) -> str:
        lines = self._log(child).read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        spoken = [line for line in lines[-50:] if line.startswith("tollway: ")]
        return (spoken or lines)[-1].removeprefix("tollway: ")


def shorten(log: Path, limit_bytes: int) -> None:
    """Move what a log says into its `.old.log` when it is longer than the limit.

    Who writes it appends, and goes on in the emptied file. A line written between the copy and the cut is lost.
    """
    try:
        if log.exists() and log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_suffix(".old.log"))
            os.truncate(log, 0)
    except OSError as error:
        _log.warning("%s stays long: %s", log, error)


def read_note(path: Path) -> dict[str, Any] | None:
    """Read what a process wrote when it became ready, or None."""
    try:
        note: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return dict(note)


def _meaning(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
