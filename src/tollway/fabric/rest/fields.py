"""Field types of request and answer bodies: money as decimal text, access units as integer text.

Numbers would lose digits in JavaScript above 2^53, so amounts are strings in JSON, never numbers.
"""

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from tollway.kit.errors import Invalid
from tollway.kit.ids import id_pattern
from tollway.kit.money import FIAT_SCALE, MAX_UNITS, money_text, parse_units
from tollway.kit.times import from_rfc3339, to_rfc3339

# Text without control characters, for names, labels and reasons; NUL would not even be stored.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
ASSET = r"^[a-z0-9][a-z0-9._-]{0,99}$"
CURRENCY = r"^[A-Z]{3,10}$"

_ASSETS = ["bandwidth.datacenter.standard"]
AssetCode = Annotated[
    str, Field(pattern=ASSET, description="What is counted and sold, by its code", examples=_ASSETS)
]
AssetPath = Annotated[str, Path(pattern=ASSET, description="The asset's code", examples=_ASSETS)]
AssetQuery = Annotated[str, Query(pattern=ASSET, description="Of this asset only", examples=_ASSETS)]
CurrencyCode = Annotated[str, Field(pattern=CURRENCY, description="A currency of ISO 4217", examples=["USD"])]
CurrencyQuery = Annotated[
    str, Query(pattern=CURRENCY, description="Absent: the platform's first currency", examples=["USD"])
]

# How amounts are written, as `kit.money` reads them.
_WHOLE = r"(0|[1-9][0-9]{0,18})"
_DECIMAL = r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,6})?"
_UNITS = re.compile(f"-?{_WHOLE}")


def id_path(prefix: str, what: str) -> Any:
    """Describe an identifier in a path, the metadata of a parameter of type `Annotated[str, …]`.

    What no identifier can look like is answered as an unknown one is, with 404.
    """
    return Path(pattern=id_pattern(prefix), description=f"The {what}'s id, `{prefix}_…`")


UserPath = Annotated[str, id_path("usr", "account")]
"""A customer in a path."""


TimeQuery = Annotated[
    str,
    Query(max_length=40, description="RFC 3339; absent: no bound", examples=["2026-11-01T00:00:00Z"]),
]


def read_time(name: str, text: str) -> int:
    """Read the time of a parameter in microseconds; 0 when it is absent. Raises Invalid, which names it."""
    try:
        return from_rfc3339(text) if text else 0
    except (ValueError, OverflowError) as error:
        raise Invalid.of(name, "must be a time with its zone, such as 2026-11-01T00:00:00Z") from error


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
    if not isinstance(value, str) or not _UNITS.fullmatch(value):
        raise ValueError('must be a string of digits such as "1000000000"')
    units = int(value)
    if abs(units) > MAX_UNITS:
        raise ValueError("is out of range")
    return units


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be greater than zero")
    return value


def _natural(value: int) -> int:
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _from_our_own_code(value: Any, info: ValidationInfo) -> bool:
    # Answers are built from integers; a request, which arrives as parsed JSON, must not pass for one.
    strict = bool(info.config and info.config.get("strict"))
    return type(value) is int and not strict


def _written(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


MoneyText = Annotated[
    int,
    BeforeValidator(_money),
    PlainSerializer(money_text, return_type=str),
    _written(f"-?{_DECIMAL}", "20.00"),
]
"""Money: `"20.00"` in JSON, units of scale 6 in Python. In answers give the integer units."""
PositiveMoney = Annotated[
    int,
    BeforeValidator(_money),
    AfterValidator(_positive),
    PlainSerializer(money_text, return_type=str),
    _written(rf"(?!0(\.0+)?$){_DECIMAL}", "20.00"),
]
UnitsText = Annotated[
    int,
    BeforeValidator(_units),
    PlainSerializer(str, return_type=str),
    _written(f"-?{_WHOLE}", "1000000000"),
]
"""Units of an access asset: `"1000000000"` in JSON, an int in Python."""
NaturalUnits = Annotated[
    int,
    BeforeValidator(_units),
    AfterValidator(_natural),
    PlainSerializer(str, return_type=str),
    _written(_WHOLE, "1000000000"),
]
PositiveUnits = Annotated[
    int,
    BeforeValidator(_units),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    _written("[1-9][0-9]{0,18}", "1000000000"),
]
UtcTime = Annotated[
    int,
    PlainSerializer(to_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time of an answer: microseconds in Python, RFC 3339 in JSON."""
