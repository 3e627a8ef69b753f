"""What the books consist of: assets, accounts, holds, lots, metered sessions. Immutable values with their arithmetic.

They are named tuples because a busy ledger makes thousands of them a second, and so that a transaction that
is refused half-way leaves nothing to undo: the old values are still there.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from tollway.contracts import chart
from tollway.contracts.books import PLATFORM
from tollway.kit.errors import Invalid
from tollway.kit.ids import derived_id
from tollway.kit.money import MAX_UNITS, split_pro_rata

OWN_SCOPE = "ledger"  # what the ledger books by itself: use, expiry, definitions


class Asset(NamedTuple):
    """Something that is counted. Its kind, scale and unit never change, since history is written in them."""

    code: str
    kind: str  # money or access
    scale: int  # decimals of the smallest unit: 6 for money, 0 for bytes
    unit: str  # what one whole is called
    transferable: bool  # may one customer give it to another?
    revision: int = 0  # how often it was defined; 0: not yet in the books
    defined_by: str = ""  # the transaction that did


class AccountRef(NamedTuple):
    """The name of an account: who owns it, what it holds and what for."""

    owner_kind: str  # user or platform
    owner_id: str  # a usr_ id, or the service that keeps the account
    asset: str
    purpose: str


class Account(NamedTuple):
    """An account's counters. They only grow, but for the pending ones.

    `version` counts every leg that touched the account, so a leg that vanished leaves a gap.
    """

    id: str
    ref: AccountRef
    limited: bool
    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0
    version: int = 0
    opened_by: str = ""  # the transaction that first touched it
    opened_at_us: int = 0

    @property
    def balance(self) -> int:
        """What came in less what went out."""
        return self.credits_posted - self.debits_posted

    @property
    def available(self) -> int:
        """What may still be spent: the balance less what is held."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    def debited(self, posted: int, pending: int) -> "Account":
        """Return the account after a leg on its debit side. Raises Invalid when it would not fit 64 bits."""
        if self.debits_posted + posted > MAX_UNITS or self.debits_pending + pending > MAX_UNITS:
            raise Invalid.of("amount", "is more than an account can count")
        return Account(
            self.id,
            self.ref,
            self.limited,
            self.debits_posted + posted,
            self.credits_posted,
            self.debits_pending + pending,
            self.credits_pending,
            self.version + 1,
            self.opened_by,
            self.opened_at_us,
        )

    def credited(self, posted: int, pending: int) -> "Account":
        """Return the account after a leg on its credit side. Raises Invalid when it would not fit 64 bits."""
        if self.credits_posted + posted > MAX_UNITS or self.credits_pending + pending > MAX_UNITS:
            raise Invalid.of("amount", "is more than an account can count")
        return Account(
            self.id,
            self.ref,
            self.limited,
            self.debits_posted,
            self.credits_posted + posted,
            self.debits_pending,
            self.credits_pending + pending,
            self.version + 1,
            self.opened_by,
            self.opened_at_us,
        )


@lru_cache(maxsize=100_000)
def account_id(ref: AccountRef) -> str:
    """Return the id that belongs to a name: the same on every machine, before the account exists."""
    return derived_id("acc", *ref)


def is_limited(ref: AccountRef) -> bool:
    """Return whether the account may not be overdrawn, by its declaration in the chart of accounts."""
    declared = chart.find(ref.owner_kind, ref.owner_id, ref.purpose)
    return declared is None or not declared.may_overdraw


def own_account(asset: str, purpose: str) -> AccountRef:
    """Name the ledger's account of access that has `expired`, or that no holding covered (`shortfall`)."""
    return AccountRef(PLATFORM, OWN_SCOPE, asset, purpose)


class LegKind(StrEnum):
    """What a leg does to the accounts on its two sides."""

    POST = "post"  # moves units
    HOLD = "hold"  # sets units aside
    CAPTURE = "capture"  # moves units that were set aside
    RELEASE = "release"  # gives them back

    __hash__ = str.__hash__  # an enum's own is slower, and legs are looked up by kind all the time


# How often the amount counts on the (posted, pending) counters of both sides.
EFFECTS: dict[str, tuple[int, int]] = {
    LegKind.POST: (1, 0),
    LegKind.HOLD: (0, 1),
    LegKind.CAPTURE: (1, -1),
    LegKind.RELEASE: (0, -1),
}


