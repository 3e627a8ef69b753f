"""The business services, a folder each. A service reaches another only through its API in `contracts`."""

import importlib
import pkgutil

from tollway.fabric.service import ServiceManifest


def find_manifests() -> dict[str, ServiceManifest]:
    """Load the manifest of every service, by the service's name. An assertion fails when a folder has another name."""
    found: dict[str, ServiceManifest] = {}
    for folder in pkgutil.iter_modules(__path__):
        manifest: ServiceManifest = importlib.import_module(f"{__name__}.{folder.name}.manifest").MANIFEST
        assert manifest.name == folder.name, f"the service in {folder.name} calls itself {manifest.name}"
        found[manifest.name] = manifest
    return found
