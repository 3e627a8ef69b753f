"""Heads of the ledger and of the audit trail, noted in a second place.

A chain of hashes can not show that its end was cut off, or that all of it is an older copy. A head that was noted
where somebody with power over the databases has none does: it must still be in the chain. So the services that keep
a chain note its newest head in a folder outside the data, and whoever verifies looks there.

A note is replaced only by one that goes on from it; the services see to that before they write.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from tollway.kit.times import to_rfc3339


class HeadNoteUnusable(Exception):
    """A note can not be read; the text is one line that says what to do."""


class HeadNote(NamedTuple):
    """The newest head of a chain: its number, its hash (hex), the public key it is signed with (hex), and when."""

    number: int
    hash: str
    signer: str
    at_us: int


class HeadNotes:
    """The notes in a folder, one file for each chain. Without a folder nothing is noted."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self, chain: str) -> HeadNote | None:
        """Return the newest head that was noted, if one was. Raises HeadNoteUnusable."""
        if self.folder is None:
            return None
        path = self._path(chain)
        try:
            noted = json.loads(path.read_text())
            return HeadNote(
                int(noted["number"]), str(noted["hash"]), str(noted["signer"]), int(noted["at_us"])
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise HeadNoteUnusable(
                f"{path} can not be read ({error}); put it back from a copy, or remove it to note heads anew"
            ) from error

    def write(self, chain: str, note: HeadNote) -> None:
        """Note a head in the place of the one before. Raises OSError."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(chain)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({**note._asdict(), "at": to_rfc3339(note.at_us)}) + "\n")
        fresh.replace(path)

    def _path(self, chain: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{chain}.json"
