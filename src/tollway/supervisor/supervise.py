"""Keeps processes running: starts them, starts a dead one again, stops all of them together."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from tollway.fabric.backoff import Backoff
from tollway.kit.tasks import cancel, spawn
from tollway.supervisor.config import ChildProcess
from tollway.supervisor.logs import shorten
from tollway.supervisor.notes import STATES_NOTE, read_note, write_note

# Names the process with which a kept one is to end.
PARENT = "SUPERVISED_BY_TOLLWAY"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0
# A process that ended this often in a row is shown as failed, and tried less and less often. Each `MENDING_S` that it
# runs make up for one end, and `STEADY_S` for all.
FAILED_DEATHS, MENDING_S = 6, 20.0
RESTART_BACKOFF = Backoff(first_s=0.1, limit_s=60.0)
STEADY_S = 60.0
# Exit codes with which a process says itself that it cannot start, so that trying at once is of no use.
OWN_WORD, STEP_OF_REFUSAL, FAILED_DELAY_S = (1, 2), 6, 5.0
LAUNCH_FAILED = 1
LOG_LIMIT_BYTES, LOG_LOOK_S, LAST_WORDS_BYTES = 50_000_000, 30.0, 65_536

_log = logging.getLogger(__name__)


class StartRefused(Exception):
    """A process cannot start; the text is one line with its last words."""


@dataclass(slots=True)
class ProcessState:
    """How a process is: `starting`, `running`, `restarting`, or `failed` while it is held back between tries."""

    state: str = "starting"
    reason: str = ""  # why it ended last
    restarts: int = 0
    deaths: float = 0.0  # how often it ended, less what it made up for by running

    def ended(self, ran_s: float) -> None:
        """Count an end, after it ran so long."""
        made_up = self.deaths if ran_s >= STEADY_S else min(self.deaths, ran_s / MENDING_S)
        self.deaths += 1 - made_up

    @property
    def attempt(self) -> int:
        """The number of the next try in a row, the first being 1."""
        return ceil(self.deaths)


class Supervisor:
    """Keeps processes running. One that keeps dying is held back longer and longer; the others go on."""

    def __init__(
        self,
        data: Path,
        processes: Sequence[ChildProcess],
        report: Callable[[str], None],
        backoff: Backoff = RESTART_BACKOFF,
    ) -> None:
        self._data = data
        self._processes = processes
        self._report = report
        self._backoff = backoff
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._states = {child.name: ProcessState() for child in processes}
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping = False
        self._started = False
        self._refused: asyncio.Future[str]

    async def start(self) -> None:
        """Start everything and wait until it is ready. Raises StartRefused when a process cannot start."""
        self._refused = asyncio.get_running_loop().create_future()
        self._tasks = [spawn(self._keep(child), f"keep-{child.name}") for child in self._processes]
        self._tasks.append(spawn(self._keep_logs_short(), "keep-logs-short"))
        ready = spawn(self._until_all_ready(), "ready")
        await asyncio.wait({ready, self._refused}, return_when=asyncio.FIRST_COMPLETED)
        if self._refused.done():
            await cancel(ready)
            raise StartRefused(self._refused.result())
        self._started = True

    async def _until_all_ready(self) -> None:
        async with asyncio.TaskGroup() as group:
            for child in self._processes:
                group.create_task(self._until_ready(child))

    async def stop(self) -> None:
        """End every process, those that stop first before the others."""
        self._stopping = True
        for task in self._tasks:
            await cancel(task)
        for rank in sorted({child.stops for child in self._processes}):
            group = [child.name for child in self._processes if child.stops == rank]
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

    async def _keep(self, child: ChildProcess) -> None:
        state = self._states[child.name]
        while not self._stopping:
            code, seconds = await self._run_once(child)
            if self._stopping:
                return
            state.ended(seconds)
            state.reason = f"{_meaning(code)}: {self._last_words(child)}"
            hopeless = code in OWN_WORD or state.attempt >= FAILED_DEATHS
            if not self._started and state.state == "starting" and hopeless:
                # Nothing ran yet, so a person is there and can mend it.
                if not self._refused.done():
                    self._refused.set_result(f"{child.name} ended ({state.reason})")
                return
            state.restarts += 1
            attempt = state.attempt + (STEP_OF_REFUSAL if code in OWN_WORD else 0)
            await self._hold_back(child, state, self._backoff.delay_s(attempt))

    async def _hold_back(self, child: ChildProcess, state: ProcessState, delay_s: float) -> None:
        before = state.state
        if state.attempt >= FAILED_DEATHS or delay_s >= FAILED_DELAY_S:
            state.state = "failed"
            if before != "failed":
                self._report(
                    f"{child.name} keeps ending ({state.reason}); it is tried again in {delay_s:.0f} s, "
                    f"then less often; the rest goes on"
                )
        elif before != "starting":
            state.state = "restarting"
        self._write_states()
        await asyncio.sleep(delay_s)

    async def _run_once(self, child: ChildProcess) -> tuple[int, float]:
        """Run a process to its end; return its exit code and how long it ran."""
        began = time.monotonic()
        try:
            self._note(child).unlink(missing_ok=True)
            process = await self._launch(child)
        except OSError as error:
            _log.warning("%s cannot be launched: %s", child.name, error)
            return LAUNCH_FAILED, 0.0
        self._running[child.name] = process
        ready = spawn(self._note_ready(child), f"ready-{child.name}")
        code = await process.wait()
        await cancel(ready)
        return code, time.monotonic() - began

    async def _note_ready(self, child: ChildProcess) -> None:
        while read_note(self._note(child)) is None:  # noqa: ASYNC110  another process writes the note
            await asyncio.sleep(0.05)
        state = self._states[child.name]
        if state.state == "failed":
            self._report(f"{child.name} runs again")
        state.state = "running"
        self._write_states()

    def _write_states(self) -> None:
        now = {
            name: {"state": state.state, "reason": state.reason, "restarts": state.restarts}
            for name, state in self._states.items()
        }
        try:
            write_note(self._data / "run" / STATES_NOTE, now)
        except OSError as error:  # a full disk is no reason to end anything
            _log.warning("the states of the processes cannot be written: %s", error)

    async def _launch(self, child: ChildProcess) -> asyncio.subprocess.Process:
        log = self._log(child)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *child.arguments,
                env={**environment_of(child), PARENT: str(os.getpid())},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C reaches the supervisor alone, which then stops the others in order.
                start_new_session=True,
            )

    async def _keep_logs_short(self) -> None:
        while not self._stopping:
            for child in self._processes:
                await asyncio.to_thread(shorten, self._log(child), LOG_LIMIT_BYTES)
            await asyncio.sleep(LOG_LOOK_S)

    async def _until_ready(self, child: ChildProcess) -> None:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while read_note(self._note(child)) is None:  # noqa: ASYNC110  another process writes the note
                    await asyncio.sleep(0.02)
        except TimeoutError:
            if not self._refused.done():
                self._refused.set_result(
                    f"{child.name} is not ready after {READY_TIMEOUT_S:.0f} s ({self._last_words(child)}); "
                    f"see {self._log(child)}"
                )

    def _note(self, child: ChildProcess) -> Path:
        return self._data / "run" / f"{child.name}.ready"

    def _log(self, child: ChildProcess) -> Path:
        return self._data / "logs" / f"{child.name}.log"

    def _last_words(self, child: ChildProcess) -> str:
        try:
            with self._log(child).open("rb") as log:
                log.seek(max(log.seek(0, os.SEEK_END) - LAST_WORDS_BYTES, 0))
                text = log.read(LAST_WORDS_BYTES).decode(errors="replace")
        except OSError as error:
            return f"its log cannot be read: {error.strerror}"
        lines = text.strip().splitlines() or ["it wrote nothing"]
        spoken = [line for line in lines[-50:] if line.startswith("tollway: ")]
        return (spoken or lines)[-1].removeprefix("tollway: ")


def environment_of(process: ChildProcess) -> dict[str, str]:
    """Return this process's environment with what a process has besides."""
    return {**os.environ, **process.environment}  # noqa: TID251


def _meaning(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    # The numbers between the first and the last real-time signal have no names.
    named = -code in {number.value for number in signal.Signals}
    return f"killed by {signal.Signals(-code).name if named else f'signal {-code}'}"
