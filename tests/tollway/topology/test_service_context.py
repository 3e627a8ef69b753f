"""What services are built from: settings that several of them need come from one place."""

from pathlib import Path
from typing import Any, cast

from tollway.fabric.clock import SystemClock
from tollway.settings import load
from tollway.topology.service_context import make_context

NOWHERE = cast("Any", None)


def test_the_catalogue_and_access_offer_the_same_locations(tmp_path: Path) -> None:
    given = [{"id": "fra", "name": "Frankfurt", "country": "DE"}, {"id": "direct", "name": "Here"}]
    settings = load({"data": str(tmp_path), "network.locations": given}).settings
    catalog, access = (
        make_context(settings, service, NOWHERE, SystemClock(), NOWHERE, NOWHERE, NOWHERE).shared.locations
        for service in ("catalog", "access")
    )
    assert catalog == access
    assert [(one.id, one.country) for one in access] == [("fra", "DE"), ("direct", "")]
