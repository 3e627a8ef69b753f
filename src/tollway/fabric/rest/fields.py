"""Field types of request and answer bodies: money as decimal text, access units as integer text.

Numbers would lose digits in JavaScript above 2^53, so amounts are strings in JSON, never numbers.
"""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from tollway.kit.money import FIAT_SCALE, MAX_UNITS, money_text, parse_units
from tollway.kit.times import to_rfc3339

_INTEGER = re.compile(r"-?\d{1,19}")


class Body(BaseModel):
    """A request body: unknown fields and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _money(value: Any, info: ValidationInfo) -> int:
    if _from_our_own_code(value, info):
        return value
    if not isinstance(value, str):
        raise ValueError('must be a string such as "20.00"')  # noqa: TRY004  pydantic wants ValueError
    return parse_units(value, FIAT_SCALE)


def _units(value: Any, info: ValidationInfo) -> int:
    if _from_our_own_code(value, info):
        return value
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise ValueError('must be a string of digits such as "1000000000"')
    units = int(value)
    if abs(units) > MAX_UNITS:
        raise ValueError("is out of range")
    return units


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be greater than zero")
    return value


def _from_our_own_code(value: Any, info: ValidationInfo) -> bool:
    # Answers are built from integers; a request, which arrives as parsed JSON, must not pass for one.
    strict = bool(info.config and info.config.get("strict"))
    return type(value) is int and not strict


_MONEY_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^-?\d{1,13}(\.\d{1,6})?$", "examples": ["20.00"]}
)
_UNITS_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,19}$", "examples": ["1000000000"]})

MoneyText = Annotated[
    int, BeforeValidator(_money), PlainSerializer(money_text, return_type=str), _MONEY_SCHEMA
]
"""Money: `"20.00"` in JSON, units of scale 6 in Python. In answers give the integer units."""
PositiveMoney = Annotated[
    int,
    BeforeValidator(_money),
    AfterValidator(_positive),
    PlainSerializer(money_text, return_type=str),
    _MONEY_SCHEMA,
]
UnitsText = Annotated[int, BeforeValidator(_units), PlainSerializer(str, return_type=str), _UNITS_SCHEMA]
"""Units of an access asset: `"1000000000"` in JSON, an int in Python."""
PositiveUnits = Annotated[
    int,
    BeforeValidator(_units),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    _UNITS_SCHEMA,
]
UtcTime = Annotated[
    int,
    PlainSerializer(to_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time of an answer: microseconds in Python, RFC 3339 in JSON."""
