"""Listeners: accept clients and hand each to a protocol."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from tollway.edge.reactor import Reactor

_ACCEPTS = 64
_PAUSE_S = 0.5
_BACKLOG = 4096
_DEFER_S = 5
_READ_BYTES = 65_536
_NO_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = logging.getLogger(__name__)

OnClient = Callable[[socket.socket, str], object]


class ListenError(Exception):
    """An address cannot be listened on; the text says which and what to do."""


class Listener:
    """Listens on one address and calls `on_client(client socket, client address)` for every client.

    When the process has no file left, clients wait half a second for one. Those for whom there still is none are sent
    `overloaded`, the protocol's words for that, and closed; a file is kept in reserve to do it with.
    """

    def __init__(self, reactor: Reactor, on_client: OnClient, overloaded: bytes = b"") -> None:
        self._reactor, self._on_client, self._overloaded = reactor, on_client, overloaded
        self._sock: socket.socket | None = None
        self._family = socket.AF_INET
        self._reserve = -1
        self._paused = False
        self.port = 0

    def bind(self, host: str, port: int, *, share_port: bool, server_speaks_first: bool = False) -> None:
        """Take the address; `share_port` lets other workers take it, too. Raises ListenError.

        Clients are sent here only after `listen`. Where they speak first, one is accepted when it has said something,
        or after some seconds.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            sock.close()
            raise ListenError(
                f"cannot listen on {host}:{port} ({error.strerror}); choose another port or stop what uses it"
            ) from error
        # Accepted sockets inherit this one.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not server_speaks_first:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_S)
        sock.setblocking(False)
        self._sock, self._family = sock, family
        self.port = sock.getsockname()[1]
        self._keep_reserve()

    def listen(self) -> None:
        """Let clients come. Raises ListenError when somebody else listens there since `bind`."""
        assert self._sock is not None, "bind comes first"
        try:
            self._sock.listen(_BACKLOG)
        except OSError as error:
            raise ListenError(f"cannot listen on port {self.port} ({error.strerror})") from error
        self._reactor.watch(self._sock, self)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to this listener as a client of it; nothing else can be reached this way. Raises OSError."""
        assert self._sock is not None, "bind comes first"
        host, port, *_ = self._sock.getsockname()
        if ip_address(host).is_unspecified:
            host = "::1" if self._family == socket.AF_INET6 else "127.0.0.1"
        client = socket.socket(self._family, socket.SOCK_STREAM)
        client.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(client, (host, port))
        except BaseException:
            client.close()
            raise
        return await asyncio.open_connection(sock=client)

    def stop(self) -> None:
        """Accept nobody any more."""
        if self._sock is not None:
            self._reactor.close(self._sock)
            self._sock = None
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """Clients are waiting."""
        if not self._paused:
            self._accept()

    def failed(self) -> None:
        """Go on with the next client: a bug in one handshake is no reason to accept nobody."""
        self._reactor.call_soon(self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            if self._sock is None:
                return
            try:
                client, address = self._next_client(self._sock)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    _log.error("cannot accept clients: %s; raise the limit of open files", error.strerror)
                    self._pause()
                    return
                continue  # this client was gone before we looked
            self._on_client(client, address)
        self._reactor.call_soon(self._accept)

    def _next_client(self, sock: socket.socket) -> tuple[socket.socket, str]:
        # What `accept` does, without working out anew what kind of socket it is.
        accepting: Any = sock
        fd, address = accepting._accept()  # noqa: SLF001
        client = socket.socket(self._family, socket.SOCK_STREAM, 0, fd)
        client.setblocking(False)
        return client, f"{address[0]}:{address[1]}"

    # ── without a file ──────────────────────────────────────────────────────────────────────────────

    def _pause(self) -> None:
        """Let the backlog hold them meanwhile: asking at once would only spin."""
        self._paused = True
        self._reactor.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        """Accept again; send those away for whom there still is no file."""
        self._paused = False
        if self._reserve < 0:
            self._keep_reserve()
        try:
            os.close(os.dup(self._reserve))
        except OSError:
            self._send_away()
            self._pause()
        else:
            self._accept()

    def _send_away(self) -> None:
        """Answer and close whoever waits, one after the other, with the file in reserve."""
        for _ in range(_BACKLOG):
            if self._sock is None or self._reserve < 0:
                return
            os.close(self._reserve)
            self._reserve = -1
            try:
                client, _ = self._next_client(self._sock)
                with client:
                    client.recv(_READ_BYTES)  # unread bytes would make the kernel send a reset
                    client.send(self._overloaded)
            except BlockingIOError:
                return  # nobody waits any more, or this one has said nothing yet
            except OSError:
                continue  # this client was gone before we looked
            finally:
                self._keep_reserve()

    def _keep_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
