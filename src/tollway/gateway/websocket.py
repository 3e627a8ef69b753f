"""After an upgrade: two connections joined, bytes passed on unread, with back-pressure both ways.

The gateway does not look into WebSocket frames: what the two ends agreed on is theirs. It does end the
tunnel when the session behind it ends, when both ends are silent for long, and when it stops.
"""

from typing import Protocol

from tollway.gateway.auth import Verdict
from tollway.gateway.upstream import Link


class Client(Protocol):
    """What a tunnel needs of the client's connection."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def tunnel_ended(self, reason: str) -> None: ...


class Tunnel:
    """A client and an upstream talking directly, until `idle_s` of silence."""

    def __init__(
        self, client: Client, link: Link, verdict: Verdict | None, idle_s: float, now: float
    ) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self._client = client
        self._link = link
        self._verdict = verdict
        self._idle_s = idle_s
        self._seen = 0
        self._quiet_since = now
        self._ended = False
        link.receiver = self

    def belongs_to(self, user_id: str, session_id: str) -> bool:
        """Tell whether it was opened by this session, or by any of this user's when no session is named."""
        verdict = self._verdict
        if verdict is None:
            return False
        return verdict.session_id == session_id if session_id else verdict.user_id == user_id

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    def from_client(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self.bytes_in += len(data)
        self._link.write(data)

    def client_full(self) -> None:
        """Let the upstream wait: the client takes no more for now."""
        self._link.pause_reading()

    def client_ready(self) -> None:
        """Go on: the client takes more again."""
        self._link.resume_reading()

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def from_upstream(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self.bytes_out += len(data)
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
        """Go on: the upstream takes more again."""
        self._client.resume_reading()

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def tick(self, now: float) -> None:
        """End a tunnel through which nothing has passed for too long."""
        seen = self.bytes_in + self.bytes_out
        if seen != self._seen:
            self._seen, self._quiet_since = seen, now
        elif now - self._quiet_since > self._idle_s:
            self.end("idle")

    def end(self, reason: str) -> None:
        """Close both sides. What was written already still goes out."""
        if self._ended:
            return
        self._ended = True
        self._link.transport.close()
        self._client.close()
        self._client.tunnel_ended(reason)
