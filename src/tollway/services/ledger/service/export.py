"""The books as text for Beancount, so that an auditor can check them with tools that are not ours.

A debit is a positive amount there and a credit a negative one. Holds move nothing and are left out. The file
ends with an assertion of every balance, so a checker that adds the postings up finds any that were lost.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from tollway.contracts import chart
from tollway.contracts.books import USER, StatementSection
from tollway.fabric.db import Tx
from tollway.kit.money import format_units
from tollway.kit.times import DAY_US, to_rfc3339
from tollway.services.ledger.model.records import StatementEntry
from tollway.services.ledger.model.values import Account, AccountRef, Asset
from tollway.services.ledger.store import history

_COMMODITY_LENGTH = 24


@dataclass(frozen=True, slots=True)
class _Words:
    """How accounts and assets are called in the file."""

    assets: dict[str, Asset]
    commodities: dict[str, str]
    accounts: dict[str, str]

    def amount(self, units: int, code: str) -> str:
        return f"{format_units(units, self.assets[code].scale)} {self.commodities[code]}"


async def beancount(tx: Tx) -> AsyncIterator[str]:
    """Give the journal slice_ by slice_: what is counted, accounts, transactions, final balances."""
    assets = {asset.code: asset for asset in await history.all_assets(tx)}
    accounts = sorted([account async for account in history.all_accounts(tx)], key=_by_name)
    words = _Words(
        assets,
        _distinct((code, _commodity(code)) for code in assets),
        _distinct((account.id, _account(account.ref)) for account in accounts),
    )
    yield 'option "title" "Tollway"\n\n'
    for code, commodity in words.commodities.items():
        yield f"1970-01-01 commodity {commodity}\n  code: {json.dumps(code)}\n"
    for account in accounts:
        commodity = words.commodities[account.ref.asset]
        yield f"{_day(account.opened_at_us)} open {words.accounts[account.id]} {commodity}\n"
    after, last_us = "", 0
    while entries := await history.entries(tx, after):
        for entry in entries:
            yield _transaction(entry, words)
        after, last_us = entries[-1].txn.id, max(last_us, *(entry.txn.created_at_us for entry in entries))
    yield "\n"
    for account in accounts:
        amount = words.amount(-account.balance, account.ref.asset)
        yield f"{_day(last_us + DAY_US)} balance {words.accounts[account.id]} {amount}\n"


def _transaction(entry: StatementEntry, words: _Words) -> str:
    moved = [leg for leg in entry.legs if leg.kind in {"post", "capture"}]
    if not moved:
        return ""
    txn = entry.txn
    lines = [f"\n{_day(txn.created_at_us)} * {json.dumps(txn.code)}"]
    for name, value in (("id", txn.id), ("scope", txn.scope), ("key", txn.key)):
        lines.append(f"  {name}: {json.dumps(value)}")
    for leg in moved:
        lines.append(f"  {words.accounts[leg.debit_id]} {words.amount(leg.amount, leg.asset)}")
        lines.append(f"  {words.accounts[leg.credit_id]} {words.amount(-leg.amount, leg.asset)}")
    return "\n".join(lines) + "\n"


def _by_name(account: Account) -> AccountRef:
    return account.ref


def _day(at_us: int) -> str:
    return to_rfc3339(at_us)[:10]


def _account(ref: AccountRef) -> str:
    is_user = ref.owner_kind == USER
    declared = chart.find(ref.owner_kind, ref.owner_id, ref.purpose)
    section = declared.section if declared else StatementSection.EQUITY
    parts = (_component(part) for part in (ref.owner_id, ref.asset, ref.purpose))
    return ":".join([section, "Customers" if is_user else "Platform", *parts])


def _component(text: str) -> str:
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text)
    return plain[:1].upper() + plain[1:] if plain[:1].isalnum() else f"X{plain}"


def _commodity(code: str) -> str:
    plain = "".join(
        char if char.isascii() and (char.isalnum() or char in ".-_") else "-" for char in code.upper()
    )
    plain = plain if plain[:1].isalpha() else f"X{plain}"
    return plain[:_COMMODITY_LENGTH].rstrip(".-_")


def _distinct(called: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give each thing its own name: the second of a name gets a few digits of its own."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for thing, name in called:
        digest = hashlib.sha256(thing.encode()).hexdigest()[:6].upper()
        shortened = name[: _COMMODITY_LENGTH - 7] if ":" not in name else name
        names[thing] = f"{shortened}-{digest}" if name in used else name
        used.add(name)
    return names
