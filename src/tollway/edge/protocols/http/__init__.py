"""HTTP/1.1 forward proxy (RFC 9110, RFC 9112): CONNECT tunnels, and requests with an absolute URL.

    proxy      reads one request after the other from a client: who is it, where does it go?
    exchange   carries one request to an origin and its response back
    refusals   what is answered when a request is not carried
    heads      what is changed in a head on its way, and the answers that the proxy makes itself

One client connection is one flow with one account, whatever origins its requests go to. All of its bytes count
as they are on the client's side: heads as the client sent them and as we wrote them.
"""

from functools import partial

from tollway.edge import refusal
from tollway.edge.gate import Gate
from tollway.edge.listener import OnClient
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols.http.connect_cache import ConnectCache
from tollway.edge.protocols.http.heads import refusal_response
from tollway.edge.protocols.http.proxy import HttpProxy
from tollway.edge.protocols.http.refusals import REFUSALS
from tollway.edge.tls import over_tls


def _offer(gate: Gate) -> OnClient:
    return partial(HttpProxy, gate, ConnectCache())


SPEC = ProtocolSpec(
    "http",
    "HTTP proxy",
    3128,
    _offer,
    REFUSALS,
    overloaded=refusal_response(refusal.OVERLOADED, "", b"GET"),
)

TLS_SPEC = ProtocolSpec("https", "HTTP proxy over TLS", 3129, over_tls(_offer), REFUSALS, tls=True)
"""The same within TLS, so that nobody reads on the way what a client says to the proxy, its password included."""
