"""Writes the description of the whole API from the services' routers.

python tools/openapi.py            writes it
python tools/openapi.py --check    exits 1 when what is committed is stale
"""

import json
import sys
import tomllib
from pathlib import Path

from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.clock import SystemClock
from tollway.fabric.rest import build_app
from tollway.fabric.rest.describe import describe
from tollway.fabric.rest.docs import DOCUMENT
from tollway.topology import SERVICES, roles
from tollway.topology.routers import routers

WORDS = Path(__file__).parent / "api_words.toml"


def document() -> str:
    """Build every service's router without a service behind it, and describe them together."""

    async def no_keys() -> str:
        return "{}"

    clock = SystemClock()
    app = build_app(
        [*routers().values()], Verifier(no_keys, "", "", clock), Revocations(clock), roles=roles()
    )
    words = tomllib.loads(WORDS.read_text())
    # A tag that is a service's name means what the service is for, unless the words say more.
    words["services"] = {name: service.purpose.capitalize() for name, service in SERVICES.items()}
    return json.dumps(describe(app, words), indent=1, sort_keys=True) + "\n"


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
