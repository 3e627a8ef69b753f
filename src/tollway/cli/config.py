"""`tollway config`: the effective settings and where each came from."""

import json
from pathlib import Path

from tollway.cli.console import read_settings, say, table
from tollway.settings import effective


def run(data: Path, config: Path | None, *, as_json: bool) -> None:
    """Print every setting, secrets masked."""
    rows = effective(read_settings(data, config))
    if as_json:
        say(json.dumps({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2))
    else:
        table("Settings", ("setting", "value", "from"), rows)
