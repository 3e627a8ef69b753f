"""What a new platform sells: what it can do by itself. Everything leaves by the platform's own addresses."""

from tollway.contracts.protocols import SOLD_PROTOCOLS
from tollway.kit.times import DAY_US
from tollway.services.catalog.model.products import Product

_GB = 1_000_000_000
FIRST_CAPACITY_UNITS = 100_000 * _GB
FIRST_PLAN_LOTS = (1, 10, 100)


def _bandwidth(tier: str, name: str, description: str, validity_days: int) -> Product:
    return Product(
        asset=f"bandwidth.datacenter.{tier}",
        name=name,
        description=description,
        protocols=SOLD_PROTOCOLS,
        tier=tier,
        unit="byte",
        lot_units=_GB,
        min_units=_GB // 1000,
        max_units=10_000 * _GB,
        validity_us=validity_days * DAY_US,
    )


# Each with its list price per GB, in millionths of the currency.
FIRST_CATALOGUE: tuple[tuple[Product, dict[str, int]], ...] = (
    (
        _bandwidth(
            "budget",
            "Datacenter bandwidth, 30 days",
            "Traffic leaves by the platform's own addresses. Unused bytes lapse after 30 days.",
            30,
        ),
        {"USD": 1_500_000, "EUR": 1_400_000},
    ),
    (
        _bandwidth(
            "standard",
            "Datacenter bandwidth, 90 days",
            "Traffic leaves by the platform's own addresses. Unused bytes lapse after 90 days.",
            90,
        ),
        {"USD": 3_000_000, "EUR": 2_800_000},
    ),
    (
        _bandwidth(
            "premium",
            "Datacenter bandwidth, without end",
            "Traffic leaves by the platform's own addresses. Bytes never lapse.",
            0,
        ),
        {"USD": 6_000_000, "EUR": 5_600_000},
    ),
)
