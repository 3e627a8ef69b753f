"""Listeners: accept clients and hand each to a protocol."""

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from tollway.edge.reactor import Reactor

_ACCEPTS = 64
_PAUSE_S = 0.5
_BACKLOG = 4096
_DEFER_S = 5
_NO_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = logging.getLogger(__name__)

OnClient = Callable[[socket.socket, str], object]


class ListenError(Exception):
    """An address cannot be listened on; the text says which and what to do."""


class Listener:
    """Listens on one address and calls `on_client(client socket, client address)` for every client."""

    def __init__(self, reactor: Reactor, on_client: OnClient) -> None:
        self._reactor, self._on_client = reactor, on_client
        self._sock: socket.socket | None = None
        self._family = socket.AF_INET
        self.port = 0

    def start(self, host: str, port: int, *, share_port: bool, server_speaks_first: bool = False) -> None:
        """Begin to listen; `share_port` lets other workers listen beside. Raises ListenError.

        Where clients speak first, one is accepted when it has said something, or after some seconds.
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
        sock.listen(_BACKLOG)
        sock.setblocking(False)
        self._sock, self._family = sock, family
        self.port = sock.getsockname()[1]
        self._reactor.watch(sock, self)

    def stop(self) -> None:
        """Accept nobody any more."""
        if self._sock is not None:
            self._reactor.close(self._sock)
            self._sock = None

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """Clients are waiting."""
        self._accept()

    def failed(self) -> None:
        """Go on with the next client: a bug in one handshake is no reason to accept nobody."""
        self._reactor.call_soon(self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            if self._sock is None:
                return
            try:
                # What `accept` does, without working out anew what kind of socket it is.
                accepting: Any = self._sock
                fd, address = accepting._accept()  # noqa: SLF001
                client = socket.socket(self._family, socket.SOCK_STREAM, 0, fd)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    # The backlog holds them meanwhile; asking at once would only spin.
                    _log.error("cannot accept clients: %s; raise the limit of open files", error.strerror)
                    self._reactor.call_later(_PAUSE_S, self._accept)
                    return
                continue  # this client was gone before we looked
            client.setblocking(False)
            self._on_client(client, f"{address[0]}:{address[1]}")
        self._reactor.call_soon(self._accept)
