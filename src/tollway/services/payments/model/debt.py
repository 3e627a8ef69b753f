"""What a customer owes the platform in one currency."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Debt:
    """Money that was reversed and that the wallet did not have. Amounts have scale 6.

    `owed` is still to be collected; below zero the platform owes the customer, as what was reversed came back after it
    had been collected. `claimed` is being posted under the number `attempt`, and in neither place twice.
    """

    id: str
    user_id: str
    currency: str
    owed: int
    claimed: int
    attempt: int
    check_at_us: int
    created_at_us: int
    updated_at_us: int

    @property
    def state(self) -> str:
        """`posting` while an attempt is under way, else `owing`, `returning` or `settled`."""
        if self.claimed:
            return "posting"
        return "owing" if self.owed > 0 else "returning" if self.owed else "settled"

    @property
    def outstanding(self) -> int:
        """What the customer owes, also what is being posted."""
        return max(self.owed + self.claimed, 0)

    @property
    def attempt_key(self) -> str:
        """The ledger's key of the current attempt."""
        return f"debt:{self.id}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class DebtMove:
    """A step of a debt: all of it is claimed for an attempt, or an attempt moved so much."""

    claim: bool = False
    moved: int = 0
