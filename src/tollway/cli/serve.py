"""`tollway serve`: some targets in this process, in the foreground."""

import asyncio
import ctypes
import gc
import json
import logging
import os
import signal
from pathlib import Path

from tollway.cli.console import fail, read_settings
from tollway.fabric.lifecycle import StartFailed
from tollway.fabric.secrets import SecretUnusable
from tollway.fabric.telemetry import configure_logging
from tollway.fabric.tls import CertificateUnusable
from tollway.kit.descriptors import raise_limit
from tollway.settings import InvalidSettings, Settings, warnings

_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1


def run(targets: list[str], data: Path, config: Path | None, worker: int) -> None:
    """Serve until told to stop. Exits 1 when something cannot start, 2 for a wrong setting."""
    settings = read_settings(data, config).settings
    configure_logging(settings.log.level, as_json=settings.log.format == "json")
    for warning in warnings(settings, split=False):
        _log.warning("%s", warning)
    _end_with_parent()
    raise_limit()
    try:
        # uvloop's own runner is what makes its loop the one everything runs on.
        import uvloop

        uvloop.run(_serve(settings, targets, worker))
    except KeyError as error:
        fail(f"there is no target {error.args[0]!r}; `tollway targets` lists them", 2)
    except InvalidSettings as error:
        fail(str(error), 2)
    except StartFailed as error:
        fail(f"cannot start {error}")
    except (OSError, SecretUnusable, CertificateUnusable) as error:
        fail(f"cannot start: {error}")


async def _serve(settings: Settings, targets: list[str], worker: int) -> None:
    from tollway.topology.process import Process, process_name

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    (settings.data / "run").mkdir(parents=True, exist_ok=True)
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


def _end_with_parent() -> None:
    # A supervisor that is killed must not leave its processes behind; alone on a terminal there is none.
    if os.environ.get("SUPERVISED_BY_TOLLWAY"):  # noqa: TID251  not a setting: a word between parent and child
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
