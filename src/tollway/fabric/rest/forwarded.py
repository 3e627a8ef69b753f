"""Whose word on a client's address is taken: the gateway's, and nobody else's."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

Networks = Collection[IPv4Network | IPv6Network]
_FORWARDED = (b"x-forwarded-", b"forwarded", b"x-real-ip")


def caller_address(request: HTTPConnection) -> str:
    """Return where a request came from; empty: not known. The gateway, a service's only client, appends it last."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded or (request.client.host if request.client else "")


class ForwardedFromGateways:
    """Takes the headers that name another client out of what does not come from one of the `gateways`."""

    def __init__(self, app: ASGIApp, gateways: Networks) -> None:
        self._app = app
        self._gateways = gateways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] in {"http", "websocket"} and not self._is_gateway(scope.get("client")):
            kept = [pair for pair in scope["headers"] if not pair[0].startswith(_FORWARDED)]
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)

    def _is_gateway(self, peer: tuple[str, int] | None) -> bool:
        try:
            ip = ip_address(peer[0]) if peer else None
        except ValueError:
            ip = None
        if ip is None:
            return False
        plain = ip.ipv4_mapped or ip if ip.version == 6 else ip
        return any(plain in network for network in self._gateways)
