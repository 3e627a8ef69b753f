"""`tollway up`: the whole business on this machine."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tollway.cli.console import fail, read_settings, say
from tollway.cli.plan import Plan, make_plan
from tollway.cli.supervisor import RestartLimit, Supervisor
from tollway.edge.protocols import PROTOCOLS
from tollway.gateway.route.console import console_is_built
from tollway.settings import Loaded, warnings

PLATFORM_NOTE = "platform.json"
# Databases, certificates and logs of a first start, with room for a day's use of a small business.
NEEDED_BYTES = 64_000_000
MAX_PORT = 65_535


def run(data: Path, config: Path | None, port_base: int, workers: int, *, split: bool, as_json: bool) -> None:
    """Start, print where everything is, and stay until Ctrl-C. Exits 1 with one line when it cannot."""
    loaded = read_settings(data, config)
    folder = _data_folder(loaded)
    with _alone(folder):
        _keep_the_key(folder, loaded)
        operator = _operator(folder, loaded)
        plan = make_plan(loaded.settings, loaded.origins, port_base, workers, split=split)
        _check_ports(plan)
        try:
            asyncio.run(_run(plan, config, operator, loaded, split=split, as_json=as_json))
        except RestartLimit as error:
            fail(str(error))


async def _run(
    plan: Plan, config: Path | None, operator: dict[str, str], loaded: Loaded, *, split: bool, as_json: bool
) -> None:
    began = time.monotonic()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    supervisor = Supervisor(plan, config)
    note = plan.data / "run" / PLATFORM_NOTE
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        if not as_json:
            say(f"starting {len(plan.children)} processes in {plan.data} …")
        starting = asyncio.ensure_future(supervisor.start())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            starting.cancel()
            return
        await starting
        known: dict[str, object] = {
            **plan.addresses,
            "data": str(plan.data),
            "operator": operator,
            "pid": os.getpid(),
        }
        note.write_text(json.dumps({**known, "split": split}))
        note.chmod(0o600)
        _announce(
            known, operator, warnings(loaded.settings, split=split), time.monotonic() - began, as_json=as_json
        )
        await asyncio.wait({stopped, supervisor.failed}, return_when=asyncio.FIRST_COMPLETED)
        if supervisor.failed.done():
            raise RestartLimit(supervisor.failed.result())
    finally:
        if not as_json:
            say("stopping …")
        note.unlink(missing_ok=True)
        await supervisor.stop()


def _announce(
    known: dict[str, object], operator: dict[str, str], unwise: list[str], seconds: float, *, as_json: bool
) -> None:
    if as_json:
        say(json.dumps(known))
        return
    say(f"Tollway is ready ({seconds:.1f} s).\n")
    for label, key in (
        *([("console", "api")] if console_is_built() else []),
        ("status page", "status"),
        ("API", "api"),
        ("API documentation", "docs"),
        *((spec.title, spec.name) for spec in PROTOCOLS),
        ("development inbox", "inbox"),
        ("payment mock", "payments_mock"),
        ("data", "data"),
    ):
        say(f"  {label:<18} {known[key]}")
    say(f"  {'operator':<18} {operator['email']}  {operator['password']}\n")
    for sentence in unwise:
        say(f"  note: {sentence}")
    if not console_is_built():
        say("  note: the web console is not built; `make console` builds it")
    say("  Try `tollway demo --data …` in another terminal. Ctrl-C stops everything; the data stays.")


def _data_folder(loaded: Loaded) -> Path:
    folder = loaded.settings.data
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "run").mkdir(exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        probe = folder / "run" / f".probe-{os.getpid()}"
        probe.write_text("x")
        probe.unlink()
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}; choose another folder with --data")
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < NEEDED_BYTES:
        found = f"only {free_bytes // 1_000_000} MB are free in {folder}, and a start needs {NEEDED_BYTES // 1_000_000}"
        fail(f"{found}; free some space, or choose another folder with --data")
    if len(str(folder / "run" / "notifications.sock")) > 100:
        fail(f"the path {folder} is too long for Unix sockets; choose a shorter one with --data")
    return folder


@contextmanager
def _alone(folder: Path) -> Generator[None, None, None]:
    with (folder / "run" / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fail(
                f"a platform is already running in {folder}; stop it first, or choose another folder with --data"
            )
        yield


def _operator(folder: Path, loaded: Loaded) -> dict[str, str]:
    # Written once; afterwards the password is the operator's to change, and this file only remembers the first one.
    path = folder / "secrets" / "operator.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        first = {"email": loaded.settings.operator.email, "password": secrets.token_urlsafe(12)}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(first, file)
    try:
        known = json.loads(path.read_text())
        return {"email": known["email"], "password": known["password"]}
    except (ValueError, LookupError, TypeError):
        fail(
            f"{path} is damaged; put it back from a copy, or remove it (the operator's password stays as it is)"
        )


def _keep_the_key(folder: Path, loaded: Loaded) -> None:
    # A new key in the place of a lost one would open nothing that the old one closed.
    key = folder / "secrets" / "master.key"
    used = (folder / "secrets" / "operator.json").exists() and (folder / "services" / "tokens.db").exists()
    if used and not loaded.settings.security.master_key and not key.exists():
        fail(f"{key} is missing, and without it what is in {folder} cannot be read; put it back from a copy")


def _check_ports(plan: Plan) -> None:
    if (highest := max(plan.ports.values())) > MAX_PORT:
        fail(f"there is no port {highest}; choose a lower --port-base, or 0 for free ones", 2)
    for name, port in plan.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                reason = f"port {port} ({name}) is taken: {error.strerror}"
                fail(f"{reason}; choose others with --port-base, 0 for free ones")
