"""The meter file: a memory-mapped file of counters, so that `kill -9` of the edge loses no usage.

The file has a header and slots of 512 bytes. A slot belongs to a flow (who, where to, how many bytes each
way) or to a lease (how much was granted). Counters are 64-bit words written through a shared mapping: what
was written is the kernel's from that instant and outlives the process. Growing maps another segment and
never moves one, so a flow keeps its words for life.

What can be missing
- Bytes to the client are counted before the system call that sends them and corrected right after it, so a kill
  hides none of them. In the one call that a process is in when it is killed the client may have been sent less than
  was offered (at most a pipe, 1 MiB); what the kernel had taken and not sent is counted likewise. No report is made
  between the two, so without a kill only what moved is ever counted.
- Bytes from the client are counted right after the call that read them. A kill in between hides what that one call
  read (at most a pipe, 1 MiB), which never reached its target.
- A power cut loses what changed since the last `sync`, by default a second.

Reports to the access service are cumulative. Before one is sent its figures are written into the slots
(`pending`), after the acknowledgement they become `settled`. So after a kill the new process repeats
exactly the report that may or may not have arrived, and continues from there.
"""

import contextlib
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

SLOT_BYTES = 512
_WORDS = SLOT_BYTES // 8
_FIRST_SLOTS = 1024
_MAGIC = b"TOLLWAY METER 01"
_HEADER = struct.Struct("16s Q")  # magic, the last moment the process was alive (µs)

# The words of a slot. A lease uses GRANTED for input and SETTLED_IN, PROMISED_IN for what was reported on it.
STATE, INPUT, OUTPUT, SETTLED_IN, SETTLED_OUT, PENDING_IN, PENDING_OUT = range(7)
SEQUENCE, REQUESTS, STARTED_US, LASTED_US, CAUSE, CHECKSUM = range(7, 13)
GRANTED = INPUT
_LEASE_AT, _IDENTITY_AT, _TARGET_AT = 128, 160, 320
_LEASE = struct.Struct("32s")
_IDENTITY = struct.Struct("32s 32s 32s 16s 48s")  # session or lease, resource, credential, protocol, client
_TARGET_BYTES = SLOT_BYTES - _TARGET_AT


class SlotState(IntEnum):
    """What a slot is used for. It is written last, so a half-written slot still counts as free."""

    FREE = 0
    FLOW_OPEN = 1
    FLOW_ENDED = 2
    LEASE_ASKED = 3
    LEASE_HELD = 4


class MeterFileError(Exception):
    """The meter file cannot be used; the text says what to do."""


class Slot:
    """One slot: `words[at + INPUT]` and so on are its numbers, the methods its texts."""

    __slots__ = ("_memory", "at", "number", "words")

    def __init__(self, memory: mmap.mmap, words: "memoryview[int]", at: int, number: int) -> None:
        self._memory, self.words, self.at, self.number = memory, words, at, number

    def __getitem__(self, word: int) -> int:
        return self.words[self.at + word]

    def __setitem__(self, word: int, value: int) -> None:
        self.words[self.at + word] = value

    def write_identity(self, name: str, resource: str, credential: str, protocol: str, client: str) -> None:
        """Write who this is, with a checksum. Ids are ASCII by construction; others are cut to fit."""
        packed = _IDENTITY.pack(
            name.encode(), resource.encode(), credential.encode(), protocol.encode(), client.encode()
        )
        at = self.at * 8 + _IDENTITY_AT
        self._memory[at : at + _IDENTITY.size] = packed
        self[CHECKSUM] = zlib.crc32(packed)

    def read_identity(self) -> tuple[str, str, str, str, str] | None:
        """Return session or lease, resource, credential, protocol and client; None when they are damaged."""
        at = self.at * 8 + _IDENTITY_AT
        packed = self._memory[at : at + _IDENTITY.size]
        if zlib.crc32(packed) != self[CHECKSUM]:
            return None
        name, resource, credential, protocol, client = (_text(part) for part in _IDENTITY.unpack(packed))
        return name, resource, credential, protocol, client

    @property
    def target(self) -> str:
        """Where the flow goes, cut to 192 bytes."""
        at = self.at * 8 + _TARGET_AT
        return _text(self._memory[at : at + _TARGET_BYTES])

    @target.setter
    def target(self, target: str) -> None:
        at = self.at * 8 + _TARGET_AT
        self._memory[at : at + _TARGET_BYTES] = target.encode()[:_TARGET_BYTES].ljust(_TARGET_BYTES, b"\0")

    @property
    def lease(self) -> str:
        """The lease that the pending figures are reported on."""
        at = self.at * 8 + _LEASE_AT
        return _text(self._memory[at : at + _LEASE.size])

    @lease.setter
    def lease(self, lease_id: str) -> None:
        at = self.at * 8 + _LEASE_AT
        self._memory[at : at + _LEASE.size] = _LEASE.pack(lease_id.encode())

    @property
    def raw(self) -> bytes:
        """All of it, as it is in the file."""
        return self._memory[self.at * 8 : self.at * 8 + SLOT_BYTES]

    def clear(self) -> None:
        """Make the slot blank."""
        self[STATE] = SlotState.FREE
        at = self.at * 8
        self._memory[at : at + SLOT_BYTES] = bytes(SLOT_BYTES)


