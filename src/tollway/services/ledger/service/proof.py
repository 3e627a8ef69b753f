"""The proof: recomputes the books from the first transaction on and compares them with what is kept.

It reads one consistent state, in chunks, so it may run beside a busy ledger and over any number of
transactions.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tollway.fabric.db import Tx
from tollway.fabric.head_notes import HeadNote
from tollway.kit.times import to_rfc3339
from tollway.services.ledger.model.chain import Chain
from tollway.services.ledger.model.replay import Replay
from tollway.services.ledger.store import history

# Transactions between which others get the thread: replaying them takes some milliseconds.
CHUNK = 100
# The same for seals, whose signatures take a tenth of a millisecond each.
SEALS_AT_ONCE = 50

Progress = Callable[[int, int], Awaitable[None]]
"""Called with how many transactions were checked, of how many."""


class ProofResult(NamedTuple):
    """What the proof came to. The books hold when `findings` is empty."""

    findings: tuple[str, ...]
    transactions: int
    legs: int
    accounts: int
    holds_open: int
    lots: int
    seals: int
    unsealed: int
    unsealed_from_us: int  # when the first of them was written; 0: all are sealed
    unsealed_to_us: int
    head: str  # hash of the last seal
    signature: str
    signer: str
    totals: dict[str, int]  # asset → units moved
    seal_hashes: dict[int, str]  # number → hash
    audit_heads: dict[int, str]  # that the seals name: number of the entry → its hash

    @property
    def ok(self) -> bool:
        """Return whether everything holds."""
        return not self.findings


async def prove(
    tx: Tx,
    chain: Chain,
    progress: Progress | None = None,
    known_head: str = "",
    noted: HeadNote | None = None,
    seen_us: int = 0,
) -> ProofResult:
    """Check everything that a snapshot shows. `known_head` and `noted` are heads of before, to be found again."""
    replay = Replay()
    await _journal(tx, replay, chain, progress)
    chain.end(seen_us)
    if known_head and known_head not in chain.hashes.values():
        chain.findings.append(f"the head {known_head} is not in the chain: it was cut or rewritten")
    if noted is not None and chain.hashes.get(noted.number) != noted.hash:
        chain.findings.append(
            f"seal {noted.number} ({noted.hash}), noted elsewhere at {to_rfc3339(noted.at_us)}, is not in the chain: "
            "it was cut or rewritten, or this is an older copy"
        )
    if noted is not None and noted.signer not in chain.signers:
        chain.findings.append(f"the head that was noted elsewhere is signed with another key: {noted.signer}")
    accounts, holds_open, lots = await _state(tx, replay)
    head = chain.head
    return ProofResult(
        findings=(*replay.findings, *chain.findings),
        transactions=replay.transactions,
        legs=replay.legs,
        accounts=accounts,
        holds_open=holds_open,
        lots=lots,
        seals=head.number if head else 0,
        unsealed=chain.unsealed,
        unsealed_from_us=chain.unsealed_from_us,
        unsealed_to_us=chain.unsealed_to_us,
        head=head.hash.hex() if head else "",
        signature=head.signature.hex() if head else "",
        signer=head.signer.hex() if head else "",
        totals=dict(replay.totals),
        seal_hashes=chain.hashes,
        audit_heads=chain.audit_heads,
    )


async def _journal(tx: Tx, replay: Replay, chain: Chain, progress: Progress | None) -> None:
    """Replay every transaction under its seal."""
    assets = await history.all_assets(tx)
    replay.know_accounts([account async for account in history.all_accounts(tx)], assets)
    total = await history.count_txns(tx)
    after, more_seals = "", True
    while entries := await history.entries(tx, after, CHUNK):
        for entry in entries:
            if chain.wants_seals and more_seals:
                seals = await history.seals(tx, chain.head, SEALS_AT_ONCE)
                more_seals = bool(seals)
                chain.add_seals(seals)
            replay.take(entry)
            chain.take(entry)
        after = entries[-1].txn.id
        if progress:
            await progress(replay.transactions, total)
    while seals := await history.seals(tx, chain.head, SEALS_AT_ONCE):  # over what is gone
        chain.add_seals(seals)


async def _state(tx: Tx, replay: Replay) -> tuple[int, int, int]:
    """Compare the counters with the journal. Returns how many accounts, open holds and lots there are."""
    in_lots: defaultdict[str, int] = defaultdict(int)
    accounts = holds_open = lots = 0
    async for lot in history.all_lots(tx):
        lots += 1
        in_lots[lot.account_id] += lot.remaining
        replay.check_lot(lot)
    async for account in history.all_accounts(tx):
        accounts += 1
        replay.check_account(account, in_lots[account.id])
    async for hold in history.all_holds(tx):
        holds_open += hold.remaining > 0
        replay.check_hold(hold)
    async for usage in history.all_sessions(tx):
        replay.check_session(usage)
    replay.check_assets(await history.all_assets(tx))
    replay.check_rest(*await history.count_rows(tx), await history.last_txn_written(tx))
    return accounts, holds_open, lots
