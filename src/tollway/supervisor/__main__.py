"""`python -m tollway.supervisor DESCRIPTOR`: what to run is read from an open file."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from tollway.kit.output import substitute_missing_characters
from tollway.kit.tasks import cancel, spawn
from tollway.supervisor.config import STOP_SIGNALS, ChildProcess, SupervisorConfig
from tollway.supervisor.notes import PLATFORM_NOTE, write_note
from tollway.supervisor.supervise import StartRefused, Supervisor, environment_of

# How often certificates are looked at; they are renewed weeks before their end.
RENEWAL_CHECK_S = 3600.0


def main(arguments: Sequence[str]) -> None:
    """Keep the platform running until Ctrl-C. Exits 1 with one line when a process cannot start."""
    substitute_missing_characters()
    config = SupervisorConfig.from_file(int(arguments[0]))
    try:
        asyncio.run(_until_stopped(config))
    except (StartRefused, OSError) as error:
        word = "cannot start: " if isinstance(error, OSError) else ""
        _report(f"{word}{error}")
        raise SystemExit(1) from None


async def _until_stopped(config: SupervisorConfig) -> None:
    """Start, announce, and wait until the end is wanted. Raises StartRefused, OSError."""
    stopping = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    # `tollway up` held them back until somebody here would answer.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    supervisor = Supervisor(config.data, config.processes, _report)
    note = config.data / "run" / PLATFORM_NOTE
    tasks = [spawn(stopping.wait(), "stopped")]
    if config.renewal is not None:
        tasks.append(spawn(_keep_renewing(config.renewal), "renewing"))
    try:
        if not config.as_json:
            _say(f"starting {len(config.processes)} processes in {config.data} …")
        starting = asyncio.ensure_future(supervisor.start())
        await asyncio.wait({starting, tasks[0]}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            await cancel(starting)
            return
        await starting
        write_note(note, config.known)
        _announce(config)
        await tasks[0]
    finally:
        for task in tasks:
            await cancel(task)
        if not config.as_json:
            _say("stopping …")
        note.unlink(missing_ok=True)
        await supervisor.stop()


def _announce(config: SupervisorConfig) -> None:
    if config.as_json:
        _say(json.dumps(config.known))
        return
    _say(f"Tollway is ready ({time.monotonic() - config.began_s:.1f} s).\n")
    for line in config.ready_lines:
        _say(line)


async def _keep_renewing(renewal: ChildProcess) -> None:
    while True:
        await asyncio.sleep(RENEWAL_CHECK_S)
        await renew(renewal)


async def renew(renewal: ChildProcess) -> None:
    """Have the certificates renewed that are due, and report it when that fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *renewal.arguments,
            env=environment_of(renewal),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        _report(f"certificates are not renewed: {error}")
        return
    _, error = await process.communicate()
    if process.returncode:
        lines = error.decode(errors="replace").strip().splitlines() or ["it wrote nothing"]
        _report(f"certificates are not renewed: {lines[-1].removeprefix('tollway: ')}")


def _say(line: str) -> None:
    _print(line, sys.stdout)


def _report(line: str) -> None:
    _print(f"tollway: {line}", sys.stderr)


def _print(line: str, stream: TextIO) -> None:
    # Whoever read it may be gone, or its disk full; what runs goes on.
    with contextlib.suppress(OSError):
        print(line, file=stream, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
