"""Blobs as files of a folder."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tollway.fabric.blobs import BlobNotFound, check_key
from tollway.kit.errors import Unavailable
from tollway.kit.ids import new_id

Result = TypeVar("Result")
# A file that is being written; no key ends so, because no key holds a capital letter.
_UNFINISHED = ".PART"


class FolderBlobs:
    """Keeps each blob as a file below `folder`, which is made when it is first needed, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, data: bytes) -> None:
        """Keep `data` under a key, in place of what was there."""
        await self._in_thread(lambda: self._put(self._path(key), data))

    async def read(self, key: str) -> bytes:
        """Return what is kept under a key. Raises BlobNotFound."""
        try:
            return await self._in_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            raise BlobNotFound(f"nothing is kept under {key}") from None

    async def delete(self, key: str) -> None:
        """Remove what is kept under a key; harmless when there is nothing."""
        await self._in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def keys(self, prefix: str) -> Sequence[str]:
        """Return the keys below a prefix, in order."""
        return await self._in_thread(lambda: self._keys(prefix))

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _put(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{new_id('tmp')}{_UNFINISHED}")
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        # The name is on the disk only when its folder is.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _keys(self, prefix: str) -> list[str]:
        paths = (path for path in self._folder.rglob("*") if path.is_file() and path.suffix != _UNFINISHED)
        return sorted(
            key for path in paths if (key := path.relative_to(self._folder).as_posix()).startswith(prefix)
        )

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(work)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"the folder {self._folder} cannot be used: {error.strerror}") from error
