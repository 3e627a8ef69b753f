"""What an operator may change about orders."""

from pydantic import BaseModel, ConfigDict, Field


class OrdersSettings(BaseModel):
    """Section `orders`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quote_ttl_s: float = Field(30, gt=0, description="How long a quoted price is kept, in seconds")
    max_open_quotes: int = Field(
        50, ge=1, description="Quotes a customer may have at once; each counts as sold while it is kept"
    )
    settle_within_s: float = Field(
        60, gt=0, description="An order that has not reached its pivot after this many seconds is undone"
    )
    hold_margin_s: float = Field(
        3600, gt=0, description="How long holds outlive that moment, so that none lapses under a late capture"
    )
    stuck_after_s: float = Field(
        10, gt=0, description="An order that stood still for this many seconds is resumed"
    )
