"""Writes the description of the whole API from the rooms' routers.

python tools/openapi.py            writes it
python tools/openapi.py --check    exits 1 when what is committed is stale
"""

import importlib
import json
import sys

from tollway.fabric.bearer import Revocations, Verifier
from tollway.fabric.clock import SystemClock
from tollway.fabric.rest import build_app
from tollway.fabric.rest.docs import DOCUMENT, describe
from tollway.topology import ROOMS


def document() -> str:
    """Build every room's router without a room behind it, and describe them together."""
    routers = [
        importlib.import_module(f"tollway.services.{room.name}.http").router(None)
        for room in ROOMS.values()
        if room.paths
    ]

    async def no_keys() -> str:
        return "{}"

    clock = SystemClock()
    app = build_app(routers, Verifier(no_keys, "", "", clock), Revocations(clock))
    return json.dumps(describe(app), indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write, or check with --check."""
    fresh = document()
    if "--check" not in sys.argv:
        DOCUMENT.write_text(fresh)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != fresh:
        print("stale API description; run: python tools/openapi.py")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
