"""What of payments needs a person."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tollway.fabric.rest import UtcTime, route
from tollway.services.payments.http.views import ReviewedView
from tollway.services.payments.service import Payments


class PaymentsOverview(BaseModel):
    """What of payments waits for a person."""

    model_config = ConfigDict(from_attributes=True)

    in_review: Annotated[int, Field(description="Deposits that need a decision")]
    oldest_review_at: Annotated[
        UtcTime | None, Field(description="When the oldest of them was made; null when there is none")
    ]
    reviews: Annotated[list[ReviewedView], Field(description="The newest of them, 50 at most")]
    owing: Annotated[int, Field(description="Debts that stand open")]
    gave_up: Annotated[
        int, Field(description="Jobs and events that were tried too often and wait for a person")
    ]


def add_overview_route(api: APIRouter, service: Payments) -> None:
    """Add the route."""

    @api.get(
        "/api/admin/overview/payments",
        tags=["operators"],
        **route(permission="deposits:read", owner="any"),
    )
    async def overview() -> PaymentsOverview:
        """Show the deposits that need a decision, and count the debts that stand open."""
        found = await service.reviews.overview()
        return PaymentsOverview(
            in_review=found.in_review,
            oldest_review_at=found.oldest_us or None,
            reviews=[ReviewedView.model_validate(one) for one in found.reviews],
            owing=found.owing,
            gave_up=found.gave_up,
        )
