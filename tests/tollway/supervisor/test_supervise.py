"""Small programs are kept running: restarted, held back, stopped in order."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.kit.eventually import eventually
from tollway.fabric.backoff import Backoff
from tollway.supervisor.config import ChildProcess
from tollway.supervisor.notes import STATES_NOTE, read_note
from tollway.supervisor.supervise import StartRefused, Supervisor

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


async def test_one_that_cannot_start_refuses_the_start_with_its_last_line(data: Path) -> None:
    supervisor = Supervisor(
        data, [stays(data, "business"), ChildProcess("edge-0", ("-c", ENDS), {}, 0)], print
    )
    with pytest.raises(StartRefused, match=r"edge-0 ended \(exit 1: port 80 is taken\)"):
        await supervisor.start()
    await supervisor.stop()
