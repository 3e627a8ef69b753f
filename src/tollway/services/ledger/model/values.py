"""What the books consist of: assets, accounts, holds, lots, marks. Immutable values with their arithmetic.

They are named tuples because a busy ledger makes thousands of them a second, and so that a transaction that
is refused half-way leaves nothing to undo: the old values are still there.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from tollway.kit.errors import Invalid
from tollway.kit.ids import derived_id
from tollway.kit.money import MAX_UNITS, split_pro_rata

USER, HOUSE = "user", "house"
MONEY, ACCESS = "money", "access"
OWN_SCOPE = "ledger"  # what the ledger books by itself: use, expiry, definitions
SELLER = "orders"  # the service that takes the money for access
EARNINGS = ("deferred", "revenue", "breakage")  # what becomes of that money


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

    owner_kind: str  # user or house
    owner_id: str  # a usr_ id, or the service that keeps this part of the house's books
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
            raise Invalid.of("amount", "is more than an account can give")
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
            raise Invalid.of("amount", "is more than an account can hold")
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
    """Tell whether the account may not be overdrawn: a customer's, and the stock that is for sale."""
    return ref.owner_kind == USER or ref.purpose == "inventory"


def earnings_account(cost_asset: str, purpose: str) -> AccountRef:
    """Name the seller's account of money that is `deferred`, earned as `revenue`, or left as `breakage`."""
    return AccountRef(HOUSE, SELLER, cost_asset, purpose)


def own_account(asset: str, purpose: str) -> AccountRef:
    """Name the ledger's account of access that `expired`, or that nobody covered (`shortfall`)."""
    return AccountRef(HOUSE, OWN_SCOPE, asset, purpose)


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
        """Tell whether its time is over, whether or not that was booked yet."""
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

    def cost_of(self, units: int) -> int:
        """Return the part of the cost that the next `units` carry.

        It is cut from the whole by cumulative pro rata: one byte at a time or all at once, the pieces
        sum to the cost exactly, and no piece is off by more than one unit.
        """
        return split_pro_rata(self.cost, units, self.quantity, self.quantity - self.remaining)

    @property
    def remaining_cost(self) -> int:
        """The part of the cost that is still in the lot."""
        return self.cost_of(self.remaining)

    @property
    def turn(self) -> tuple[bool, int, str, str]:
        """Sort key of use: what expires first goes first, then what came first."""
        return (not self.expires_at_us, self.expires_at_us, self.txn_id, self.id)


class Piece(NamedTuple):
    """Units taken out of a lot, with the cost that they carry."""

    lot: Lot  # as it was before
    quantity: int
    cost: int


class Mark(NamedTuple):
    """How far a metered session was charged."""

    session_id: str
    asset: str
    posted: int = 0
    last_sequence: int = 0
    closed: bool = False


PURPOSES = {
    USER: frozenset({"available", "clearing", "promo", "escrow"}),
    HOUSE: frozenset(
        {
            "breakage",  # revenue from what was paid for and expired unused
            "clearing",  # on its way from or to a provider; must return to zero
            "consumed",  # access that was used
            "deferred",  # money received for access that was not used yet
            "dispute",
            "expired",  # access that was not used in time
            "fee",
            "inventory",  # access that is for sale
            "issuance",  # where access comes from; its debit is the capacity ever put up
            "payout",
            "promo",
            "revenue",
            "rounding",
            "shortfall",  # access that was used and that nobody's holding covered
        }
    ),
}
MAX_NAME = 100


def check_ref(ref: AccountRef) -> None:
    """Refuse the name of an account that nobody could mean. Raises Invalid."""
    if ref.owner_kind not in PURPOSES:
        raise Invalid(f"owner_kind is user or house, not {ref.owner_kind!r}")
    if ref.purpose not in PURPOSES[ref.owner_kind]:
        known = ", ".join(sorted(PURPOSES[ref.owner_kind]))
        raise Invalid(f"a {ref.owner_kind}'s account has no purpose {ref.purpose!r}; one of {known}")
    if not 0 < len(ref.owner_id) <= MAX_NAME or not 0 < len(ref.asset) <= MAX_NAME:
        raise Invalid(f"owner_id and asset have 1 to {MAX_NAME} characters")
