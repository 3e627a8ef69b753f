"""Kernel pipes for `splice`, pooled: a direction holds one only while there are bytes in it.

Moving bytes from socket to socket through a pipe never copies them into this process. Large pipes cost a third
less per byte than small ones, but a user without privileges may have 64 MiB of them, and after that gets pipes of
two pages. So the first few are large, which in the common case is all there ever are, and later ones smaller.
"""

import contextlib
import fcntl
import os

LARGE_BYTES = 1024 * 1024
_MIDDLE_BYTES = 256 * 1024
_LARGE = 32
_MIDDLE = 96
_POOLED = 128


class Pipe:
    """One pipe of `size` bytes: what goes in at `inlet` comes out at `outlet`."""

    __slots__ = ("inlet", "outlet", "size")

    def __init__(self, wish_bytes: int) -> None:
        self.outlet, self.inlet = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        if wish_bytes:
            with contextlib.suppress(OSError):  # EPERM above the user's limit
                fcntl.fcntl(self.inlet, fcntl.F_SETPIPE_SZ, wish_bytes)
        self.size = fcntl.fcntl(self.inlet, fcntl.F_GETPIPE_SZ)

    def close(self) -> None:
        """Close both ends; what was inside is gone."""
        os.close(self.inlet)
        os.close(self.outlet)


class Pipes:
    """The pool. The largest idle pipe is given out first."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []
        self._open = 0

    def acquire(self) -> Pipe:
        """Return an empty pipe. Raises OSError when there are no more files to be had."""
        if self._idle:
            return self._idle.pop()
        pipe = Pipe(LARGE_BYTES if self._open < _LARGE else _MIDDLE_BYTES if self._open < _MIDDLE else 0)
        self._open += 1
        return pipe

    def release(self, pipe: Pipe) -> None:
        """Put an empty pipe back."""
        if len(self._idle) >= _POOLED:
            self.drop(pipe)
        elif pipe.size < LARGE_BYTES:
            self._idle.insert(0, pipe)
        else:
            self._idle.append(pipe)

    def drop(self, pipe: Pipe) -> None:
        """Close a pipe that is not empty."""
        self._open -= 1
        pipe.close()

    def close(self) -> None:
        """Close the pipes that nobody uses."""
        while self._idle:
            self.drop(self._idle.pop())
