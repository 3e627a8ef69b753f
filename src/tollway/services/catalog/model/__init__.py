"""What the catalogue is made of. Pure: no clock, no database, no service API.

products.py         a product, a prepaid plan, capacity that is put up for sale
prices.py           list prices, prices of a moment, and the arithmetic between them
first_catalogue.py  what a new platform sells
"""

from tollway.services.catalog.model.first_catalogue import (
    FIRST_CAPACITY_UNITS,
    FIRST_CATALOGUE,
    FIRST_PLAN_LOTS,
)
from tollway.services.catalog.model.prices import (
    ListPrice,
    Price,
    PriceLine,
    check_list_price,
    cost_of,
    price_at,
    price_line,
    scarcity_factor,
    sold_ppm,
)
from tollway.services.catalog.model.products import (
    CapacityIssue,
    PrepaidPlan,
    Product,
    check_product,
    check_quantity,
)

__all__ = [
    "FIRST_CAPACITY_UNITS",
    "FIRST_CATALOGUE",
    "FIRST_PLAN_LOTS",
    "CapacityIssue",
    "ListPrice",
    "PrepaidPlan",
    "Price",
    "PriceLine",
    "Product",
    "check_list_price",
    "check_product",
    "check_quantity",
    "cost_of",
    "price_at",
    "price_line",
    "scarcity_factor",
    "sold_ppm",
]
