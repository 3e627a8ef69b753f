"""The vocabulary in which services speak to the ledger: accounts, legs, requests; and what a service declares.

A service declares the accounts that it keeps in `contracts/chart/<service>.py`, as `ACCOUNTS`. The ledger books on
declared accounts only. Legs and requests are made by the functions here, so that each is spelled in one way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tollway.contracts.ledger_pb2 import (
    LEG_KIND_CAPTURE,
    LEG_KIND_HOLD,
    LEG_KIND_POST,
    LEG_KIND_RELEASE,
    AccountRef,
    Leg,
    LotTerms,
    PostRequest,
)

USER, PLATFORM = "user", "platform"
MONEY, ACCESS = "money", "access"
AVAILABLE = "available"

OwnerKind = Literal["user", "platform"]
AssetKind = Literal["money", "access"]


class StatementSection(StrEnum):
    """Where an account stands in the balance sheet or the income statement."""

    ASSETS = "Assets"
    LIABILITIES = "Liabilities"
    EQUITY = "Equity"
    INCOME = "Income"
    EXPENSES = "Expenses"


@dataclass(frozen=True, slots=True)
class AccountType:
    """A kind of account that a service keeps: for itself, or for each customer.

    `may_overdraw` False makes the ledger refuse a leg that would debit more than was credited. `shared_with` names
    the other services that may book on a platform's account.
    """

    owner_kind: OwnerKind
    purpose: str
    holds: tuple[AssetKind, ...]
    section: StatementSection
    meaning: str
    may_overdraw: bool = True
    shared_with: tuple[str, ...] = ()

    @property
    def normal_side(self) -> Literal["debit", "credit"]:
        """The side on which the balance is expected."""
        return "debit" if self.section in {StatementSection.ASSETS, StatementSection.EXPENSES} else "credit"


# ── accounts ────────────────────────────────────────────────────────────────────────────────────────


def customer(user_id: str, asset: str, purpose: str = AVAILABLE) -> AccountRef:
    """Name a customer's account of an asset."""
    return AccountRef(owner_kind=USER, owner_id=user_id, asset=asset, purpose=purpose)


def platform(service: str, asset: str, purpose: str) -> AccountRef:
    """Name an account that a service keeps for the platform."""
    return AccountRef(owner_kind=PLATFORM, owner_id=service, asset=asset, purpose=purpose)


# ── legs ────────────────────────────────────────────────────────────────────────────────────────────


def transfer(debit: AccountRef, credit: AccountRef, amount: int, lot: LotTerms | None = None) -> Leg:
    """Move units from one account to another. `lot`: the terms of access that a customer receives by it."""
    return Leg(kind=LEG_KIND_POST, debit=debit, credit=credit, amount=amount, lot=lot)


def transfer_up_to(debit: AccountRef, credit: AccountRef, most: int) -> Leg:
    """Move what the debit account has available, at most so much; the answer says how much was moved."""
    return Leg(kind=LEG_KIND_POST, debit=debit, credit=credit, amount=most, up_to=True)


def hold(hold_id: str, debit: AccountRef, credit: AccountRef, amount: int, expires_at_us: int = 0) -> Leg:
    """Set units aside on one account for another, until a moment (0: for ever)."""
    return Leg(
        kind=LEG_KIND_HOLD,
        hold_id=hold_id,
        debit=debit,
        credit=credit,
        amount=amount,
        hold_expires_at_us=expires_at_us,
    )


def capture(hold_id: str, amount: int, lot: LotTerms | None = None) -> Leg:
    """Move units that were set aside. `lot` as in `transfer`."""
    return Leg(kind=LEG_KIND_CAPTURE, hold_id=hold_id, amount=amount, lot=lot)


def release(hold_id: str, amount: int = 0) -> Leg:
    """Give back units that were set aside; 0 means all that remain."""
    return Leg(kind=LEG_KIND_RELEASE, hold_id=hold_id, amount=amount)


def lot_terms(
    cost: int, *, deferred: AccountRef, revenue: AccountRef, breakage: AccountRef, expires_at_us: int = 0
) -> LotTerms:
    """State what a lot costs as a whole, and where its cost lies until the access is used.

    The cost was credited to `deferred`. The ledger moves it on to `revenue` as the lot is used, and to `breakage`
    when it expires unused. The three accounts are in the asset that was paid with.
    """
    return LotTerms(
        cost=cost, expires_at_us=expires_at_us, deferred=deferred, revenue=revenue, breakage=breakage
    )


# ── requests ────────────────────────────────────────────────────────────────────────────────────────


def post_request(
    scope: str,
    key: str,
    code: str,
    legs: Iterable[Leg],
    *,
    actor: str,
    event_at_us: int = 0,
    meta: Mapping[str, str] | None = None,
) -> PostRequest:
    """Ask for one transaction. `scope` and `key` name it for ever; `code` says what kind of event it is."""
    return PostRequest(
        scope=scope, key=key, code=code, legs=legs, actor=actor, event_at_us=event_at_us, meta=meta or {}
    )
