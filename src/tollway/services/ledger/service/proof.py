"""The proof: recomputes the books from the first transaction on and compares them with what is kept.

It reads one consistent state, in chunks, so it may run beside a busy ledger and over any number of
transactions.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import NamedTuple

from tollway.fabric.db import Tx
from tollway.services.ledger.model.replay import Replay
from tollway.services.ledger.model.seals import Chain
from tollway.services.ledger.store import history

Progress = Callable[[int, int], None]
"""Told how many transactions were checked, of how many."""


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
    head: str  # hash of the last seal
    signature: str
    signer: str
    totals: dict[str, int]  # asset → units moved

    @property
    def ok(self) -> bool:
        """Tell whether everything holds."""
        return not self.findings


async def prove(
    tx: Tx, signers: Collection[bytes], progress: Progress | None = None, known_head: str = ""
) -> ProofResult:
    """Check everything that a snapshot shows. `known_head` is a head noted earlier, to be found again."""
    replay, chain = Replay(), Chain(signers)
    heads = await _journal(tx, replay, chain, progress)
    if known_head and known_head not in heads:
        chain.findings.append(f"the head {known_head} is not in the chain: it was cut or rewritten")
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
        head=head.hash.hex() if head else "",
        signature=head.signature.hex() if head else "",
        signer=head.signer.hex() if head else "",
        totals=dict(replay.totals),
    )


async def _journal(tx: Tx, replay: Replay, chain: Chain, progress: Progress | None) -> set[str]:
    """Replay every transaction under its seal. Returns the hashes of all seals."""
    assets = await history.all_assets(tx)
    replay.know_accounts([account async for account in history.all_accounts(tx)], assets)
    total, heads = await history.count_txns(tx), set[str]()
    after, more_seals = "", True
    while entries := await history.entries(tx, after):
        for entry in entries:
            if chain.wants_seals and more_seals:
                seals = await history.seals(tx, chain.head)
                more_seals = bool(seals)
                heads.update(seal.hash.hex() for seal in seals)
                chain.add_seals(seals)
            replay.take(entry)
            chain.take(entry)
        after = entries[-1].txn.id
        if progress:
            progress(replay.transactions, total)
    chain.end()
    return heads


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
