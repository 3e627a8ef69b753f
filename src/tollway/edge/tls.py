"""TLS on the client's side (RFC 8446): a socket that reads and writes plain bytes, so that nothing behind it differs.

`over_tls` puts TLS in front of any protocol: the handshake is done here, and the protocol gets a `TlsSocket` where it
would get the bare one. What a flow counts are the bytes within TLS, the same as without it; records, certificates
and handshakes are nobody's.

Ends are distinguished as in TCP: a close_notify or a FIN ends what the client says and it may still listen,
a reset means that it is gone. Our last word is a close_notify before the FIN, except where a connection is cut off.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from select import EPOLLIN, EPOLLRDHUP
from typing import Any, cast

from tollway.edge.gate import Gate
from tollway.edge.listener import OnClient
from tollway.edge.other_protocol import answer_in_kind
from tollway.edge.reactor import CHUNK_BYTES, ERROR, BufferedSocket, Reactor
from tollway.edge.relay import LingeringClose

_RECORD_BYTES = 16_384  # of plain text (RFC 8446, section 5.1)
_TLS_HANDSHAKE = b"\x16"


class NotTls(Exception):
    """The client speaks something else; its first bytes are the argument."""


class TlsSocket(BufferedSocket):
    """A connected non-blocking socket with TLS on it. Takes over what `plain` was.

    It behaves as the bare socket would: a read fills the buffer or has emptied what there was, a write that cannot
    go on raises BlockingIOError and is to be tried again with the same bytes. A record that the kernel took only a
    part of counts as not written until it took the rest, so of a client that vanishes in between up to one record
    (16 KiB) may have arrived uncounted.
    """

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, reactor: Reactor) -> None:
        super().__init__(plain.family, plain.type, plain.proto, plain.detach())
        self.setblocking(False)
        self._reactor = reactor
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._begun = False  # the client has begun a handshake
        self._unsent = b""  # encrypted, and not taken by the kernel
        self._early = b""  # decrypted before we said our last word, and not read yet
        self._written_ahead = 0  # of the bytes that the caller will write next, so many are in `_out` already
        self._short = False  # the last read of this call has emptied the kernel's buffer
        self._finished = False  # the client has sent a FIN: OpenSSL would take that for a fault
        self._ended = False  # the client has said its last word
        self._lost: OSError | None = None
        self._closing = False  # our last word is said

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is done.

        Raises OSError (ssl.SSLError is one) when it fails, and NotTls when the client does not begin one.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                try:
                    received = super().recv(CHUNK_BYTES)
                except BlockingIOError:
                    return False
                if not received:
                    raise ConnectionResetError("the client has gone") from None
                if not self._begun and not received.startswith(_TLS_HANDSHAKE):
                    raise NotTls(received) from None
                self._begun = True
                self._in.write(received)
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # the alert that says why
                raise
            else:
                self._flush()
                return True

    def send_unencrypted(self, data: bytes) -> None:
        """Say something to a client that does not speak TLS. Raises OSError."""
        super().send(data)

    # ── what the bare socket has, too ───────────────────────────────────────────────────────────────

    @property
    def has_input(self) -> bool:
        """Whether there is something to read of which the kernel does not know."""
        return bool(
            self._early or self._tls.pending() or self._in.pending or self._ended or self._lost is not None
        )

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:  # noqa: ARG002
        """Read into the buffer until it is full or there is no more for now; 0 is the end."""
        view = memoryview(buffer)[: nbytes or None]
        got, self._short = 0, False
        while got < len(view):
            size = self._read(view[got:], any_yet=got > 0)
            if not size:
                break
            got += size
        if got:
            if got < len(view) and (self._ended or self._lost is not None):
                self._reactor.notify(self, EPOLLIN | EPOLLRDHUP)
            return got
        if self._lost is not None:
            raise self._lost
        if self._ended:
            return 0
        raise BlockingIOError

    def recv(self, bufsize: int, flags: int = 0) -> bytes:  # noqa: ARG002
        """Read up to so many bytes; empty at the end."""
        buffer = bytearray(min(bufsize, CHUNK_BYTES))
        return bytes(buffer[: self.recv_into(buffer)])

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ARG002
        """Write what the kernel takes; return how many of these bytes that are."""
        view = memoryview(data)
        self._flush()
        sent = min(self._written_ahead, len(view))
        self._written_ahead -= sent
        while sent < len(view):
            piece = view[sent : sent + _RECORD_BYTES]
            self._tls.write(piece)
            try:
                self._flush()
            except BlockingIOError:
                self._written_ahead = len(piece)
                if sent:
                    return sent
                raise
            sent += len(piece)
        return sent

    def shutdown(self, how: int) -> None:
        """Say our last word: close_notify, and FIN. Raises OSError when the connection is broken."""
        if how != socket.SHUT_RD and not self._closing:
            self._closing = True
            self._keep_input()
            with contextlib.suppress(ssl.SSLError, OSError):
                self._tls.unwrap()
            with contextlib.suppress(BlockingIOError):
                self._flush()
        super().shutdown(how)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _read(self, view: memoryview, *, any_yet: bool) -> int:
        """Read once; 0 when there is no more for now, or for good (`_ended`, `_lost`)."""
        if self._early:
            size = min(len(view), len(self._early))
            view[:size], self._early = self._early[:size], self._early[size:]
            return size
        while not self._ended and self._lost is None:
            try:
                # With a buffer it is a count that comes back, whatever the stub says.
                size = cast("int", self._tls.read(len(view), view))
            except ssl.SSLWantReadError:
                if self._finished:
                    self._ended = True
                elif (any_yet and self._short) or not self._receive():
                    return 0
            except ssl.SSLZeroReturnError:
                self._ended = True
            except ssl.SSLError as error:
                self._lost = error
            else:
                if size:
                    return size
                self._ended = True
        return 0

    def _receive(self) -> bool:
        """Take what the kernel has; False when it has nothing."""
        try:
            received = super().recv(CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            self._lost = error
            return True
        self._short = len(received) < CHUNK_BYTES
        if received:
            self._in.write(received)
        else:
            self._finished = True
        with contextlib.suppress(OSError):
            self._flush()  # what TLS itself has to answer
        return True

    def _keep_input(self) -> None:
        """Decrypt what is here: after our close_notify OpenSSL takes what it finds unread for a fault."""
        pieces = [self._early]
        with contextlib.suppress(ssl.SSLError):
            while piece := self._tls.read(CHUNK_BYTES):
                pieces.append(piece)
            self._ended = True
        self._early = b"".join(pieces)

    def _flush(self) -> None:
        """Give the kernel what is encrypted. Raises BlockingIOError when it does not take all of it."""
        while self._unsent or self._out.pending:
            if not self._unsent:
                self._unsent = self._out.read()
            self._unsent = self._unsent[super().send(self._unsent) :]


class TlsHandshake:
    """A client that is not through its TLS handshake yet."""

    __slots__ = ("_gate", "_sock", "_then", "deadline")

    def __init__(
        self, gate: Gate, context: ssl.SSLContext, then: Callable[[TlsSocket], object], client: socket.socket
    ) -> None:
        self._gate, self._then = gate, then
        self._sock = TlsSocket(client, context, gate.reactor)
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        gate.reactor.watch(self._sock, self)
        gate.reactor.add_deadline(self)
        self._go_on()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The client has said something, or is gone."""
        if mask & ERROR:
            self.expired()
        else:
            self._go_on()

    def expired(self) -> None:
        """End it: the client was too slow, or does not agree."""
        self._gate.reactor.remove_deadline(self)
        self._gate.reactor.close(self._sock)

    failed = expired

    def _go_on(self) -> None:
        reactor = self._gate.reactor
        try:
            if not self._sock.handshake():
                return
        except NotTls as other:
            reactor.remove_deadline(self)
            with contextlib.suppress(OSError):
                self._sock.send_unencrypted(answer_in_kind(other.args[0], "This port speaks TLS: https://"))
            LingeringClose(self._gate, self._sock)
            return
        except OSError:
            self.expired()
            return
        reactor.remove_deadline(self)
        reactor.forget(self._sock)
        self._then(self._sock)


def over_tls(offer: Callable[[Gate], OnClient]) -> Callable[[Gate], OnClient]:
    """Return what offers a protocol within TLS, with the certificate of the edge."""

    def offer_over_tls(gate: Gate) -> OnClient:
        assert gate.certificate is not None, "this protocol is not served without a certificate"
        context, on_client = gate.certificate.context, offer(gate)

        def accept(client: socket.socket, client_address: str) -> None:
            TlsHandshake(gate, context, lambda sock: on_client(sock, client_address), client)

        return accept

    return offer_over_tls
