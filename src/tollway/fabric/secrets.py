"""One master secret per installation, the keys derived from it, and the encryption of secrets at rest.

On one machine the master secret is a file only the owner can read, made on first start. Where several machines run
one installation it is given to all of them (`security.master_key`). No key is ever derived for two purposes.
"""

import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


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


class SealBroken(ValueError):
    """A sealed secret cannot be opened; the text is one line that says why."""


class Sealer:
    """Encrypts and authenticates secrets at rest: AES-256-GCM (NIST SP 800-38D) with a random nonce for each.

    A sealed secret is the key's id, the nonce, and the ciphertext with its tag. The key's id distinguishes a secret of
    another key from a damaged one. `context` says what the secret belongs to, such as a row's id: it is the
    associated data, so a secret that was moved to another row does not open.
    """

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_BYTES, f"a sealing key has {KEY_BYTES} bytes"
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"tollway sealing key id:" + key).digest()[:_KEY_ID_BYTES]

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return a secret sealed for storage."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._key_id + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed with the same context. Raises SealBroken."""
        key_id, rest = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES:]
        if key_id != self._key_id:
            raise SealBroken("it was sealed with another key; put the old master secret back")
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("it is damaged, or belongs to something else") from None


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
