"""A payment method that a customer keeps for later."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A saved payment method. `ref` is the provider's token of it; card numbers stay at the provider."""

    id: str
    user_id: str
    provider: str
    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at_us: int
