r"""The chain: what an entry is, how it is sealed, and how a broken chain shows. Pure.

To recompute an entry by hand: take the hash of the entry before it (64 zeros for the first), a line feed, and the
entry's fields but `hash` as JSON with sorted names, no spaces and everything beyond ASCII as \uXXXX; the SHA-256
of that is its hash.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from tollway.contracts.events_pb2 import EventEnvelope

GENESIS = "0" * 64
REDACTED = "(e-mail address redacted)"
FINDINGS_LIMIT = 100
_EMAIL = re.compile(r"[^\s@<>()\[\]\",;:]+@[^\s@<>()\[\]\",;:]+")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What is recorded of one event. `data` is canonical JSON text, without e-mail addresses."""

    event_id: str
    topic: str
    source: str
    subject: str
    actor: str
    action: str
    at_us: int
    correlation_id: str
    data: str


@dataclass(frozen=True, slots=True)
class AuditEntry(AuditRecord):
    """A record at its place in the chain."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last entry's number and hash."""

    sequence: int = 0
    hash: str = GENESIS


def record_of(event: EventEnvelope) -> AuditRecord:
    """Make what is recorded of an event: who did it is what the envelope says."""
    return AuditRecord(
        event_id=event.id,
        topic=event.type,
        source=event.source,
        subject=str(redact(event.subject)),
        actor=event.actor,
        action=event.action,
        at_us=event.at_us,
        correlation_id=event.correlation_id,
        data=canonical(redact(json.loads(event.data_json))),
    )


def redact(value: Any) -> Any:
    """Replace every e-mail address in a JSON value, however deep, by a note that there was one."""
    if isinstance(value, str):
        return _EMAIL.sub(REDACTED, value)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {name: redact(inner) for name, inner in fields.items()}
    if isinstance(value, list):
        return [redact(inner) for inner in cast("list[Any]", value)]
    return value


def canonical(value: Any) -> str:
    """Write a JSON value in the one way in which it is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def append(head: Head, what: AuditRecord) -> AuditEntry:
    """Put a record at the end of the chain."""
    sequence = head.sequence + 1
    return AuditEntry(**asdict(what), sequence=sequence, hash=seal(head.hash, what, sequence))


def seal(previous: str, what: AuditRecord, sequence: int) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    fields = {name: getattr(what, name) for name in AuditRecord.__dataclass_fields__}
    text = f"{previous}\n{canonical({**fields, 'sequence': sequence})}"
    return hashlib.sha256(text.encode()).hexdigest()


class Unreadable(Exception):
    """An entry's bytes are not text any more; the text says what the database said."""


class ChainVerifier:
    """Follows a chain from its beginning and notes what does not fit, at most `FINDINGS_LIMIT` things."""

    def __init__(self, known_head: str = "") -> None:
        self.head = Head()
        self._known_head = known_head  # a hash noted earlier, to be found again
        self.entries = 0
        self.findings: list[str] = []

    def follow(self, entry: AuditEntry) -> None:
        """Look at the next entry. After a finding the chain is taken up again from what is written."""
        self.entries += 1
        expected = self.head.sequence + 1
        if entry.sequence != expected:
            self.find(f"entries {expected} to {entry.sequence - 1} are missing")
        elif seal(self.head.hash, entry, entry.sequence) != entry.hash:
            self.find(f"entry {entry.sequence} ({entry.event_id}) does not match its hash: it was altered")
        self.head = Head(entry.sequence, entry.hash)
        if entry.hash == self._known_head:
            self._known_head = ""

    def end(self, noted: Head) -> None:
        """Compare the last entry with the head that was noted beside the chain, and look for the known one."""
        if self._known_head:
            self.find(f"the head {self._known_head} is not in the record: it was cut or rewritten")
        if self.head.sequence < noted.sequence:
            self.find(f"entries {self.head.sequence + 1} to {noted.sequence} are missing from the end")
        elif self.head != noted:
            self.find(f"the head says {noted.sequence} {noted.hash}, the last entry says otherwise")

    def find(self, finding: str) -> None:
        """Note a finding."""
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(finding)
