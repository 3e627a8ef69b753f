"""Access's tables and queries, by what they are about."""

from tollway.services.access.store import (
    changes,
    connection_tests,
    credentials,
    flows,
    leases,
    nodes,
    presence,
    resources,
    trends,
    usage,
)
from tollway.services.access.store.tables import metadata

__all__ = [
    "changes",
    "connection_tests",
    "credentials",
    "flows",
    "leases",
    "metadata",
    "nodes",
    "presence",
    "resources",
    "trends",
    "usage",
]
