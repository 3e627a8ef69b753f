"""Access's tables and queries, by what they are about."""

from tollway.services.access.store import changes, credentials, flows, leases, nodes, resources, trends, usage
from tollway.services.access.store.tables import metadata

__all__ = ["changes", "credentials", "flows", "leases", "metadata", "nodes", "resources", "trends", "usage"]
