"""What the kernel took for a client and has not sent yet: the client does not have it, so nobody pays for it.

The kernel takes bytes faster than a client does, up to some megabytes, and they are counted when it takes them. But
a report contains only what was sent, and when the connection breaks the flow takes back the rest before it ends. So
an aborted download costs exactly what was sent.

In whose favour it falls
- Bytes that were sent and not acknowledged stay charged, in ours: they may have arrived, and who could get them
  back by withholding acknowledgements would do so. They are at most what the client's receive window holds.
- When the edge is killed, what was unsent at that moment stays counted; the kernel goes on to deliver it.
- Bytes of a connection that we close are delivered by the kernel afterwards, and stay charged.
"""

import fcntl
import socket
import struct

_SIOCOUTQNSD = 0x894B  # Linux, sockios.h: bytes in the send queue that were not sent even once
_SIOCOUTQ = 0x5411  # the same header: bytes in the send queue that were not acknowledged
_CLOSED = 7  # Linux, tcp_states.h: the connection broke, or was reset


def unsent_bytes(sock: socket.socket) -> int:
    """Return how many bytes the kernel holds for this TCP connection and has not sent even once."""
    return _queued(sock, _SIOCOUTQNSD)


def unacknowledged_bytes(sock: socket.socket) -> int:
    """Return how many bytes the kernel holds for this TCP connection because their arrival was not confirmed."""
    return _queued(sock, _SIOCOUTQ)


def _queued(sock: socket.socket, which: int) -> int:
    try:
        return max(0, struct.unpack("i", fcntl.ioctl(sock, which, bytes(4)))[0])
    except OSError:
        return 0


def is_broken(sock: socket.socket) -> bool:
    """Return whether a TCP connection can deliver nothing any more."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED
    except OSError:
        return True
