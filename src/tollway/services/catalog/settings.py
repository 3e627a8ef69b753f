"""What an operator may change about the catalogue."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MILLION = 1_000_000
Millionths = Annotated[int, Field(ge=0)]


class CatalogSettings(BaseModel):
    """Section `catalog`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fee_ppm: int = Field(
        0, ge=0, lt=1_000_000, description="The operator's fee on top of the price, in millionths of it"
    )
    scarcity_curve: tuple[tuple[Millionths, Millionths], ...] = Field(
        ((0, MILLION), (700_000, MILLION), (900_000, 1_150_000), (MILLION, 1_300_000)),
        description="Points of (part of the capacity that is sold, factor on the list price), in millionths; "
        "straight lines between them",
    )
    spread_ppm: int = Field(
        100_000, ge=0, lt=MILLION, description="How far the bid lies below the ask, in millionths of the ask"
    )
    inventory_cache_s: float = Field(
        3.0, ge=0, description="How long a price may rest on the same look at the inventory, in seconds"
    )

    @model_validator(mode="after")
    def _curve_rises(self) -> Self:
        points = self.scarcity_curve
        if not points or points[0][0] != 0 or points[-1][0] != MILLION:
            raise ValueError("scarcity_curve must start at 0 and end at 1000000 sold")
        for (sold, factor), (next_sold, next_factor) in pairwise(points):
            if next_sold <= sold or next_factor < factor:
                raise ValueError("scarcity_curve must go up: the more is sold, the dearer it gets")
        if points[0][1] == 0:
            raise ValueError("scarcity_curve must start with a factor above 0, or things would be free")
        return self
