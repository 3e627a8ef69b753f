"""Where traffic can leave, with what is known of each place."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tollway.fabric.rest import CurrentUser, route
from tollway.services.access.service import Access
from tollway.services.access.service.locations import UPTIME_DAYS, LocationFigures


class LocationFiguresView(BaseModel):
    """A location. A figure that is null is not known: nobody measures it, or a node does not say it."""

    id: str
    name: str
    country: str
    region: str
    city: str
    nodes_up: int = Field(description="Proxy nodes that serve it and were in touch within the last minute")
    load: float | None = Field(
        description="The part of what those nodes are meant to carry that they carry now, 0 to 1 and above"
    )
    uptime: float | None = Field(
        description=f"The part of the last {UPTIME_DAYS} days with a node that was up, by a look each minute, 0 to 1"
    )
    uptime_since: str | None = Field(
        description="The first day of those (UTC) on which it was looked", examples=["2026-11-01"]
    )


class LocationFiguresList(BaseModel):
    items: list[LocationFiguresView]


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the route of locations."""

    @api.get("/api/proxy/locations", tags=["proxy"], **route(permission="access:read"))
    async def locations(who: CurrentUser) -> LocationFiguresList:  # noqa: ARG001  who asks must be known
        """List where traffic can leave, with load and uptime as far as the platform knows them."""
        return LocationFiguresList(items=[_view(one) for one in await service.locations.all()])


def _view(one: LocationFigures) -> LocationFiguresView:
    place, presence = one.location, one.presence
    return LocationFiguresView(
        id=place.id,
        name=place.name,
        country=place.country,
        region=place.region,
        city=place.city,
        nodes_up=one.nodes_up,
        load=one.load,
        uptime=None if presence is None else presence.up / presence.looks,
        uptime_since=None if presence is None else presence.since,
    )
