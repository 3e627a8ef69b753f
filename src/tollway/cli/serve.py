"""`tollway serve`: some targets in this process, in the foreground."""

import asyncio
import ctypes
import gc
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from tollway.cli.certs import make_authority
from tollway.cli.console import end_with_parent, fail, read_settings
from tollway.cli.folder_lock import serving
from tollway.fabric.lifecycle import StartFailed
from tollway.fabric.secrets import SecretUnusable
from tollway.fabric.telemetry import configure_logging
from tollway.fabric.tls import CertificateUnusable, path_of
from tollway.kit.descriptors import raise_limit
from tollway.settings import InvalidSettings, Settings, warnings
from tollway.topology import members
from tollway.topology.backends import certificates
from tollway.topology.certificates import certificates_of

_log = logging.getLogger(__name__)


def run(targets: list[str], data: Path, config: Path | None, worker: int) -> None:
    """Serve until a signal asks to stop. Exits 1 when something cannot start, 2 for a wrong setting."""
    end_with_parent()
    settings = read_settings(data, config).settings
    configure_logging(settings.log.level, as_json=settings.log.format == "json")
    for warning in warnings(settings, split=False):
        _log.warning("%s", warning)
    raise_limit()
    try:
        # uvloop's own runner is what makes its loop the one everything runs on.
        import uvloop

        with serving(settings.data):
            _first_certificates(settings, targets, config)
            uvloop.run(_serve(settings, targets, worker))
    except KeyError as error:
        fail(f"there is no target {error.args[0]!r}; `tollway targets` lists them", 2)
    except InvalidSettings as error:
        fail(str(error), 2)
    except StartFailed as error:
        fail(f"cannot start {error}")
    except (OSError, SecretUnusable, CertificateUnusable) as error:
        fail(f"cannot start: {error}")


def _first_certificates(settings: Settings, targets: list[str], config: Path | None) -> None:
    """Have the certificates issued that are missing in this folder, by a command of its own.

    What serves never reads the authority's key: a short-lived process does, and only where the key is or nobody made
    an authority yet.
    """
    folder = certificates(settings)
    missing = [
        name for name in certificates_of(settings, members(targets)) if not path_of(folder, name).exists()
    ]
    if not missing or not make_authority(settings).is_here:
        return
    command = [sys.executable, "-m", "tollway", "certs", "--data", str(settings.data)]
    command += ["--config", str(config)] if config else []
    hosts = {host for names in certificates_of(settings, members(targets)).values() for host in names}
    command += [word for name in missing for word in ("--service", name)]
    command += [word for host in sorted(hosts) for word in ("--host", host)]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:  # noqa: S603
        raise SystemExit(1)  # its own line says why


async def _serve(settings: Settings, targets: list[str], worker: int) -> None:
    from tollway.topology.process import Process, process_name

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    process = Process(settings, targets, worker)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, process.reload)
    await process.start()
    prepared = asyncio.ensure_future(process.prepared())
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({prepared, stopped}, return_when=asyncio.FIRST_COMPLETED)
    tune_gc()
    note = settings.data / "run" / f"{process_name(targets, worker)}.ready"
    _write(note, json.dumps({"pid": os.getpid(), **process.description()}))
    try:
        await stopped
    finally:
        note.unlink(missing_ok=True)
        await process.stop()


def tune_gc() -> None:
    """Keep the garbage collector from going through what will stay, and from looking for cycles that we don't make.

    Python's default looks after every 700 new objects, which is several times in each request. What starting
    needed and nobody will need again goes back to the system.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
