"""What others say about transactions, to be compared with the journal."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tollway.services.ledger.model.records import LegRow, StatementEntry, TransactionStatus


class Claim(NamedTuple):
    """A transaction as somebody else knows it: `amounts` moved by asset, or None where only its place is known.

    `about` is what it names: some of its `meta`, and `actor`.
    """

    txn_id: str
    by: str  # who says so, for the finding: "payments: deposit dep_…"
    amounts: Mapping[str, int] | None
    code: str = ""  # empty: not known
    about: Mapping[str, str] = MappingProxyType({})


def check_claim(claim: Claim, entry: StatementEntry | None) -> str:
    """Return what does not fit, in a sentence; empty when it fits."""
    if entry is None:
        return f"{claim.by} names {claim.txn_id}, which is not in the ledger"
    if entry.txn.status != TransactionStatus.APPLIED:
        return f"{claim.by} names {claim.txn_id}, which was rejected"
    if claim.code and claim.code != entry.txn.code:
        return f"{claim.by} says that {claim.txn_id} is a {claim.code}, the ledger says {entry.txn.code}"
    if claim.amounts is not None and dict(claim.amounts) != moved(entry.legs):
        return f"{claim.by} says that {claim.txn_id} moved {dict(claim.amounts)}, the ledger says {moved(entry.legs)}"
    named = {"actor": entry.txn.actor, **json.loads(entry.txn.meta)}
    for name, value in claim.about.items():
        if named.get(name) != value:
            return f"{claim.by} says that {claim.txn_id} is of the {name} {value}, the ledger says {named.get(name)}"
    return ""


def moved(legs: tuple[LegRow, ...]) -> dict[str, int]:
    """Add up what legs moved, by asset."""
    amounts: dict[str, int] = {}
    for leg in legs:
        if leg.kind in {"post", "capture"}:
            amounts[leg.asset] = amounts.get(leg.asset, 0) + leg.amount
    return amounts
