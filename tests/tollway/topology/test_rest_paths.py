"""The map names every service that serves REST, by paths that begin the paths of its routes."""

from tollway.topology import GATEWAY, SERVICES
from tollway.topology.rest_paths import rest_paths


def test_every_service_with_rest_has_paths() -> None:
    found = rest_paths()
    assert set(found) == {service.name for service in SERVICES.values() if service.rest} | {GATEWAY}
    assert "/api/orders" in found["orders"]
    assert "/api/admin/nodes" in found["access"]
