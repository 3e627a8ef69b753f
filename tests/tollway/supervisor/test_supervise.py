"""Small programs are kept running: restarted, held back, stopped in order."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.eventually import eventually
from tollway.fabric.backoff import Backoff
from tollway.supervisor.config import ChildProcess
from tollway.supervisor.notes import STATES_NOTE, read_note
from tollway.supervisor.supervise import (
    MENDING_S,
    RESTART_BACKOFF,
    STEADY_S,
    ProcessState,
    StartRefused,
    Supervisor,
)

# Says that it is ready, notes its start, waits for SIGTERM, notes its end.
STAYS = """
import os, pathlib, signal, sys
run, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (run.parent / "ends").open("a") as ends: ends.write(name + "\\n")
    raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
with (run.parent / "starts").open("a") as starts: starts.write(f"{name} {os.getpid()} {os.environ['WORD']}\\n")
(run / f"{name}.ready").write_text('{"pid": %d}' % os.getpid())
while True: signal.pause()
"""
ENDS = "import sys; sys.exit('tollway: port 80 is taken')"
QUICK = Backoff(first_s=0.01, limit_s=0.02)


def stays(data: Path, name: str, stops: int = 0) -> ChildProcess:
    return ChildProcess(name, ("-c", STAYS, str(data / "run"), name), {"WORD": "given"}, stops)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


async def test_processes_start_with_their_environment_and_stop_in_order(data: Path) -> None:
    processes = [stays(data, "last", 2), stays(data, "first", 0), stays(data, "middle", 1)]
    supervisor = Supervisor(data, processes, print)
    await supervisor.start()
    assert {(name, word) for name, _, word in lines(data / "starts")} == {
        ("last", "given"),
        ("first", "given"),
        ("middle", "given"),
    }
    await supervisor.stop()
    assert lines(data / "ends") == [["first"], ["middle"], ["last"]]


async def test_one_that_dies_is_started_again_and_the_states_say_so(data: Path) -> None:
    supervisor = Supervisor(data, [stays(data, "edge-0")], print, QUICK)
    await supervisor.start()
    ((_, pid, _),) = lines(data / "starts")
    os.kill(int(pid), signal.SIGKILL)
    await eventually(lambda: len(lines(data / "starts")) == 2)
    await eventually(lambda: (read_note(data / "run" / STATES_NOTE) or {})["edge-0"]["state"] == "running")
    states = json.loads((data / "run" / STATES_NOTE).read_text())
    assert states["edge-0"]["restarts"] == 1
    assert states["edge-0"]["reason"].startswith("killed by SIGKILL")
    await supervisor.stop()


def now(data: Path) -> dict[str, dict[str, Any]]:
    return read_note(data / "run" / STATES_NOTE) or {}


DIES = """
import os, pathlib, sys
run, name, left = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[1]) / (sys.argv[2] + ".left")
with (run.parent / "starts").open("a") as starts: starts.write(f"{name} {os.getpid()} -\\n")
if not left.exists():
    left.write_text("")
    (run / f"{name}.ready").write_text("{}")
    import time; time.sleep(0.5)
