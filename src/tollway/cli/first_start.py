"""What a platform's folder needs before its processes start: space, its key, the first operator."""

import json
import os
import secrets
import shutil
from pathlib import Path

from tollway.cli.console import fail
from tollway.settings import Loaded

# Databases, certificates and logs of a first start, with space for a day's use of a small business.
NEEDED_BYTES = 64_000_000
SOCKET_PATH_LIMIT = 100


def check_folder(folder: Path) -> None:
    """Make the data folder if need be. Exits with one line when it cannot be used."""
    if len(os.fsencode(folder / "run" / "notifications.sock")) > SOCKET_PATH_LIMIT:
        fail(
            f"the path {folder} is too long for Unix sockets; choose another folder with --data, with a shorter path"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)  # also one that others could read until now: settings and databases are in it
        for name in (
            "run",
            "logs",
            "secrets",
        ):  # what is in them is the owner's alone, also in a folder that was open
            (folder / name).mkdir(exist_ok=True, mode=0o700)
            (folder / name).chmod(0o700)
        probe = folder / "run" / f".probe-{os.getpid()}"
        probe.write_text("x")
        probe.unlink()
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}; choose another folder with --data")
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < NEEDED_BYTES:
        found = f"only {free_bytes // 1_000_000} MB are free in {folder}, and a start needs {NEEDED_BYTES // 1_000_000}"
        fail(f"{found}; free some space, or choose another folder with --data")


def check_key(loaded: Loaded) -> None:
    """Exit with one line when the master key is lost: a new one would open nothing that the old one closed."""
    folder = loaded.settings.data
    key = folder / "secrets" / "master.key"
    used = (folder / "secrets" / "operator.json").exists() and (folder / "services" / "tokens.db").exists()
    if used and not loaded.settings.security.master_key and not key.exists():
        fail(f"{key} is missing, and without it what is in {folder} cannot be read; put it back from a copy")


def is_first(folder: Path) -> bool:
    """Return whether the operator's password is still to be made here, which is shown once."""
    return not (folder / "secrets" / "operator.json").exists()


def operator(loaded: Loaded) -> dict[str, str]:
    """Return the first operator's address and first password, which is made here and changed by the operator."""
    path = loaded.settings.data / "secrets" / "operator.json"
    if not path.exists():
        first = {"email": loaded.settings.operator.email, "password": secrets.token_urlsafe(12)}
        # Whole or not at all: a start that is interrupted here is begun anew by the next one.
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(first, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    try:
        known = json.loads(path.read_text())
        return {"email": known["email"], "password": known["password"]}
    except (ValueError, LookupError, TypeError):
        fail(
            f"{path} is damaged; put it back from a copy, or remove it (the operator's password stays as it is)"
        )
