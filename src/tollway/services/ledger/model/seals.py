"""How transactions are made evident: hashed, put under a Merkle root, chained and signed.

- A leaf is the hash of one transaction with all that it wrote, in one canonical form.
- A batch of leaves has a root (the tree of RFC 9162, section 2.1), so that a single transaction can be proved to
  be in it with a handful of hashes.
- A seal binds the root to the seal before it and is signed (Ed25519), so who can write to the database but
  doesn't have the key can't change anything that was sealed without being found out.

The last seal's hash is the head: who has noted a head down can later ask whether it is still in the chain.
"""

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tollway.kit.times import MINUTE_US
from tollway.services.ledger.model.records import Seal, StatementEntry

GENESIS = bytes(32)
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


class Signer:
    """Makes seals with the platform's key, a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def seal(self, previous: Seal | None, entries: Sequence[StatementEntry], now_us: int) -> Seal:
        """Make the next link of the chain over some transactions."""
        unsigned = Seal(
            number=previous.number + 1 if previous else 1,
            first_txn=entries[0].txn.id,
            last_txn=entries[-1].txn.id,
            size=len(entries),
            root=root_of([leaf_of(entry) for entry in entries]),
            previous=previous.hash if previous else GENESIS,
            hash=b"",
            signature=b"",
            signer=self.public,
            sealed_at_us=now_us,
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
    return hashlib.sha256(orjson.dumps(said)).digest()


def is_signed(seal: Seal) -> bool:
    """Tell whether the signature on a seal is the signer's."""
    try:
        Ed25519PublicKey.from_public_bytes(seal.signer).verify(seal.signature, seal.hash)
    except (InvalidSignature, ValueError):
        return False
    return True


def _plain(value: Any) -> Any:
    # Tuples of our own are lists, and bytes are hexadecimal digits.
    return value.hex() if isinstance(value, bytes) else tuple(value)


# The sealer comes by every few seconds; transactions that stay open to change for longer than this are suspicious.
SEALED_WITHIN_US = 10 * MINUTE_US


class Chain:
    """Follows the seals and the transactions side by side, and says where they part."""

    def __init__(self, signers: Collection[bytes]) -> None:
        self.findings: list[str] = []
        self.head: Seal | None = None
        self.unsealed = 0
        self._unsealed_since_us = 0
        self._newest_us = 0
        self._signers = signers
        self._waiting: deque[Seal] = deque()
        self._ids: list[str] = []
        self._leaves: list[bytes] = []

    def add_seals(self, seals: Iterable[Seal]) -> None:
        """Go on by some seals, which lie over transactions that are yet to come."""
        for seal in seals:
            self._check_link(seal)
            self._waiting.append(seal)
            self.head = seal

    @property
    def wants_seals(self) -> bool:
        """Tell whether the next transaction would have no seal to lie under, unless there are more."""
        return not self._waiting

    def take(self, entry: StatementEntry) -> None:
        """Go on by one transaction."""
        self._newest_us = entry.txn.created_at_us
        if not self._waiting:
            self.unsealed += 1
            self._unsealed_since_us = self._unsealed_since_us or entry.txn.created_at_us
            return
        self._ids.append(entry.txn.id)
        self._leaves.append(leaf_of(entry))
        if len(self._leaves) < self._waiting[0].size:
            return
        seal = self._waiting.popleft()
        if (seal.first_txn, seal.last_txn) != (self._ids[0], self._ids[-1]) or seal.root != root_of(
            self._leaves
        ):
            self.findings.append(
                f"the transactions under seal {seal.number} are not the ones that were sealed"
            )
        self._ids, self._leaves = [], []

    def end(self) -> None:
        """Say what was sealed and is no more, and what should long have been sealed."""
        late_us = self._newest_us - self._unsealed_since_us if self.unsealed else 0
        if late_us > SEALED_WITHIN_US:
            self.findings.append(
                f"{self.unsealed} transactions lie under no seal, the oldest {late_us // MINUTE_US} minutes before the "
                "newest: seals were cut off, or the sealer does not work"
            )
        if self._waiting:
            self.findings.append(f"transactions under seal {self._waiting[0].number} are gone")

    def _check_link(self, seal: Seal) -> None:
        number, previous = (self.head.number, self.head.hash) if self.head else (0, GENESIS)
        if seal.number != number + 1 or seal.previous != previous:
            self.findings.append(f"the chain is broken before seal {seal.number}")
        if seal.hash != hash_of(seal):
            self.findings.append(f"seal {seal.number} was altered")
        if seal.signer not in self._signers or not is_signed(seal):
            self.findings.append(f"seal {seal.number} is not signed by this platform")


def _split(size: int) -> int:
    # The largest power of two below the size.
    return 1 << (size - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
