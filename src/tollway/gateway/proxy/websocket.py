"""After an upgrade: two connections joined, bytes passed on unread, with back-pressure both ways.

The gateway does not look into WebSocket frames: what the two ends agreed on is theirs. It does end the
tunnel when the session behind it ends, when both ends are silent for long, and when it stops.
"""

from typing import TYPE_CHECKING

from tollway.gateway.context import GatewayContext
from tollway.gateway.message.request import Request
from tollway.gateway.upstream.connection import UpstreamConnection

if TYPE_CHECKING:
    from tollway.gateway.listen.connection import ClientConnection


class WebSocketTunnel:
    """A client and an upstream that talk directly, until `websocket_idle_timeout_s` of silence."""

    def __init__(
        self,
        context: GatewayContext,
        client: "ClientConnection",
        upstream: UpstreamConnection,
        request: Request,
        now: float,
    ) -> None:
        self._context = context
        self._client = client
        self._upstream = upstream
        self._request = request
        self._idle_timeout_s = context.settings.websocket_idle_timeout_s
        self._moved_bytes = 0
        self._moved_at = now
        self._ended = False
        upstream.owner = self
        context.tunnels.add(self)

    def belongs_to(self, user_id: str, session_id: str) -> bool:
        """Tell whether it was opened by this session, or by any of this user's when no session is named."""
        identity = self._request.identity
        if identity is None:
            return False
        return identity.session_id == session_id if session_id else identity.user_id == user_id

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    def from_client(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self._request.bytes_in += len(data)
        self._upstream.write(data)

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._upstream.pause_reading()

    def client_ready(self) -> None:
        """Let the upstream go on."""
        self._upstream.resume_reading()

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self._request.bytes_out += len(data)
        self._client.write(data)

    def upstream_ended(self) -> None:
        """End with the upstream."""
        self.end("upstream_closed")

    def upstream_lost(self) -> None:
        """End with the upstream."""
        self.end("upstream_closed")

    def upstream_full(self) -> None:
        """Let the client wait: the upstream takes no more for now."""
        self._client.pause_reading()

    def upstream_ready(self) -> None:
        """Let the client go on."""
        self._client.resume_reading()

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """End a tunnel through which nothing has passed for too long."""
        moved_bytes = self._request.bytes_in + self._request.bytes_out
        if moved_bytes != self._moved_bytes:
            self._moved_bytes, self._moved_at = moved_bytes, now
        elif now - self._moved_at > self._idle_timeout_s:
            self.end("idle")

    def end(self, reason: str) -> None:
        """Close both sides, and record the request. What was written already still goes out."""
        if self._ended:
            return
        self._ended = True
        self._upstream.transport.close()
        self._client.tunnel_ended()
        self._request.reason = reason
        self._context.tunnels.discard(self)
        self._context.record(self._request, self._context.monotonic())
