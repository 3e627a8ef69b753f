"""One JSON line for every request, in the shape of the other log lines, written many at a time.

While a request is served only a tuple is kept; the lines are made and written a few times a second. A query
string may carry a secret (a link from a mail, say), so only the path is written.
"""

import sys
from pathlib import Path
from typing import NamedTuple, TextIO

import orjson

from tollway.gateway.request import Request
from tollway.kit.times import SECOND_US, to_rfc3339


class Entry(NamedTuple):
    """What is known about a request that has ended."""

    at_us: int
    method: bytes
    path: bytes
    status: int
    route: str
    user_id: str
    ip: str
    agent: bytes
    duration_us: int
    upstream_us: int  # until the head of the upstream's answer; 0 when none was asked
    bytes_in: int
    bytes_out: int
    correlation_id: bytes
    reason: str  # the code of a refusal made here, or why it was cut short


class AccessLog:
    """Collects entries and writes them to `stderr`, to a file, or nowhere (`off`)."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._entries: list[Entry] = []
        self._file: TextIO | None = None
        self._second = -1
        self._second_text = ""
        self.enabled = target != "off"

    def open(self) -> None:
        """Open the file. Raises OSError when that is not possible."""
        if self.enabled and self._target != "stderr":
            self._file = Path(self._target).open("a", encoding="utf-8")  # noqa: SIM115  closed by close()

    def add(self, request: Request, took_s: float, at_us: int) -> None:
        """Keep what is known about a request that has ended; a few times a second it is written."""
        verdict = request.verdict
        self._entries.append(
            Entry(
                at_us,
                request.head.method,
                request.path,
                request.status,
                request.plan.route.name,
                verdict.user_id if verdict is not None else "",
                request.peer.ip,
                request.agent,
                int(took_s * SECOND_US),
                int(request.upstream_s * SECOND_US),
                request.bytes_in,
                request.bytes_out,
                request.correlation_id,
                request.reason,
            )
        )

    def flush(self) -> None:
        """Write what was kept."""
        if not self._entries:
            return
        entries, self._entries = self._entries, []
        file = self._file or sys.stderr
        file.write(b"".join(map(self._line, entries)).decode())
        file.flush()

    def close(self) -> None:
        """Write the rest and close."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _line(self, entry: Entry) -> bytes:
        """Render one entry. Whatever a client sent is escaped, so nobody can forge a line."""
        second, fraction_us = divmod(entry.at_us, SECOND_US)
        if second != self._second:  # many entries share one, and rendering it costs as much as the rest
            self._second, self._second_text = second, to_rfc3339(second * SECOND_US)[:19]
        return orjson.dumps(
            {
                "timestamp": f"{self._second_text}.{fraction_us:06d}Z",
                "level": "info",
                "logger": "tollway.gateway.access",
                "event": "request",
                "method": entry.method.decode(),
                "path": entry.path.decode("latin-1"),
                "status": entry.status,
                "route": entry.route,
                "user_id": entry.user_id,
                "ip": entry.ip,
                "agent": entry.agent.decode("latin-1"),
                "duration_ms": entry.duration_us / 1_000,
                "upstream_ms": entry.upstream_us / 1_000,
                "bytes_in": entry.bytes_in,
                "bytes_out": entry.bytes_out,
                "correlation_id": entry.correlation_id.decode(),
                "reason": entry.reason,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
