"""A data folder belongs to a platform, or to one command that writes its databases: never to both."""

import fcntl
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.kit.platform import PROGRAM, command
from tollway.cli import folder_lock
from tollway.settings import load

PASSWORD = "a long enough password\n"
WRITERS = {
    "migrate": ("migrate",),
    "reset-password": ("operator", "reset-password", "--password-stdin"),
    "add": ("operator", "add", "second@example.com", "--password-stdin"),
}
QUICK = {"TOLLWAY_IDENTITY__HASH_MEMORY_KIB": "64"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a platform's database in it, and nobody there."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "identity.db").touch()
    return tmp_path


@contextmanager
def held(folder: Path, name: str, how: int) -> Iterator[None]:
    (folder / "run").mkdir(exist_ok=True)
    with (folder / "run" / name).open("a+") as file:
        fcntl.flock(file, how)
        yield


def is_held(folder: Path, name: str) -> bool:
    try:
        with (folder / "run" / name).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [*PROGRAM, *words, "--data", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **QUICK},
    )
    assert process.stdin is not None
    process.stdin.write(PASSWORD)
    process.stdin.flush()
    return process


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("name", "how"), [("lock", fcntl.LOCK_EX), ("serving", fcntl.LOCK_SH)], ids=["up", "serve"]
)
def test_what_writes_is_refused_while_a_platform_runs(data: Path, writer: str, name: str, how: int) -> None:
    with held(data, name, how):
        process = start(data, *WRITERS[writer])
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert said == f"tollway: a platform is running in {data}; stop it, run this again, and start it\n"
    assert (data / "services" / "identity.db").stat().st_size == 0, "nothing was written"


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_what_writes_has_the_folder_to_itself_until_it_ends(data: Path, writer: str) -> None:
    assert command("migrate", "--data", str(data)).returncode == 0
    with closing(sqlite3.connect(data / "services" / "identity.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # so the command waits in the middle of its work
        process = start(data, *WRITERS[writer])
        wait_until(lambda: is_held(data, "lock") and is_held(data, "serving"))
        for words in (
            ("up", "--port-base", "0"),
            ("serve", "--target", "users"),
            ("migrate",),
        ):
            refused = command(*words, "--data", str(data))
            assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
            assert str(data) in refused.stderr
        assert process.poll() is None
        other.execute("ROLLBACK")
    _, said = process.communicate(timeout=60)
    # There is no operator yet whose password could be replaced.
    assert process.returncode == (1 if writer == "reset-password" else 0), said
    assert not is_held(data, "lock")
    assert not is_held(data, "serving")


def test_a_command_and_a_process_that_serves_keep_out_of_each_others_way(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load({"data": str(data)}).settings
    with folder_lock.serving(data), folder_lock.serving(data):  # any number of them
        with pytest.raises(SystemExit), folder_lock.writing(settings):
            pass
        assert "stop it" in capsys.readouterr().err
        with folder_lock.platform(data):  # whose own processes serve
            pass
    with folder_lock.writing(settings):
        for enter in (folder_lock.serving, folder_lock.platform):
            with pytest.raises(SystemExit), enter(data):
                pass
            assert str(data) in capsys.readouterr().err
    with folder_lock.serving(data):
        pass


def test_on_postgresql_nothing_is_held(data: Path) -> None:
    settings = load({"data": str(data), "database": {"url": "postgresql://127.0.0.1/tollway"}}).settings
    with folder_lock.platform(data), folder_lock.serving(data), folder_lock.writing(settings):
        pass
    one_file = {"url": "postgresql://127.0.0.1/tollway", "services": {"users": ""}}
    settings = load({"data": str(data), "database": one_file}).settings
    with folder_lock.serving(data), pytest.raises(SystemExit), folder_lock.writing(settings):
        pass
