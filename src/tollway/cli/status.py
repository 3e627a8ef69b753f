"""`tollway status`: how the platform in a folder is, for its operator."""

import json
import shutil
from pathlib import Path

from tollway.cli.certs import make_authority
from tollway.cli.console import read_settings, say, table
from tollway.cli.running import process_states, running_platform
from tollway.fabric import tls
from tollway.fabric.clock import SystemClock
from tollway.kit.times import to_rfc3339
from tollway.settings import Settings
from tollway.topology import backends
from tollway.topology.platform_status import disk_state

OK = "ok"


def run(data: Path, config: Path | None, *, as_json: bool) -> None:
    """Print how everything is. Exits 1 when something needs a person, 3 when no platform runs there."""
    settings = read_settings(data, config).settings
    running = running_platform(settings.data)
    rows = {"platform": OK if running else f"none runs in {settings.data}"}
    if running:
        for name, process in process_states(settings.data).items():
            is_well = process["state"] == "running"
            rows[name] = OK if is_well else f"{process['state']}: {process['reason'] or 'not ready yet'}"
    rows["disk"] = _disk(settings.data)
    rows.update(_certificates(settings))
    if as_json:
        say(json.dumps(rows, indent=2))
    else:
        table("Status", ("part", "state"), list(rows.items()))
    if not running:
        raise SystemExit(3)
    if any(not state.startswith(OK) for state in rows.values()):
        raise SystemExit(1)


def _disk(data: Path) -> str:
    if not data.exists():
        return OK
    free_bytes = shutil.disk_usage(data).free
    state = disk_state(data)
    return state if state != OK else f"{OK}: {free_bytes // 1_000_000} MB are free"


def _certificates(settings: Settings) -> dict[str, str]:
    """Return until when each certificate is good, or that it was not renewed when it was due."""
    folder, now_us = backends.certificates(settings), SystemClock().now_us()
    found: dict[str, str] = {}
    for name in make_authority(settings).issued():
        try:
            identity = tls.load(folder, name)
        except tls.CertificateUnusable as error:
            found[f"certificate {name}"] = str(error)
            continue
        until = f"good until {to_rfc3339(identity.not_after_us)}"
        # `tollway up` looks every hour; a day later something keeps it from renewing.
        is_due = now_us > identity.ages_at_us() + 86_400_000_000
        cure = f"; issue it anew: tollway certs --service {name}"
        found[f"certificate {name}"] = f"{until}{cure}" if is_due else f"{OK}: {until}"
    return found
