"""One master secret per installation, and the keys derived from it.

On one machine it is a file only the owner can read, made on first start. Where several machines run one
installation it is given to all of them (`security.master_key`). No key is ever derived for two purposes.
"""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class SecretUnusable(ValueError):
    """The master secret cannot be used; the text is one line that says what to do."""


class Secrets:
    """Derives a key per purpose (HKDF, RFC 5869)."""

    def __init__(self, master: bytes) -> None:
        if len(master) < KEY_BYTES:
            raise SecretUnusable(
                f"security.master_key must be at least {KEY_BYTES} bytes ({2 * KEY_BYTES} hex digits)"
            )
        self._master = master

    def key(self, purpose: str) -> bytes:
        """Return the 32-byte key of one purpose, such as `tokens.signing`."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(self._master)


def load_or_make(path: Path, configured_hex: str) -> Secrets:
    """Use the configured master secret, else the file's, else make the file. Raises SecretUnusable, OSError."""
    if configured_hex:
        return Secrets(_from_hex(configured_hex))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Two processes may start at once: the first link wins, both read the same secret.
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    master = path.read_bytes()
    if len(master) < KEY_BYTES:
        raise SecretUnusable(f"{path} is damaged, it holds {len(master)} bytes; put it back from a copy")
    return Secrets(master)


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SecretUnusable(f"security.master_key must be {2 * KEY_BYTES} hex digits or more") from None
