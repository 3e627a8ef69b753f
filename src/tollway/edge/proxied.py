"""Clients that come through a balancer: it says whose connection it is by a PROXY header, before everything else."""

import logging
import socket
from collections.abc import Callable

from tollway.edge.gate import Gate
from tollway.edge.listener import OnClient
from tollway.edge.reactor import ERROR
from tollway.wire.proxy_protocol import NotProxied, missing_bytes, read_source

_log = logging.getLogger(__name__)


class ProxyHeader:
    """A connection of a trusted balancer, until its header is read. What follows the header is not touched."""

    __slots__ = ("_gate", "_header", "_peer", "_sock", "_then", "deadline")

    def __init__(self, gate: Gate, then: OnClient, sock: socket.socket, peer: str) -> None:
        self._gate, self._then, self._sock, self._peer = gate, then, sock, peer
        self._header = b""
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        gate.reactor.watch(sock, self)
        gate.reactor.add_deadline(self)
        self._read()

    def ready(self, fd: int, mask: int) -> None:  # noqa: ARG002
        """The balancer has said something, or is gone."""
        if mask & ERROR:
            self.expired()
        else:
            self._read()

    def expired(self) -> None:
        """Close it: it is too slow, gone, or does not do what was agreed."""
        self._gate.reactor.remove_deadline(self)
        self._gate.reactor.close(self._sock)

    failed = expired

    def _read(self) -> None:
        try:
            while size := missing_bytes(self._header):
                piece = self._sock.recv(size)
                if not piece:
                    self.expired()
                    return
                self._header += piece
            source = read_source(self._header)
        except BlockingIOError:
            return
        except OSError:
            self.expired()
            return
        except NotProxied as error:
            _log.warning("a connection from %s was closed: %s", self._peer, error)
            self.expired()
            return
        self._gate.reactor.remove_deadline(self)
        self._gate.reactor.forget(self._sock)
        self._then(self._sock, f"{source.address}:{source.port}" if source.address else self._peer)


def behind_balancers(offer: Callable[[Gate], OnClient]) -> Callable[[Gate], OnClient]:
    """Return what offers a protocol to clients whose balancers, if the settings name some, say who they are."""

    def offer_behind(gate: Gate) -> OnClient:
        on_client = offer(gate)
        if not gate.settings.proxy_protocol:
            return on_client

        def accept(client: socket.socket, client_address: str) -> None:
            if gate.sources.is_balancer(client_address):
                ProxyHeader(gate, on_client, client, client_address)
            else:
                on_client(client, client_address)

        return accept

    return offer_behind
