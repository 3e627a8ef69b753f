"""How transactions are made evident: hashed, put under a Merkle root, chained and signed.

- A leaf is the hash of one transaction with all that it wrote, in one canonical form.
- A batch of leaves has a root (the tree of RFC 9162, section 2.1), so that a single transaction can be proved to
  be in it with a handful of hashes.
- A transaction carries a tag (keyed BLAKE2b) from the moment in which it is written, so that nobody without the key
  can add or change one before it is sealed either.
- A seal binds the root to the seal before it, names the head of the audit trail, and is signed (Ed25519), so who can
  write to the database but doesn't have the key can't change anything that was sealed without being found out.

The last seal's hash is the head: who has noted a head down can later ask whether it is still in the chain.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tollway.services.ledger.model.records import Seal, StatementEntry

GENESIS = bytes(32)
TAG_BYTES = 16
BATCH = 500  # transactions under one seal, at most
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_of(entry: StatementEntry) -> bytes:
    """Hash a transaction with all that it wrote. What may change later (a lot's rest, a counter) is left out."""
    contents = [
        entry.txn,
        entry.legs,
        [(lot._replace(remaining=lot.quantity)) for lot in entry.lots],
        entry.moves,
        [hold._replace(remaining=hold.amount, state="open") for hold in entry.holds],
        entry.usage,
        entry.accounts,
    ]
    return hashlib.sha256(_LEAF + orjson.dumps(contents, default=_plain)).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree over some leaves (RFC 9162, section 2.1.1)."""
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return _node(root_of(leaves[:split]), root_of(leaves[split:]))


def path_to(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that prove a leaf to be under the root (RFC 9162, section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*path_to(leaves[:split], index), root_of(leaves[split:])]
    return [*path_to(leaves[split:], index - split), root_of(leaves[:split])]


def root_from(leaf: bytes, path: Sequence[bytes], index: int, size: int) -> bytes:
    """Return the root that a leaf and its path lead to: what a sceptic computes for himself."""
    if size == 1:
        return leaf
    split = _split(size)
    *inner, sibling = path
    if index < split:
        return _node(root_from(leaf, inner, index, split), sibling)
    return _node(sibling, root_from(leaf, inner, index - split, size - split))


class AuditHead(NamedTuple):
    """The last entry of the audit trail: how many there are, and its hash."""

    sequence: int = 0
    hash: str = ""


class Signer:
    """Makes tags and seals with the platform's key, a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self._tag_key = hashlib.blake2b(b"tollway ledger tag", key=seed, digest_size=32).digest()

    def tag(self, leaf: bytes) -> bytes:
        """Return what shows that a transaction was written by somebody with the key, also before it is sealed."""
        return hashlib.blake2b(leaf, key=self._tag_key, digest_size=TAG_BYTES).digest()

    def wrote(self, leaf: bytes, tag: bytes | None) -> bool:
        """Return whether a tag is the one of a transaction."""
        return tag is not None and hmac.compare_digest(tag, self.tag(leaf))

    def seal(
        self,
        previous: Seal | None,
        entries: Sequence[StatementEntry],
        now_us: int,
        audit: AuditHead,
        leaves: Sequence[bytes] = (),
    ) -> Seal:
        """Make the next link of the chain over some transactions, and over the audit trail up to now.

        `leaves` are those of the transactions, where they are known already.
        """
        unsigned = Seal(
            number=previous.number + 1 if previous else 1,
            first_txn=entries[0].txn.id,
            last_txn=entries[-1].txn.id,
            size=len(entries),
            root=root_of(leaves or [leaf_of(entry) for entry in entries]),
            previous=previous.hash if previous else GENESIS,
            hash=b"",
            signature=b"",
            signer=self.public,
            sealed_at_us=now_us,
            audit_sequence=audit.sequence,
            audit_hash=audit.hash,
        )
        head = hash_of(unsigned)
        return unsigned._replace(hash=head, signature=self._key.sign(head))


def hash_of(seal: Seal) -> bytes:
    """Return the hash of a seal: of everything it says, and of the seal before."""
    said = [
        seal.number,
        seal.first_txn,
        seal.last_txn,
        seal.size,
        seal.root.hex(),
        seal.previous.hex(),
        seal.signer.hex(),
        seal.sealed_at_us,
    ]
    if seal.audit_sequence is not None:
        said += [seal.audit_sequence, seal.audit_hash]
    return hashlib.sha256(orjson.dumps(said)).digest()


def is_signed(seal: Seal) -> bool:
    """Return whether the signature on a seal is the signer's."""
    try:
        Ed25519PublicKey.from_public_bytes(seal.signer).verify(seal.signature, seal.hash)
    except (InvalidSignature, ValueError):
        return False
    return True


def _plain(value: Any) -> Any:
    # Tuples of our own are lists, and bytes are hexadecimal digits.
    return value.hex() if isinstance(value, bytes) else tuple(value)


def _split(size: int) -> int:
    # The largest power of two below the size.
    return 1 << (size - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
