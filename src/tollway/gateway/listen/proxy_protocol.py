"""Reads the header of the PROXY protocol from an accepted socket, before a transport is made of it."""

import asyncio
import socket

from tollway.wire import proxy_protocol
from tollway.wire.proxy_protocol import NotProxied, missing_bytes

__all__ = ["NotProxied", "read_source"]


async def read_source(sock: socket.socket) -> str:
    """Take the header and return the address of the client; empty when the balancer speaks for itself.

    Raises NotProxied, and OSError when the connection ends.
    """
    loop = asyncio.get_running_loop()
    header = b""
    while size := missing_bytes(header):
        piece = await loop.sock_recv(sock, size)
        if not piece:
            raise ConnectionResetError("the connection ended within the PROXY header")
        header += piece
    return proxy_protocol.read_source(header).address
