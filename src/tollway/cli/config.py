"""`tollway config`: the effective settings and where each came from."""

import json
from pathlib import Path

from tollway.cli.console import read_settings, say, table
from tollway.cli.running import running_platform
from tollway.settings import Loaded, effective

BY_UP = "tollway up"


def run(data: Path, config: Path | None, *, as_json: bool) -> None:
    """Print every setting, secrets masked: what runs in the folder, or what would when nothing does."""
    rows = effective(_loaded(data, config))
    if as_json:
        say(json.dumps({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2))
    else:
        table("Settings", ("setting", "value", "from"), rows)


def _loaded(data: Path, config: Path | None) -> Loaded:
    loaded = read_settings(data, config)
    running = running_platform(loaded.settings.data)
    if running is None:
        return loaded
    # What `tollway up` chose for its processes, such as free ports.
    full = read_settings(data, config, environment=running["environment"])
    origins = {name: loaded.origins.get(name, BY_UP) for name in full.origins}
    return Loaded(full.settings, origins)