class MeterFile:
    """The file, its segments, and which slots are free. One process has it open at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._segments: list[tuple[mmap.mmap, memoryview[int]]] = []
        self._slots = 0
        self._next = 1  # slots from here on were never used; slot 0 is the header
        self._free: list[int] = []
        self._freed = False  # since the last `sync`

    def open(self, now_us: int) -> int:
        """Map the file, made when missing. Return when its last user was alive (µs), `now_us` for a new one.

        Raises MeterFileError: another process uses it, it is not a meter file, the disk is full.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MeterFileError(f"cannot open the meter file {self.path}: {error.strerror}") from error
        try:
            return self._map(now_us)
        except BaseException:
            self.close()
            raise

    def _map(self, now_us: int) -> int:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MeterFileError(f"{self.path} is in use; give every edge its own node name") from None
        size = os.fstat(self._fd).st_size
        if size % mmap.PAGESIZE:
            raise MeterFileError(f"{self.path} is not a meter file of this version; move it away")
        self._add_segment(0, size // SLOT_BYTES or _FIRST_SLOTS)
        memory = self._segments[0][0]
        magic, alive_us = _HEADER.unpack_from(memory)
        if magic == bytes(16):
            memory[: _HEADER.size] = _HEADER.pack(_MAGIC, now_us)
            return now_us
        if magic != _MAGIC:
            raise MeterFileError(f"{self.path} is not a meter file of this version; move it away")
        self._find_free()
        return alive_us

    def used(self) -> Iterator[Slot]:
        """Go through the slots in use. Right after `open` these are the ones of the process before."""
        free = set(self._free)
        for number in range(1, self._next):
            if number not in free:
                yield self._slot(number)

    def claim(self) -> Slot:
        """Return a blank slot. Raises MeterFileError when the disk is full: nothing may run that is not counted."""
        if self._free:
            return self._slot(self._free.pop())
        if self._next == self._slots:
            self._add_segment(self._slots, self._slots)
        self._next += 1
        return self._slot(self._next - 1)

    def free(self, slot: Slot) -> None:
        """Give a slot back: everything in it was acknowledged."""
        slot.clear()
        self._free.append(slot.number)
        self._freed = True

    @property
    def needs_sync(self) -> bool:
        """Whether anything may have changed since the last `sync`: a file without slots in use stays as it is."""
        return self._freed or len(self._free) < self._next - 1

    def note_alive(self, now_us: int) -> None:
        """Note when its user was alive; a flow that a kill cuts off is said to have ended then."""
        _HEADER.pack_into(self._segments[0][0], 0, _MAGIC, now_us)

    def sync(self) -> None:
        """Write what changed to the disk. Blocks: call it in a thread (`fdatasync` lets others run). Raises OSError."""
        self._freed = False
        try:
            os.fdatasync(self._fd)
        except OSError:
            self._freed = True  # nothing is known to be on the disk
            raise

    def close(self) -> None:
        """Unmap and unlock."""
        self._free.clear()
        for memory, words in self._segments:
            words.release()
            with contextlib.suppress(BufferError):
                memory.close()
        self._segments.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _add_segment(self, first: int, count: int) -> None:
        offset, size = first * SLOT_BYTES, count * SLOT_BYTES
        try:
            # Reserved on the disk now: a full disk must not become a SIGBUS in the middle of a counter.
            os.posix_fallocate(self._fd, offset, size)
        except OSError as error:
            raise MeterFileError(f"cannot grow the meter file {self.path}: {error.strerror}") from error
        memory = mmap.mmap(self._fd, size, offset=offset)
        self._segments.append((memory, memoryview(memory).cast("Q")))
        self._slots = first + count

    def _find_free(self) -> None:
        """Sort the slots of a file that was there into used and free ones."""
        self._next = self._slots
        self._free = [
            number for number in range(1, self._slots) if self._slot(number)[STATE] == SlotState.FREE
        ]
        self._free.reverse()  # `pop` takes the lowest

    def _slot(self, number: int) -> Slot:
        first = 0
        for memory, words in self._segments:
            count = len(words) // _WORDS
            if number < first + count:
                return Slot(memory, words, (number - first) * _WORDS, number)
            first += count
        raise IndexError(number)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")
