"""Amounts of money and of access: integers in the asset's smallest unit, never floats.

Fiat has scale 6 (1.00 USD is 1_000_000 units), bandwidth scale 0 (its unit is the byte). A scale is
permanent, because history is.
"""

import re
from dataclasses import dataclass

MAX_UNITS = 2**63 - 1
FIAT_SCALE = 6
# One way to write each number: ASCII digits (\d takes those of every script), no needless zeros in front.
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True, order=False)
class Amount:
    """A quantity of one asset. Arithmetic across assets raises TypeError, as does a float."""

    asset: str
    units: int

    def __post_init__(self) -> None:
        if type(self.units) is not int:
            raise TypeError(f"units of {self.asset} must be an int, not {type(self.units).__name__}")

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.asset, self.units + self._same(other))

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.asset, self.units - self._same(other))

    def __lt__(self, other: "Amount") -> bool:
        return self.units < self._same(other)

    def __le__(self, other: "Amount") -> bool:
        return self.units <= self._same(other)

    def _same(self, other: "Amount") -> int:
        if other.asset != self.asset:
            raise TypeError(f"{self.asset} and {other.asset} are different assets")
        return other.units


def parse_units(text: str, scale: int) -> int:
    """Turn a decimal string such as `"20.00"` into units of `scale`.

    Raises ValueError when it is not a plain decimal, is finer than the asset's smallest unit, or does
    not fit 64 bits.
    """
    number = _NUMBER.fullmatch(text)
    if number is None:
        raise ValueError("is not a plain decimal number such as 20.00")
    sign, whole, decimals = number[1], number[2], number[3] or ""
    if len(decimals) > scale:
        raise ValueError(f"is finer than the smallest unit, which has {scale} decimals")
    units = int(sign + whole + decimals.ljust(scale, "0"))
    if abs(units) > MAX_UNITS:
        raise ValueError("is out of range")
    return units


def format_units(units: int, scale: int) -> str:
    """Render units as a decimal string, e.g. `format_units(20_000_000, 6)` → `"20.000000"`."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def money_text(units: int) -> str:
    """Render money of scale 6 for a reader: at least two decimals, no needless zeros (`20.00`, `0.0035`)."""
    whole, _, cents = format_units(units, FIAT_SCALE).partition(".")
    return f"{whole}.{cents[:2]}{cents[2:].rstrip('0')}"


def mul_div(units: int, numerator: int, denominator: int, *, round_up: bool = False) -> int:
    """Return units × numerator / denominator in exact integers, rounded half-even, or up on request.

    Half-even is for computed charges; up is for exchanges, in the platform's favour.
    """
    quotient, rest = divmod(units * numerator, denominator)
    if round_up:
        return quotient + (rest > 0)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def split_pro_rata(total: int, part: int, whole: int, already: int) -> int:
    """Return what of `total` belongs to the next `part` of `whole`, when `already` parts went before.

    Cumulative rounding down: however a whole is cut, the pieces sum to `total` exactly.
    """
    return total * (already + part) // whole - total * already // whole
