"""Protocols: each file is one. It talks to the client, uses its session's verbs, and hands over to the relay.

A protocol cannot dial, resolve, count or refuse by itself, so policy, meter and throttle hold for all alike.
Start reading at `socks5`, which is the shortest. A new protocol looks like it, declares its `SPEC` and gets a line
here.
"""

from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols import http, socks5

PROTOCOLS: tuple[ProtocolSpec, ...] = (http.SPEC, socks5.SPEC, http.TLS_SPEC)
"""What a node may offer; listeners, ports, the announcement to the access service and the status page follow."""
