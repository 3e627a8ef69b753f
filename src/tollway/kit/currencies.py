"""Currencies and their minor units (ISO 4217): the one place that knows how many decimals a currency has.

The ledger keeps every fiat currency at scale 6 (`kit.money`). What leaves the platform or comes in, through a payment
provider or a bank, counts in the currency's minor unit: 0.01 USD, 1 JPY, 0.001 KWD.
"""

from dataclasses import dataclass
from typing import Self

from tollway.kit.money import FIAT_SCALE, format_units

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
    "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
    "SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "
    "ZAR ZMW ZWG"
)
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

MINOR_DECIMALS: dict[str, int] = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    **dict.fromkeys(_FOUR_DECIMALS.split(), 4),
}
"""Currency code → decimals of its minor unit."""


@dataclass(frozen=True, slots=True)
class Minor:
    """An amount in a currency's minor unit: `Minor("USD", 2000)` is 20.00 USD, `Minor("JPY", 20)` is 20 JPY."""

    currency: str
    count: int

    @classmethod
    def of(cls, units: int, currency: str) -> Self:
        """Convert money of scale 6. Raises ValueError when it is finer than the minor unit; never rounds."""
        count, rest = divmod(units, minor_unit(currency))
        if rest:
            smallest = format_units(1, decimals) if (decimals := minor_decimals(currency)) else "1"
            shown = format_units(units, FIAT_SCALE).rstrip("0")
            raise ValueError(f"{shown} is finer than the smallest amount of {currency}, which is {smallest}")
        return cls(currency, count)

    @property
    def units(self) -> int:
        """The same amount at scale 6. Raises ValueError for an unknown currency."""
        return self.count * minor_unit(self.currency)


def minor_decimals(currency: str) -> int:
    """Return how many decimals a currency's minor unit has. Raises ValueError for an unknown currency."""
    if currency not in MINOR_DECIMALS:
        raise ValueError(f"{currency[:20]} is not a currency of ISO 4217")
    return MINOR_DECIMALS[currency]


def minor_unit(currency: str) -> int:
    """Return the minor unit of a currency at scale 6: 10,000 for USD. Raises ValueError when it is unknown."""
    return 10 ** (FIAT_SCALE - minor_decimals(currency))
