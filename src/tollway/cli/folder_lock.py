"""Who has a data folder to themselves: a platform, or a command that writes its databases.

    run/lock      held by `tollway up`, and by a command while it writes
    run/serving   shared by each process that serves from the folder, also one that was started by hand

The locks end with the process that holds them, however it ends.
"""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tollway.cli.console import fail
from tollway.settings import Settings
from tollway.topology import SERVICES


@contextmanager
def platform(folder: Path) -> Generator[int]:
    """Hold a folder for a platform; yields the descriptor of the locked file. Exits with one line when it is held."""
    with _locked(
        folder,
        "lock",
        fcntl.LOCK_EX,
        f"a platform is already running in {folder}; stop it first, or choose another folder with --data",
    ) as lock:
        yield lock


@contextmanager
def serving(folder: Path) -> Generator[None]:
    """Say that this process serves from a folder. Exits with one line while a command writes its databases."""
    with _locked(
        folder,
        "serving",
        fcntl.LOCK_SH,
        f"a command is writing the databases in {folder}; start again when it has ended",
    ):
        yield


@contextmanager
def writing(settings: Settings) -> Generator[None]:
    """Hold a folder while a command writes its databases. Exits with one line when anybody else uses them.

    Two processes on one SQLite file would not wake each other. On PostgreSQL they do, and nothing is held.
    """
    folder = settings.data
    if all(settings.database.services.get(name, settings.database.url) for name in SERVICES):
        yield
        return
    used = f"a platform is running in {folder}; stop it, run this again, and start it"
    with _locked(folder, "lock", fcntl.LOCK_EX, used), _locked(folder, "serving", fcntl.LOCK_EX, used):
        yield


@contextmanager
def _locked(folder: Path, name: str, how: int, refusal: str) -> Generator[int]:
    try:
        (folder / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (folder / "run" / name).open("a+")
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}; choose another folder with --data")
    with file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            fail(refusal)
        yield file.fileno()
