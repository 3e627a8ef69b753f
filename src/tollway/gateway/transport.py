"""What the two kinds of connection share: writing, and pausing the peer."""

import asyncio
from typing import cast


class PausableProtocol(asyncio.Protocol):
    """A connection that can stop reading for now, which makes its peer wait (TCP flow control)."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.reading_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone (its loss is reported separately)."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def write_eof(self) -> None:
        """Send no more, where the transport can say so."""
        if not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()

    def pause_reading(self) -> None:
        """Let the peer wait."""
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self.reading_paused:
            self.reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
