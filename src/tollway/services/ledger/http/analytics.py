"""Cost analysis: what the access that was used had cost."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.fabric.rest import CurrentUser, MoneyText, UnitsText, route
from tollway.kit.errors import Invalid
from tollway.kit.times import to_rfc3339
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.costs import CostAnalysis, CostSeries

DEFAULT_DAYS = 30
DayQuery = Annotated[
    str,
    Query(
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])$",
        description="A day of UTC, itself included",
        examples=["2026-11-01"],
    ),
]


class CostPoint(BaseModel):
    day: str = Field(description="The day, in UTC")
    used_units: UnitsText = Field(description="Units that were used")
    used_cost: MoneyText = Field(description="What these units had cost when they were bought")


class CostSeriesView(BaseModel):
    """One asset paid in one currency."""

    asset: str
    currency: str | None = Field(description="What they were paid in; null for units that cost nothing")
    used_units: UnitsText = Field(description="Units that were used, in all")
    used_cost: MoneyText = Field(description="What these units had cost when they were bought")
    expired_units: UnitsText = Field(description="Units whose time ran out before they were used")
    expired_cost: MoneyText = Field(description="What the expired units had cost")
    points: list[CostPoint] = Field(description="What was used day by day")


class CostTotal(BaseModel):
    """One currency."""

    currency: str
    used_cost: MoneyText = Field(description="What the used units had cost")
    expired_cost: MoneyText = Field(description="What the expired units had cost")
    previous_used_cost: MoneyText = Field(
        description="What the units had cost that were used in the period before, which is as long"
    )


class CostAnalysisView(BaseModel):
    """What the access that you used had cost, lot by lot as the books have it, to the last unit."""

    since: str = Field(description="The first day, in UTC")
    until: str = Field(description="The last day, itself included")
    series: list[CostSeriesView] = Field(description="One by asset and currency, the dearest first")
    totals: list[CostTotal] = Field(description="One by currency")


def add_routes(api: APIRouter, service: Ledger) -> None:
    """Add the ledger's routes below /api/analytics."""

    @api.get("/api/analytics/cost-analysis", tags=["analytics"], **route(permission="wallet:read"))
    async def cost_analysis(who: CurrentUser, since: DayQuery = "", until: DayQuery = "") -> CostAnalysisView:
        """Show what the access that you used had cost, of the last 30 days unless you ask for others."""
        last = _day("until", until or to_rfc3339(service.clock.now_us())[:10])
        first = _day("since", since) if since else last - timedelta(days=DEFAULT_DAYS - 1)
        return _view(await service.costs.analyse(who.user_id, first, last))


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid.of(name, "must be a day such as 2026-11-01") from error


def _view(found: CostAnalysis) -> CostAnalysisView:
    currencies = sorted({*found.used, *found.expired, *found.previously_used})
    return CostAnalysisView(
        since=found.days[0],
        until=found.days[-1],
        series=[_series(found.days, one) for one in found.series],
        totals=[
            CostTotal(
                currency=currency,
                used_cost=found.used.get(currency, 0),
                expired_cost=found.expired.get(currency, 0),
                previous_used_cost=found.previously_used.get(currency, 0),
            )
            for currency in currencies
        ],
    )


def _series(days: list[str], one: CostSeries) -> CostSeriesView:
    return CostSeriesView(
        asset=one.asset,
        currency=one.cost_asset or None,
        used_units=sum(one.used_units),
        used_cost=sum(one.used_cost),
        expired_units=one.expired_units,
        expired_cost=one.expired_cost,
        points=[
            CostPoint(day=day, used_units=units, used_cost=cost)
            for day, units, cost in zip(days, one.used_units, one.used_cost, strict=True)
        ],
    )
