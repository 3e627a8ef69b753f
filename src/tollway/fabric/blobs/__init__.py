"""The blobs port: bytes kept whole under a key.

Backend: `folder` keeps each as a file. What `put` has kept survives a crash and a power cut; a reader sees the old
bytes or the new ones, never a part. Keys are paths of lower-case segments: `inbox/eml_01k9….eml`.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from tollway.kit.errors import Problem

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
MAX_KEY_LENGTH = 255


class BlobNotFound(Problem):
    """Nothing is kept under this key."""

    code, status, title = "blob_not_found", 404, "Blob not found"


class Blobs(Protocol):
    """A store of blobs. Every method raises Unavailable when the store cannot be used now."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep `data` under a key, in place of what was there."""
        ...

    async def read(self, key: str) -> bytes:
        """Return what is kept under a key. Raises BlobNotFound."""
        ...

    async def delete(self, key: str) -> None:
        """Remove what is kept under a key; harmless when there is nothing."""
        ...

    async def keys(self, prefix: str) -> Sequence[str]:
        """Return the keys below a prefix, such as `inbox/`, in order."""
        ...


def check_key(key: str) -> str:
    """Return the key. An assertion fails for one that is not well formed: keys are made by code, never by clients."""
    assert len(key) <= MAX_KEY_LENGTH, f"the key of a blob is at most {MAX_KEY_LENGTH} characters: {key!r}"
    assert _KEY.fullmatch(key), f"not the key of a blob: {key!r}"
    return key
