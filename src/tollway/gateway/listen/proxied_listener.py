"""A listener whose connections come through a balancer that speaks the PROXY protocol."""

import asyncio
import logging
import socket
from collections.abc import Callable

from tollway.gateway.listen.proxy_protocol import NotProxied, read_source
from tollway.kit import tasks

_log = logging.getLogger(__name__)
_ACCEPT_PAUSE_S = 0.1  # when there is no descriptor left


def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """Open a socket that listens. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=backlog)
    sock.setblocking(False)
    return sock


class ProxiedListener:
    """Accepts connections. One from a trusted proxy first says whose it is; any other speaks for itself.

    `protocol` is made with the client's address.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[str], asyncio.Protocol],
        is_trusted: Callable[[str], bool],
        header_timeout_s: float,
    ) -> None:
        self.sockets = (sock,)
        self._protocol = protocol
        self._is_trusted = is_trusted
        self._header_timeout_s = header_timeout_s
        self._beginning: set[asyncio.Task[None]] = set()
        self._accepting = tasks.spawn(self._accept(sock), "gateway: accept")

    def close(self) -> None:
        """Accept no more, and end the connections that have not said whose they are."""
        for task in (self._accepting, *self._beginning):
            task.cancel()
        for sock in self.sockets:
            sock.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except OSError as error:
                _log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            task = tasks.spawn(self._begin(sock, str(address[0])), "gateway: begin a connection")
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, sock: socket.socket, peer: str) -> None:
        loop = asyncio.get_running_loop()
        began = False
        try:
            if self._is_trusted(peer):
                async with asyncio.timeout(self._header_timeout_s):
                    peer = await read_source(sock) or peer
            began = True  # from here on the socket belongs to the transport
            await loop.connect_accepted_socket(lambda: self._protocol(peer), sock)
        except NotProxied as error:
            _log.warning("a connection from %s was closed: %s", peer, error)
        except OSError as error:  # it ended, or took too long; TimeoutError is one
            _log.debug("a connection from %s did not begin: %s", peer, error)
        finally:
            if not began:
                sock.close()
