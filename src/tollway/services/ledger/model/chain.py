"""Follows the seals and the transactions side by side, and says where they part.

What the chain by itself can not show: that its end was cut off together with the transactions there, or that all of it
is an older copy. The audit trail and the heads that are noted elsewhere show that.
"""

from collections import deque
from collections.abc import Collection, Iterable

from tollway.kit.ids import time_ms_of
from tollway.kit.times import MINUTE_US, to_rfc3339
from tollway.services.ledger.model.records import Seal, StatementEntry
from tollway.services.ledger.model.seals import GENESIS, Signer, hash_of, is_signed, leaf_of, root_of

# The sealer comes by every few seconds; transactions that stay without a seal for longer than this are suspicious.
SEALED_WITHIN_US = 10 * MINUTE_US
_MAX_FINDINGS = 100


class Chain:
    """Takes seals and transactions in order. `former` are public keys that seals were signed with before `signer`'s."""

    def __init__(self, signer: Signer, former: Collection[bytes] = ()) -> None:
        self.findings: list[str] = []
        self.head: Seal | None = None
        self.hashes: dict[int, str] = {}  # of the seals, by number
        self.audit_heads: dict[int, str] = {}  # that the seals name: hash by sequence
        self.unsealed = 0
        self.unsealed_from_us = 0
        self.unsealed_to_us = 0
        self._signer = signer
        self._former = former
        self._last_sealed: Seal | None = None  # whose transactions were all taken
        self._waiting: deque[Seal] = deque()
        self._ids: list[str] = []
        self._leaves: list[bytes] = []

    def add_seals(self, seals: Iterable[Seal]) -> None:
        """Go on by some seals, which lie over transactions that are yet to come."""
        for seal in seals:
            self._check_link(seal)
            self._waiting.append(seal)
            self.head = seal
            self.hashes[seal.number] = seal.hash.hex()
            if seal.audit_sequence:
                self.audit_heads[seal.audit_sequence] = seal.audit_hash or ""

    @property
    def signers(self) -> set[str]:
        """The public keys (hex) that may have signed seals."""
        return {self._signer.public.hex(), *(one.hex() for one in self._former)}

    @property
    def wants_seals(self) -> bool:
        """Return whether the next transaction would have no seal to lie under, unless there are more."""
        return not self._waiting

    def take(self, entry: StatementEntry) -> None:
        """Go on by one transaction."""
        leaf = leaf_of(entry)
        self._check_tag(entry, leaf)
        if not self._waiting:
            self.unsealed += 1
            written_us = max(entry.txn.created_at_us, time_ms_of(entry.txn.id) * 1000)
            self.unsealed_from_us = self.unsealed_from_us or written_us
            self.unsealed_to_us = written_us
            return
        self._ids.append(entry.txn.id)
        self._leaves.append(leaf)
        if len(self._leaves) < self._waiting[0].size:
            return
        seal = self._last_sealed = self._waiting.popleft()
        if (seal.first_txn, seal.last_txn) != (self._ids[0], self._ids[-1]) or seal.root != root_of(
            self._leaves
        ):
            self._find(f"the transactions under seal {seal.number} are not the ones that were sealed")
        self._ids, self._leaves = [], []

    def end(self, seen_us: int = 0) -> None:
        """Say what was sealed and is no more, and what should long have been sealed.

        `seen_us` is a time at which the platform is known to have worked, such as that of the last audit entry.
        """
        late_us = max(seen_us, self.unsealed_to_us) - self.unsealed_from_us if self.unsealed else 0
        if late_us > SEALED_WITHIN_US:
            since = to_rfc3339(self.unsealed_from_us)
            self._find(
                f"{self.unsealed} transactions since {since} lie under no seal, and {late_us // MINUTE_US} minutes of "
                "work came after: seals were cut off, or the sealer refuses to sign what it finds (see its log)"
            )
        if self._waiting:
            self._find(f"transactions under seal {self._waiting[0].number} are gone")

    def _check_tag(self, entry: StatementEntry, leaf: bytes) -> None:
        if self._signer.wrote(leaf, entry.tag) or self._is_older(entry):
            return
        self._find(f"{entry.txn.id} was not written by this ledger, or was altered: its tag is wrong")

    def _is_older(self, entry: StatementEntry) -> bool:
        """Return whether what has no right tag is from before there were tags, or before the key was changed."""
        over = self._waiting[0] if self._waiting else None
        if over is not None and over.signer in self._former:
            return True
        older = over is not None and over.audit_sequence is None
        after_older = self._last_sealed is not None and self._last_sealed.audit_sequence is None
        return entry.tag is None and (older or after_older)

    def _check_link(self, seal: Seal) -> None:
        number, previous = (self.head.number, self.head.hash) if self.head else (0, GENESIS)
        if seal.number != number + 1 or seal.previous != previous:
            self._find(f"the chain is broken before seal {seal.number}")
        if seal.hash != hash_of(seal):
            self._find(f"seal {seal.number} was altered")
        ours = seal.signer == self._signer.public
        if not (ours or seal.signer in self._former) or not is_signed(seal):
            self._find(f"seal {seal.number} is not signed by this platform")
        if self.head is None:
            return
        if self.head.signer == self._signer.public and not ours:
            self._find(f"seal {seal.number} is signed with a former key after the key was changed")
        if seal.sealed_at_us < self.head.sealed_at_us - MINUTE_US:
            self._find(f"seal {seal.number} is older than the one before it")
        if self.head.audit_sequence is not None and seal.audit_sequence is None:
            self._find(f"seal {seal.number} is of an older form than the one before it")

    def _find(self, sentence: str) -> None:
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(sentence)
