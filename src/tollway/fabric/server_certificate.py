"""The certificate of a listener that speaks TLS: read at the start, and again when its files change."""

import logging
import ssl
from pathlib import Path

_LOOK_EVERY_S = 10.0
_log = logging.getLogger(__name__)


class ServerCertificate:
    """A chain and its key in PEM files. What comes later serves new connections; those that are open keep theirs.

    `setting` is what an operator calls it, for messages.
    """

    def __init__(self, setting: str, chain: str, key: str) -> None:
        self._setting, self._chain, self._key = setting, chain, key or chain
        self.context = _context()
        """What new connections are served with; always the same object."""
        self._seen = self._stamp()
        self._next_look = 0.0

    def load(self) -> ssl.SSLContext:
        """Read the files. Raises OSError with advice when they cannot be used."""
        self._seen = self._stamp()
        try:
            self.context.load_cert_chain(self._chain, self._key)
        except (OSError, ssl.SSLError) as error:
            raise OSError(
                f"cannot use {self._setting} {self._chain}: {error}; it must be PEM with its key"
            ) from error
        return self.context

    def tick(self, now: float) -> None:
        """Read the files again when they have changed; the old certificate serves on while the new one is unusable."""
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_S
        if self._stamp() != self._seen:
            self.reload()

    def reload(self) -> None:
        """Read the files again, and log what came of it."""
        # Tried apart first: a chain without its key must not take the place of one that works.
        stamp, trial = self._stamp(), _context()
        try:
            trial.load_cert_chain(self._chain, self._key)
            self.context.load_cert_chain(self._chain, self._key)
        except (OSError, ssl.SSLError) as error:
            _log.error("%s %s cannot be used: %s; the old one serves on", self._setting, self._chain, error)
        else:
            _log.info("%s %s was read again", self._setting, self._chain)
        self._seen = stamp

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file does, or is replaced by another."""
        found: list[tuple[int, int, int]] = []
        for path in (Path(self._chain), Path(self._key)):
            try:
                stat = path.stat()
            except OSError:  # it is being replaced
                found.append((0, 0, 0))
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context
