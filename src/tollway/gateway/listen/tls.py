"""TLS on a client's connection (RFC 8446), in which either side may end what it says and go on listening.

asyncio's own TLS closes the connection as soon as the client has said its last word, and with it the response that the
client waits for. `TlsConnection` is the protocol of the bare connection and the transport of what is spoken within
TLS. That protocol has its connection from the start, so a client counts and meets its deadline while it shakes hands.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import Any, cast

_READ_BYTES = 65_536
_TLS_HANDSHAKE = b"\x16"
_log = logging.getLogger(__name__)


class TlsConnection(asyncio.Transport, asyncio.Protocol):
    """One connection of a server, with TLS, for a `protocol`.

    A client whose first bytes are no handshake is answered with what `not_tls` makes of them, without TLS.
    """

    def __init__(
        self, context: ssl.SSLContext, protocol: asyncio.Protocol, not_tls: Callable[[bytes], bytes]
    ) -> None:
        super().__init__()
        self._protocol = protocol
        self._not_tls = not_tls
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._bare: asyncio.Transport
        self._begun = False  # the client has begun a handshake
        self._agreed = False  # the handshake is done
        self._unsent: list[bytes] = []  # written before it was done
        self._last_step: Callable[[], None] | None = None  # what follows our last word
        self._reading = True
        self._finished = False  # the client has sent a FIN
        self._client_ended = False  # that, or a close_notify, was delivered

    # ── the bare connection's protocol ──────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._bare = cast("asyncio.Transport", transport)
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Decrypt; what comes after our last word is of no interest."""
        if self._last_step is not None and not self._unsent:
            return
        if not self._begun and not data.startswith(_TLS_HANDSHAKE):
            self._answer_without_tls(data)
            return
        self._begun = True
        self._in.write(data)
        if self._agreed or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """Take a FIN for what a close_notify says: requests have a length, so none is taken for more than it is."""
        self._finished = True
        if self._last_step is not None or not self._agreed:
            self._bare.close()
        else:
            self._read()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._protocol.resume_writing()

    # ── the transport within TLS ────────────────────────────────────────────────────────────────────

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._last_step is not None or not data:
            return
        if not self._agreed:
            self._unsent.append(bytes(data))
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._fail(error)
        else:
            self._flush()

    def can_write_eof(self) -> bool:
        """Return True: a close_notify, then a FIN."""
        return True

    def write_eof(self) -> None:
        """Say our last word, and go on listening."""
        self._end_with(self._bare.write_eof)

    def close(self) -> None:
        """Say our last word, and close when it has gone out."""
        self._end_with(self._bare.close)

    def abort(self) -> None:
        """Close at once, without a last word."""
        self._bare.abort()

    def is_closing(self) -> bool:
        """Return whether the connection closes or has closed."""
        return self._bare.is_closing()

    def pause_reading(self) -> None:
        """Deliver no more, and let the client wait."""
        self._reading = False
        self._bare.pause_reading()

    def resume_reading(self) -> None:
        """Deliver again, beginning with what is here."""
        self._reading = True
        self._bare.resume_reading()
        if self._agreed and (self._in.pending or self._tls.pending() or self._finished):
            asyncio.get_running_loop().call_soon(self._read)

    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes the kernel has not taken."""
        return self._bare.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the bare connection."""
        return self._bare.get_extra_info(name, default)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._fail(error)
            return False
        self._agreed = True
        self._flush()
        then, self._last_step = self._last_step, None
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.write(data)
        if then is not None:
            self._end_with(then)
        return then is None

    def _read(self) -> None:
        while self._reading and not self._client_ended and self._last_step is None and not self.is_closing():
            try:
                data = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                if not self._finished:
                    break
                data = b""
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError as error:
                self._fail(error)
                return
            if data:
                self._protocol.data_received(data)
            else:
                self._client_ended = True
                if not self._protocol.eof_received():
                    self.close()
        if self._last_step is None:
            self._flush()  # what TLS itself has to answer

    def _end_with(self, step: Callable[[], None]) -> None:
        """Send a close_notify, unless that was done, and then this."""
        if not self._agreed and self._unsent:
            self._last_step = step  # when the client can read what was written
            return
        if self._agreed and self._last_step is None:
            with contextlib.suppress(ssl.SSLError):
                while self._tls.read(_READ_BYTES):  # OpenSSL takes what it finds unread for a fault
                    pass
            with contextlib.suppress(ssl.SSLError):  # it wants to read the client's own, which need not come
                self._tls.unwrap()
            self._flush()
        self._last_step = step
        step()

    def _fail(self, error: ssl.SSLError) -> None:
        """Close after the alert that says why."""
        _log.debug("a client's TLS failed: %s", error)
        self._flush()
        self._last_step = self._bare.close
        self._bare.close()

    def _answer_without_tls(self, data: bytes) -> None:
        self._begun = True
        self._bare.write(self._not_tls(data))
        self._last_step = self._bare.close
        self._bare.close()

    def _flush(self) -> None:
        if self._out.pending and not self._bare.is_closing():
            self._bare.write(self._out.read())
