"""A newcomer's first hour: what goes wrong is one clear line, nothing is left behind, and the next try works."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.eventually import wait_until
from tests.kit.platform import PROGRAM, children_of, command, gone, platform

pytestmark = pytest.mark.slow


def one_line(ended: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """The command failed with this code, and says why in one line without a traceback."""
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1), ended.stderr
    assert ended.stderr.startswith("tollway: ")
    for part in parts:
        assert part in ended.stderr


# ── interruptions ───────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, "demo"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("where", ["starting", "playing"])
def test_a_demo_that_is_stopped_leaves_no_process_and_no_key(
    tmp_path_factory: pytest.TempPathFactory, where: str, number: signal.Signals
) -> None:
    folder = tmp_path_factory.mktemp("demo")  # a short path
    with demo(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if ("starting a fresh" if where == "starting" else "6. connect") in line:
                break
        if where == "starting":
            time.sleep(1.0)  # anywhere in the start
        processes = children_of(process.pid)
        process.send_signal(number)
        _, said = process.communicate(timeout=90)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert gone(processes)
        assert list(folder.iterdir()) == []


def test_a_start_that_is_interrupted_is_done_anew(tmp_path: Path) -> None:
    """At any moment of the first start, with nothing left running; the next start works."""
    for pause_s in (0.3, 1.0, 1.6, 2.4):
        process = subprocess.Popen(
            [*PROGRAM, "up", "--data", str(tmp_path), "--port-base", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(pause_s)  # the moment
        processes = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert "Traceback" not in said
        assert gone(processes)
    with platform(tmp_path) as running:
        assert running.get(running.known["api"] + "/livez")[0] == 200


# ── one process ─────────────────────────────────────────────────────────────────────────────────────


def test_a_process_that_keeps_dying_is_held_back_and_the_rest_goes_on(tmp_path: Path) -> None:
    with platform(tmp_path) as running:
        business = running.pid_of("business")
        states = tmp_path / "run" / "processes.json"

        def state() -> str:
            return json.loads(states.read_text())["edge-0"]["state"] if states.exists() else ""

        killed: set[int] = set()

        def shown_as_failed() -> bool:
            """Kill it whenever it is up; look once it is held back, and again if it came up before we had looked."""
            if state() != "failed":
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if (pid := running.pid_of("edge-0")) not in killed:
                        killed.add(pid)
                        os.kill(pid, signal.SIGKILL)
                assert len(killed) < 20
                return False
            shown = command("status", "--data", str(tmp_path))
            status, body = running.get(running.known["status"])
            assert status == 200
            named = "edge-0\tfailed: killed by SIGKILL" in shown.stdout
            return (shown.returncode, named, b"Something needs attention" in body) == (1, True, True)

        wait_until(shown_as_failed)
        assert running.process.poll() is None
        assert running.pid_of("business") == business
        wait_until(lambda: state() == "running", 90)
        assert running.get(running.known["api"] + "/livez")[0] == 200


# ── what is asked for and what is there ─────────────────────────────────────────────────────────────


def test_a_demo_needs_a_platform_where_it_is_sent(tmp_path: Path) -> None:
    typo = tmp_path / "typo"
    one_line(command("demo", "--data", str(typo)), 1, f"no platform runs in {typo}", "tollway up --data")
    assert not typo.exists()


def test_a_demo_without_curl_says_so(tmp_path: Path) -> None:
    one_line(command("demo", PATH=str(tmp_path)), 1, "install curl")


def test_data_of_a_newer_version_is_named(tmp_path: Path) -> None:
    assert command("migrate", "--data", str(tmp_path)).returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "services" / "ledger.db")) as books:
        books.execute("UPDATE alembic_version SET version_num = '9999'")
        books.commit()
    one_line(command("migrate", "--data", str(tmp_path)), 1, "9999", "a newer one wrote it")
    one_line(command("up", "--data", str(tmp_path), "--port-base", "0"), 1, "9999", "a newer one wrote it")


def test_a_corrected_address_of_the_operator_works_at_the_next_start(tmp_path: Path) -> None:
    up = ("up", "--data", str(tmp_path), "--port-base", "0")
    one_line(command(*up, TOLLWAY_OPERATOR__EMAIL="boss@"), 2, "operator.email", "boss@")
    with platform(tmp_path, TOLLWAY_OPERATOR__EMAIL="boss@example.com") as running:
        assert running.known["operator"]["email"] == "boss@example.com"


def test_one_port_and_one_limit_can_be_changed_alone_and_config_shows_what_runs(tmp_path: Path) -> None:
    (tmp_path / "tollway.toml").write_text(
        "[gateway.limits.login]\nquota = 7\n[edge.listeners.socks5]\nhost = '127.0.0.1'\n"
    )
    with platform(tmp_path) as running:
        shown = json.loads(command("config", "--data", str(tmp_path), "--json").stdout)
        port = running.known["api"].rpartition(":")[2]
        assert shown["gateway.port"] == {"value": port, "origin": "tollway up"}
        assert shown["gateway.limits.login.quota"]["value"] == "7"
        assert shown["gateway.limits.login.window_s"]["origin"] == "default"
        socks5 = running.known["socks5"].rpartition(":")[2]
        assert shown["edge.listeners.socks5.port"]["value"] == socks5


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_output_fits_every_terminal(tmp_path: Path, encoding: str) -> None:
    settings = {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"}
    with platform(tmp_path, **settings) as running:
        assert running.known["data"] == str(tmp_path)
    assert "…" not in command("targets", **settings).stderr
    process = subprocess.Popen(
        [*PROGRAM, "up", "--data", str(tmp_path), "--port-base", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **settings},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"Ctrl-C" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")


# ── a full disk ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own with 96 MB, at a path short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("making a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 65_536):
            pass
    return path


def test_a_full_disk_is_said_to_the_operator_and_goes_away_with_space(small_disk: Path) -> None:
    with platform(small_disk / "d") as running:
        api = running.known["api"]
        filler = fill(small_disk)
        wait_until(lambda: running.get(api + "/readyz")[0] == 503, 10)
        assert json.loads(running.get(api + "/health")[1])["components"]["disk"] == "full"
        assert b"free some space" in running.get(running.known["status"])[1]
        shown = command("status", "--data", str(small_disk / "d"))
        assert (shown.returncode, "free some space" in shown.stdout) == (1, True)
        filler.unlink()
        wait_until(lambda: running.get(api + "/readyz")[0] == 200)
    fill(small_disk)
    again = command("up", "--data", str(small_disk / "d"), "--port-base", "0")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1), again.stderr