"""


@pytest.mark.parametrize(
    ("how", "meaning"),
    [
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("os.kill(os.getpid(), 34)", "killed by SIGRTMIN"),
        ("os.kill(os.getpid(), 35)", "killed by signal 35"),
        ("os.kill(os.getpid(), 63)", "killed by signal 63"),
        ("os.abort()", "killed by SIGABRT"),
        ("os._exit(0)", "exit 0"),
        ("os._exit(1)", "exit 1"),
        ("os._exit(2)", "exit 2"),
        ("os._exit(139)", "exit 139"),
        ("print('x' * 300_000); sys.exit(3)", "exit 3"),
        ("sys.stdout.buffer.write(bytes(range(256))); sys.exit(4)", "exit 4"),
    ],
)
async def test_however_often_and_in_whatever_way_one_dies_the_rest_goes_on(
    data: Path, how: str, meaning: str
) -> None:
    said: list[str] = []
    dies = ChildProcess("edge-0", ("-c", DIES + how, str(data / "run"), "edge-0"), {}, 0)
    supervisor = Supervisor(data, [stays(data, "business", 1), dies], said.append, QUICK)
    await supervisor.start()
    (business,) = [pid for name, pid, _ in lines(data / "starts") if name == "business"]
    await eventually(lambda: now(data).get("edge-0", {}).get("state") == "failed")
    assert now(data)["edge-0"]["reason"].startswith(meaning)
    tries = len(lines(data / "starts"))
    await eventually(lambda: len(lines(data / "starts")) >= tries + 6)
    assert now(data)["edge-0"]["state"] == "failed", "until it runs"
    assert now(data).get("business", {}).get("restarts") == 0
    os.kill(int(business), 0)
    assert [line for line in said if "keeps ending" in line] == said
    assert len(said) == 1, "it is said once"
    await supervisor.stop()


@pytest.mark.parametrize("runs_s", [0.0, 5.0])
def test_what_keeps_dying_is_held_back_longer_and_longer(runs_s: float) -> None:
    """Also when it takes so long that its first ends are long ago."""
    state, delays = ProcessState(state="running"), list[float]()
    for _ in range(40):
        state.ended(runs_s)
        delays.append(RESTART_BACKOFF.delay_s(state.attempt))
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.1, 60.0)


def test_who_runs_in_between_is_started_again_at_once() -> None:
    for runs_s in (MENDING_S, STEADY_S, 3600.0):
        state = ProcessState(state="running")
        for _ in range(40):
            state.ended(runs_s)
        assert state.attempt == 1
    state = ProcessState(state="running")
    for _ in range(40):
        state.ended(0.0)
    state.ended(STEADY_S)
    assert state.attempt == 1


async def test_one_that_says_why_it_ends_after_the_start_is_tried_again(data: Path) -> None:
    """Although it ended so soon after it was ready that nobody had seen it running."""
    blink = "import sys, time; open(sys.argv[1], 'w').write('{}'); time.sleep(0.04); sys.exit(1)"
    for number in range(5):
        supervisor = Supervisor(
            data,
            [
                ChildProcess(
                    f"edge-{number}", ("-c", blink, str(data / "run" / f"edge-{number}.ready")), {}, 0
                )
            ],
            lambda _: None,
            QUICK,
        )
        try:
            await supervisor.start()
        except StartRefused:
            continue  # seen before it was ready
        await eventually(lambda number=number: now(data).get(f"edge-{number}", {}).get("restarts", 0) > 3)
        await supervisor.stop()


async def test_only_the_end_of_a_long_log_is_read(data: Path) -> None:
    (data / "logs").mkdir()
    with (data / "logs" / "edge-0.log").open("wb") as log:
        log.truncate(3_000_000_000)
    supervisor = Supervisor(data, [ChildProcess("edge-0", ("-c", ENDS), {}, 0)], print)
    with pytest.raises(StartRefused, match="port 80 is taken"):
        await supervisor.start()
    await supervisor.stop()


async def test_one_that_cannot_start_refuses_the_start_with_its_last_line(data: Path) -> None:
    supervisor = Supervisor(
        data, [stays(data, "business"), ChildProcess("edge-0", ("-c", ENDS), {}, 0)], print
    )
    with pytest.raises(StartRefused, match=r"edge-0 ended \(exit 1: port 80 is taken\)"):
        await supervisor.start()
    await supervisor.stop()


ALONE = """
import os, sys
from pathlib import Path
from tollway.supervisor.__main__ import main
from tollway.supervisor.config import ChildProcess, SupervisorConfig
data = Path(sys.argv[1])
stays = ChildProcess("business", ("-c", sys.argv[2], str(data / "run"), "business"), {"WORD": "given"}, 1)
dies = ChildProcess("edge-0", ("-c", sys.argv[3], str(data / "run"), "edge-0"), {}, 0)
main([str(SupervisorConfig(data, (stays, dies), {}, (), None, False, 0.0).to_file())])
"""


def test_nothing_ends_because_nobody_reads_what_is_said(data: Path) -> None:
    """As with `tollway up 2>&1 | head -1`."""
    dies = DIES + "sys.exit(1)"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(data), STAYS, dies],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert supervisor.stdout is not None
    supervisor.stdout.close()
    try:
        deadline = time.monotonic() + 60
        while now(data).get("edge-0", {}).get("state") != "failed" or len(lines(data / "starts")) < 3:
            assert time.monotonic() < deadline, "it is not tried again"
            time.sleep(0.05)
        assert supervisor.poll() is None
        supervisor.terminate()
        supervisor.wait(60)
        assert lines(data / "ends") == [["business"]], "it was asked to end, and waited for"
    finally:
        supervisor.kill()
        supervisor.wait()
