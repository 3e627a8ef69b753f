"""Usage that can never be settled, kept for the operator: a file with one JSON object per line.

The access service takes every report sooner or later, unless there is nothing to book it on: it does not know the
resource (a backup was restored), or a slot of the meter file is damaged. Such usage must not be repeated for
ever and must not vanish, so it goes from the meter file into `<node>.quarantine.jsonl` beside it, on the disk before
the slot is free again. What to do with a line is the operator's decision; the edge never reads it.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from tollway.edge.metrics import EdgeMetrics

_log = logging.getLogger(__name__)


class Quarantine:
    """Appends to the file, which is made with the first line."""

    def __init__(self, path: Path, metrics: EdgeMetrics) -> None:
        self.path, self._metrics = path, metrics

    def keep(self, what: Mapping[str, object], *, octets: int) -> bool:
        """Write a line and wait for the disk. False when that fails: then the meter file must go on keeping it."""
        line = json.dumps(what)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line.encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.error(
                "%s cannot be written (%s) for usage that cannot be settled: %s", self.path, error, line
            )
            return False
        self._metrics.quarantined_flows += 1
        self._metrics.quarantined_bytes += octets
        _log.error("usage cannot be settled, %d bytes; kept in %s: %s", octets, self.path, line)
        return True
