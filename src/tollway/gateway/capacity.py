"""How many connections fit into the files that the process may have open.

A descriptor that is missing stops everything at once: the API, the health pages, the databases of the services in the
same process. So the caps of the settings are lowered to what there is, and enough is left for the rest.
"""

import logging
from collections.abc import Collection

from tollway.gateway.settings import GatewaySettings

RESERVED = 256  # databases, listeners, the admin port, the APIs between services
_log = logging.getLogger(__name__)


def fitted(settings: GatewaySettings, addresses: Collection[str], limit: int) -> GatewaySettings:
    """Return the settings with caps that fit, and log a warning when they had to be lowered.

    `addresses` are those of the upstreams, `limit` is how many files may be open. An upstream on a Unix socket is
    usually in this process, where its end of the connection counts too.
    """
    ends = sum(2 if one.startswith("unix:") else 1 for one in addresses) or 1
    budget = max(limit - RESERVED, 64)
    upstream = min(settings.max_upstream_connections, max(1, budget // 2 // ends))
    clients = min(settings.max_connections, budget - upstream * ends)
    per_client = settings.max_connections_per_client
    if (clients, upstream) != (settings.max_connections, settings.max_upstream_connections):
        per_client = min(per_client, max(1, clients // 4))
        needed = RESERVED + settings.max_connections + settings.max_upstream_connections * ends
        _log.warning(
            "this process may have %d files open, so the gateway takes %d connections of clients instead of %d and "
            "opens %d to each upstream instead of %d; allow it %d files (ulimit -n, LimitNOFILE) or lower "
            "gateway.max_connections",
            limit,
            clients,
            settings.max_connections,
            upstream,
            settings.max_upstream_connections,
            max(needed, 2 * settings.max_upstream_connections * ends + RESERVED),
        )
    return settings.model_copy(
        update={
            "max_connections": clients,
            "max_connections_per_client": per_client,
            "max_upstream_connections": upstream,
        }
    )
