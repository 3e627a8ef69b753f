"""Access's tables and queries, by what they are about: `resources`, `charging`, `changes`, `usage`."""

from tollway.services.access.store import changes, charging, resources, usage
from tollway.services.access.store.tables import metadata

__all__ = ["changes", "charging", "metadata", "resources", "usage"]
