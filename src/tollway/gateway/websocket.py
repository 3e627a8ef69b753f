"""After an upgrade: two connections joined, bytes passed on unread, with back-pressure both ways.

The gateway does not look into WebSocket frames: what the two ends agreed on is theirs. It does end the
tunnel when the session behind it ends, when both ends are silent for long, and when it stops.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tollway.gateway.upstream import Link


class Client(Protocol):
    """What a tunnel needs of the client's connection."""

    transport: asyncio.Transport

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def tunnel_ended(self, reason: str) -> None: ...


class Tunnel:
    """A client and an upstream talking directly. `idle_at` is when silence lasted too long (monotonic)."""

    def __init__(
        self, client: Client, link: "Link", idle_s: float, now: float, user_id: str, session_id: str
    ) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.bytes_in = 0
        self.bytes_out = 0
        self.ended = False
        self._client = client
        self._link = link
        self._idle_s = idle_s
        self._seen = 0
        self._quiet_since = now
        link.tunnel = self

    def from_client(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self.bytes_in += len(data)
        self._link.write(data)

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self.bytes_out += len(data)
        if not self._client.transport.is_closing():
            self._client.transport.write(data)

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._link.pause_reading()

    def client_ready(self) -> None:
        """Go on: the client takes more again."""
        self._link.resume_reading()

    def upstream_full(self) -> None:
        """Let the client wait: the upstream takes no more for now."""
        self._client.pause_reading()

    def upstream_ready(self) -> None:
        """Go on: the upstream takes more again."""
        self._client.resume_reading()

    def tick(self, now: float) -> None:
        """End a tunnel through which nothing has passed for too long."""
        seen = self.bytes_in + self.bytes_out
        if seen != self._seen:
            self._seen, self._quiet_since = seen, now
        elif now - self._quiet_since > self._idle_s:
            self.end("idle")

    def end(self, reason: str) -> None:
        """Close both sides. What was written already still goes out."""
        if self.ended:
            return
        self.ended = True
        self._link.transport.close()
        self._client.transport.close()
        self._client.tunnel_ended(reason)