class HoldState(StrEnum):
    """What became of a hold. It is open while it holds anything."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class Hold(NamedTuple):
    """Units set aside on one account for another. A hold is captured in parts, released, or expires."""

    id: str
    asset: str
    debit_id: str
    credit_id: str
    amount: int
    remaining: int
    state: str
    expires_at_us: int  # 0: never
    txn_id: str  # the transaction that made it

    def has_expired(self, now_us: int) -> bool:
        """Return whether its time is over, whether or not that was booked yet."""
        return 0 < self.expires_at_us <= now_us

    def less(self, amount: int, ended_as: str) -> "Hold":
        """Return the hold after `amount` left it; when nothing remains it has `ended_as`."""
        remaining = self.remaining - amount
        return self._replace(remaining=remaining, state=HoldState.OPEN if remaining else ended_as)


class Lot(NamedTuple):
    """Units of an access asset that came in together: what they cost and until when they may be used."""

    id: str
    account_id: str
    asset: str
    quantity: int
    remaining: int
    cost_asset: str  # empty: it cost nothing
    cost: int
    expires_at_us: int  # 0: never
    opened_at_us: int
    txn_id: str
    line: int
    source: str  # the lot that it was cut from, when a customer gave it
    deferred_id: (
        str  # the accounts of its cost, empty when it cost nothing: where that lies until the access is used
    )
    revenue_id: str  # where it goes as the access is used
    breakage_id: str  # where it goes when the access expires unused

    def cost_of(self, units: int) -> int:
        """Return the part of the cost that the next `units` carry.

        It is cut from the whole by cumulative pro rata: one byte at a time or all at once, the slices
        sum to the cost exactly, and no piece is off by more than one unit.
        """
        return split_pro_rata(self.cost, units, self.quantity, self.quantity - self.remaining)

    @property
    def remaining_cost(self) -> int:
        """The part of the cost that is still in the lot."""
        return self.cost_of(self.remaining)

    @property
    def cost_account_ids(self) -> tuple[str, ...]:
        """The accounts of its cost; none when it cost nothing."""
        return (self.deferred_id, self.revenue_id, self.breakage_id) if self.deferred_id else ()

    @property
    def fifo_key(self) -> tuple[bool, int, str, str]:
        """Sort key of use: what expires first goes first, then what came first."""
        return (not self.expires_at_us, self.expires_at_us, self.txn_id, self.id)


class CostAccounts(NamedTuple):
    """The accounts of a lot's cost, all in the asset that it was paid with."""

    deferred: AccountRef  # where it lies until the access is used
    revenue: AccountRef  # where it goes as the access is used
    breakage: AccountRef  # where it goes when the access expires unused


class LotTerms(NamedTuple):
    """What a new lot cost as a whole (a gift has no accounts), and until when it may be used (0: for ever)."""

    cost: int = 0
    expires_at_us: int = 0
    accounts: CostAccounts | None = None


class LotSlice(NamedTuple):
    """Units taken out of a lot, with the cost that they carry."""

    lot: Lot  # as it was before
    quantity: int
    cost: int


class SessionUsage(NamedTuple):
    """How far a metered session was charged."""

    session_id: str
    asset: str
    posted: int = 0
    last_sequence: int = 0
    closed: bool = False


MAX_NAME = 100


def check_ref(ref: AccountRef) -> None:
    """Refuse the name of an account that no service declared. Raises Invalid."""
    if chart.find(ref.owner_kind, ref.owner_id, ref.purpose) is None:
        owner = f"{ref.owner_kind} {ref.owner_id}" if ref.owner_kind == PLATFORM else ref.owner_kind
        raise Invalid(
            f"no account of {owner!r} has the purpose {ref.purpose!r}; declare it in contracts/chart"
        )
    if not 0 < len(ref.owner_id) <= MAX_NAME or not 0 < len(ref.asset) <= MAX_NAME:
        raise Invalid(f"owner_id and asset have 1 to {MAX_NAME} characters")


def check_holds(ref: AccountRef, asset: Asset) -> None:
    """Refuse an account that holds another kind of asset than was declared. Raises Invalid."""
    declared = chart.find(ref.owner_kind, ref.owner_id, ref.purpose)
    assert declared is not None, f"{ref} was not checked"
    if asset.kind not in declared.holds:
        held = " or ".join(declared.holds)
        raise Invalid(
            f"the account {ref.purpose!r} of {ref.owner_id} holds {held}, and {asset.code} is {asset.kind}"
        )
