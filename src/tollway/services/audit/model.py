r"""The chain: what an entry is, how it is sealed, and how a broken chain shows. Pure.

To recompute an entry by hand: take the hash of the entry before it (64 zeros for the first), a line feed, and the
entry's fields but `hash` and `signature` as JSON with sorted names, no spaces and everything beyond ASCII as \uXXXX;
the SHA-256 of that is its hash. Its signature (Ed25519) is of the text `tollway audit entry <hash>`.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

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
    signature: bytes | None = None  # of the hash; None: an older version wrote it


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


def concerned(data: str) -> str:
    """Return whom an event concerns: the `user_id` of its data; empty when it names nobody."""
    fields = json.loads(data)
    found = cast("Mapping[str, Any]", fields).get("user_id") if isinstance(fields, Mapping) else None
    return found if isinstance(found, str) else ""


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


class EntrySigner:
    """Signs entries with the platform's key, a seed of 32 bytes (Ed25519)."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def append(self, head: Head, what: AuditRecord) -> AuditEntry:
        """Put a record at the end of the chain."""
        sequence = head.sequence + 1
        hash_ = seal(head.hash, what, sequence)
        return AuditEntry(
            **asdict(what), sequence=sequence, hash=hash_, signature=self._key.sign(_signed(hash_))
        )


def is_signed(entry: AuditEntry, signers: Collection[bytes]) -> bool:
    """Return whether one of the keys (public, 32 bytes) signed an entry's hash."""
    return entry.signature is not None and any(_fits(one, entry.signature, entry.hash) for one in signers)


def _fits(signer: bytes, signature: bytes, hash_: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, _signed(hash_))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(hash_: str) -> bytes:
    # What is signed says what it is, so that no signature can pass for one of something else.
    return f"tollway audit entry {hash_}".encode()


def seal(previous: str, what: AuditRecord, sequence: int) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    fields = {name: getattr(what, name) for name in AuditRecord.__dataclass_fields__}
    text = f"{previous}\n{canonical({**fields, 'sequence': sequence})}"
    return hashlib.sha256(text.encode()).hexdigest()


class Unreadable(Exception):
    """An entry's bytes are not text any more; the text says what the database said."""


class ChainVerifier:
    """Follows a chain from its beginning and notes what does not fit, at most `FINDINGS_LIMIT` things.

    `known_head` is a hash that was noted earlier. `known` are heads that others noted: hash by number.
    """

    def __init__(
        self, signers: Collection[bytes], known_head: str = "", known: Mapping[int, str] | None = None
    ) -> None:
        self.head = Head()
        self.entries = 0
        self.findings: list[str] = []
        self.last_at_us = 0
        self._signers = signers
        self._known_head = known_head
        self._known = dict(known or {})
        self._signed_since = 0  # the first entry with a signature

    def follow(self, entry: AuditEntry) -> None:
        """Look at the next entry. After a finding the chain is taken up again from what is written."""
        self.entries += 1
        expected = self.head.sequence + 1
        if entry.sequence != expected:
            self.find(f"entries {expected} to {entry.sequence - 1} are missing")
        elif seal(self.head.hash, entry, entry.sequence) != entry.hash:
            self.find(f"entry {entry.sequence} ({entry.event_id}) does not match its hash: it was altered")
        if (noted := self._known.pop(entry.sequence, entry.hash)) != entry.hash:
            self.find(
                f"entry {entry.sequence} is not the one that was noted elsewhere ({noted}): it was rewritten"
            )
        self._check_signature(entry)
        self.last_at_us = max(self.last_at_us, entry.at_us)
        self.head = Head(entry.sequence, entry.hash)
        if entry.hash == self._known_head:
            self._known_head = ""

    def end(self, noted: Head) -> None:
        """Compare the last entry with the head that was noted beside the chain, and look for the known one."""
        if self._known_head:
            self.find(f"the head {self._known_head} is not in the record: it was cut or rewritten")
        for sequence, hash_ in self._known.items():
            self.find(f"entry {sequence} ({hash_}) was noted elsewhere and is not in the record: it was cut")
        if self.entries and not self._signed_since:
            self.find(
                "no entry is signed: the record was rewritten, or nothing was recorded since the upgrade"
            )
        if self.head.sequence < noted.sequence:
            self.find(f"entries {self.head.sequence + 1} to {noted.sequence} are missing from the end")
        elif self.head != noted:
            self.find(f"the head says {noted.sequence} {noted.hash}, the last entry says otherwise")

    def _check_signature(self, entry: AuditEntry) -> None:
        if entry.signature is None and not self._signed_since:
            return  # an older version wrote it, and the next signature vouches for it
        self._signed_since = self._signed_since or entry.sequence
        if not is_signed(entry, self._signers):
            self.find(f"entry {entry.sequence} ({entry.event_id}) is not signed by this platform")

    def find(self, finding: str) -> None:
        """Note a finding."""
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(finding)
