"""Kernel pipes for `splice`, pooled: a direction holds one only while there are bytes in it.

Moving bytes from socket to socket through a pipe never copies them into this process. The wished size is
256 KiB; an unprivileged process may have only so many large ones, and then works with smaller ones.
"""

import contextlib
import fcntl
import os

PIPE_BYTES = 256 * 1024
_POOLED = 128


class Pipe:
    """One pipe: bytes go in at `inlet` and come out at `outlet`."""

    __slots__ = ("inlet", "outlet")

    def __init__(self) -> None:
        self.outlet, self.inlet = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # EPERM above the user's limit
            fcntl.fcntl(self.inlet, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def close(self) -> None:
        """Close both ends; what was inside is gone."""
        os.close(self.inlet)
        os.close(self.outlet)


class Pipes:
    """The pool."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []

    def take(self) -> Pipe:
        """Return an empty pipe. Raises OSError when there are no more files to be had."""
        return self._idle.pop() if self._idle else Pipe()

    def give(self, pipe: Pipe) -> None:
        """Put an empty pipe back."""
        if len(self._idle) < _POOLED:
            self._idle.append(pipe)
        else:
            pipe.close()

    def close(self) -> None:
        """Close the pipes that nobody uses."""
        while self._idle:
            self._idle.pop().close()
