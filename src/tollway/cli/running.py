"""What a running `tollway up` wrote down of itself, for the commands that look at it."""

import os
from pathlib import Path
from typing import Any

from tollway.supervisor.notes import PLATFORM_NOTE, STATES_NOTE, read_note


def running_platform(data: Path) -> dict[str, Any] | None:
    """Return what the platform running in a folder says of itself, or None when none does."""
    note = read_note(data / "run" / PLATFORM_NOTE)
    return note if note and is_alive(note["pid"]) else None


def process_states(data: Path) -> dict[str, dict[str, Any]]:
    """Return by name how each supervised process is: `state`, `reason`, `restarts`."""
    return read_note(data / "run" / STATES_NOTE) or {}


def is_alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
