"""After an upgrade: two connections joined, bytes passed on unread, with back-pressure both ways.

What the frames carry is the business of the two ends. The gateway only follows where the upstream's frames end, because
it ends the tunnel itself when the session behind it does, when both ends are silent for long, when the upstream
breaks off and when it stops: the client then gets a Close frame (RFC 6455, section 7.4) with the reason.
"""

from typing import TYPE_CHECKING

from tollway.gateway.context import GatewayContext
from tollway.gateway.message.request import Request
from tollway.gateway.proxy.websocket_frames import FrameTracker, close_frame
from tollway.gateway.upstream.connection import UpstreamConnection

if TYPE_CHECKING:
    from tollway.gateway.listen.connection import ClientConnection

# Policy violation, going away, bad gateway: RFC 6455, section 7.4.1, and the registry that it began.
_CODES = {"session_ended": 1008, "idle": 1001, "stopping": 1001, "upstream_closed": 1014}
_FRAME_S = 1.0  # for the upstream's frame under way to end


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
        self._moved_bytes: int = 0
        self._moved_at = now
        self._ended = False
        self._end_reason = ""  # why it ends as soon as the upstream's frame under way has passed
        self._frames = FrameTracker()
        upstream.owner = self
        context.tunnels.add(self)
        context.clients.switch_to_tunnel()

    def belongs_to(self, user_id: str, session_id: str) -> bool:
        """Return whether it was opened by this session, or by any of this user's when no session is named."""
        identity = self._request.identity
        if identity is None:
            return False
        return identity.session_id == session_id if session_id else identity.user_id == user_id

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    def from_client(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self._request.bytes_in += len(data)
        self._upstream.write(data)

    def client_finished(self) -> None:
        """Say so to the upstream: the client sends no more, and may wait for what it asked for."""
        self._upstream.write_eof()

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._upstream.pause_reading()

    def client_ready(self) -> None:
        """Let the upstream go on."""
        self._upstream.resume_reading()

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        if self._end_reason:
            data = self._frames.pass_frame(data)
        else:
            self._frames.pass_on(data)
        self._request.bytes_out += len(data)
        self._client.write(data)
        if self._end_reason and self._frames.between_frames:
            self._close(self._end_reason)

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
        if self._end_reason:
            if now - self._moved_at > _FRAME_S:
                self._close(self._end_reason)
        elif moved_bytes != self._moved_bytes:
            self._moved_bytes, self._moved_at = moved_bytes, now
        elif now - self._moved_at > self._idle_timeout_s:
            self.end("idle")

    def end(self, reason: str) -> None:
        """Close both sides, and record the request. What was written already still goes out.

        When the session has ended, the frame that the upstream is sending passes first, or its time runs out.
        """
        if reason == "session_ended" and not self._frames.between_frames:
            if not self._end_reason:
                self._end_reason, self._moved_at = reason, self._context.monotonic()
        else:
            self._close(self._end_reason or reason)

    def _close(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        code = _CODES.get(reason)
        if code is not None and self._frames.between_frames and not self._frames.closed:
            self._client.write(close_frame(code, reason))
        if self._upstream.full:
            # It takes nothing, and what waits for it would keep the connection open for as long as it likes.
            self._upstream.transport.abort()
        else:
            self._upstream.transport.close()
        self._client.tunnel_ended()
        self._request.reason = reason
        self._context.tunnels.discard(self)
        self._context.clients.end_tunnel()
        self._context.record(self._request, self._context.monotonic())
