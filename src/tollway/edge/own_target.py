"""The node's own target of connection tests: it answers every request with the address that it comes from.

It listens on loopback and is reached through the proxy by a name that stands for it on every node, so a test needs no
other site. There is nothing else behind it: who asks for it outside of a test gets the same answer.
"""

import contextlib
import json
import socket

from tollway.edge.gate import Gate
from tollway.edge.listener import Listener
from tollway.edge.reactor import Reactor

HOST, PORT = "connection-test.internal", 80
_ADDRESS = "127.0.0.1"
_READ_BYTES = 16_384


class OwnTarget:
    """Listens while the node does."""

    def __init__(self, reactor: Reactor) -> None:
        self._listener = Listener(reactor, answer)

    def start(self, gate: Gate) -> None:
        """Answer from now on, and let the exits know where. Raises ListenError."""
        self._listener.bind(_ADDRESS, 0, share_port=False)
        self._listener.listen()
        gate.offer(HOST, PORT, _ADDRESS, self._listener.port)

    def stop(self) -> None:
        """Answer no more."""
        self._listener.stop()


def answer(client: socket.socket, client_address: str) -> None:
    """Answer a client that has said something, and close."""
    body = json.dumps({"address": client_address.rpartition(":")[0]}).encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with client, contextlib.suppress(OSError):
        client.recv(_READ_BYTES)
        client.send(head.encode() + body)
