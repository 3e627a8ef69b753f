"""What a customer sees first, in one answer."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tollway.fabric.rest import CHECKOUT_TIME_LIMIT_S, CurrentUser, MoneyText, UnitsText, UtcTime, route
from tollway.services.access.http.usage import (
    ConnectionView,
    StatsView,
    TotalView,
    connection_fields,
    stats_fields,
    total_fields,
)
from tollway.services.access.http.views import EndpointView, endpoint_view
from tollway.services.access.model.standing import StandingReason, StandingState
from tollway.services.access.service import Access
from tollway.services.access.service.dashboard import Dashboard, StepName
from tollway.services.access.service.holdings import Held

Part = Literal["allowances", "cash", "steps"]
OF_THE_LEDGER: tuple[Part, ...] = ("allowances", "cash", "steps")


class DashboardAllowance(BaseModel):
    """What is left of an asset: `left` to use, of which `reserved` is in the hands of nodes."""

    asset: str
    unit: str = Field(description="What it is counted in: `byte`, `second`")
    left: UnitsText = Field(description="Units that can be used, reserved ones included")
    reserved: UnitsText
    expiring: UnitsText = Field(description="Units that are lost at `expires_at` unless they are used before")
    expires_at: UtcTime | None = Field(description="When something of it expires next; null: never")


class DashboardCash(BaseModel):
    """Money in one currency."""

    currency: str
    balance: MoneyText
    available: MoneyText


class DashboardStep(BaseModel):
    """A step on the way to the first connection."""

    name: StepName = Field(description="`top_up` the wallet, `buy` data, `connect` a client")
    done: bool = Field(description="Whether it was done once")


class DashboardView(BaseModel):
    """What you see first. A part that is null could not be had now, and is named in `unavailable`."""

    state: StandingState = Field(
        description="Whether clients can connect now: `working`; `stopped`, which you can mend yourself or wait for; "
        "`suspended`, which only the operator can lift; `unknown`"
    )
    reason: StandingReason | None = Field(description="Why it is not working; null when it is")
    allowances: list[DashboardAllowance] | None
    cash: list[DashboardCash] | None
    usage: StatsView = Field(description="What you used: ever, this month, today and by protocol")
    previous_day: TotalView = Field(description="What you used on the day before today (UTC)")
    endpoints: list[EndpointView]
    connections: list[ConnectionView] = Field(description="Your five newest connections, newest first")
    steps: list[DashboardStep] | None = Field(description="The steps to a first connection, in their order")
    unavailable: list[Part] = Field(
        description="The parts that are missing because their service does not answer"
    )


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the dashboard's route."""

    @api.get(
        "/api/dashboard",
        tags=["usage"],
        **route(permission="dashboard:read", time_limit_s=CHECKOUT_TIME_LIMIT_S),
    )
    async def dashboard(who: CurrentUser) -> DashboardView:
        """Show in one answer whether you can connect, what is left and what goes on."""
        return _view(await service.dashboards.read(who.user_id))


def _view(found: Dashboard) -> DashboardView:
    state, reason = found.standing
    held, steps = found.held, found.steps
    return DashboardView(
        state=state,
        reason=reason,
        allowances=None if held is None else _allowances(held),
        cash=None if held is None else _cash(held),
        usage=StatsView(**stats_fields(found.stats)),
        previous_day=TotalView(**total_fields(found.previous_day)),
        endpoints=[endpoint_view(one) for one in found.endpoints],
        connections=[ConnectionView(**connection_fields(one)) for one in found.connections],
        steps=None if steps is None else [DashboardStep(name=one.name, done=one.done) for one in steps],
        unavailable=list(OF_THE_LEDGER) if held is None else [],
    )


def _allowances(held: Held) -> list[DashboardAllowance]:
    return [
        DashboardAllowance(
            asset=one.asset,
            unit=one.unit,
            left=one.balance,
            reserved=one.reserved,
            expiring=one.expiring,
            expires_at=one.expires_at_us or None,
        )
        for one in held.allowances
    ]


def _cash(held: Held) -> list[DashboardCash]:
    return [
        DashboardCash(currency=one.currency, balance=one.balance, available=one.available)
        for one in held.cash
    ]
