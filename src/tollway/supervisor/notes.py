"""What processes write down of themselves in the `run` folder, for others to read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLATFORM_NOTE = "platform.json"
STATES_NOTE = "processes.json"


def read_note(path: Path) -> dict[str, Any] | None:
    """Read what a process wrote when it became ready, or None."""
    try:
        note: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return dict(note)


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Write what others read, so that they see the old text or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(note))
    fresh.chmod(0o600)
    fresh.replace(path)
