"""The logs of the processes are kept short."""

import logging
import os
import shutil
from pathlib import Path

_log = logging.getLogger(__name__)


def shorten(log: Path, limit_bytes: int) -> None:
    """Move what a log says into its `.old.log` when it is longer than the limit.

    Who writes it appends, and goes on in the emptied file. A line written between the copy and the cut is lost.
    """
    try:
        if log.exists() and log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_suffix(".old.log"))
            os.truncate(log, 0)
    except OSError as error:
        _log.warning("%s stays long: %s", log, error)
