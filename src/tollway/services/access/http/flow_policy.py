"""A customer's own rules for an access: blocked domains and ports, and when it may be used."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from tollway.fabric.rest import PRINTABLE, Body, CurrentUser, route
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.kit.errors import Conflict
from tollway.services.access.http.views import ResourceId
from tollway.services.access.model import Resource
from tollway.services.access.model.flow_policy import (
    MAX_DOMAINS,
    MAX_PORTS,
    MAX_WINDOWS,
    FlowPolicy,
    Window,
)
from tollway.services.access.service import Access

Domain = Annotated[str, Field(min_length=1, max_length=253, pattern=PRINTABLE, examples=["ads.example.com"])]
Port = Annotated[int, Field(ge=1, le=65_535)]
TimeOfDay = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["08:00"])]


class WindowBody(Body):
    """From `start` until before `end` on one day of the week; 1 is Monday."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    start: TimeOfDay
    end: TimeOfDay


class ScheduleBody(Body):
    """When connections may run, in the time of a zone. A window over midnight is two windows."""

    time_zone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"])] = "UTC"
    windows: Annotated[list[WindowBody], Field(min_length=1, max_length=MAX_WINDOWS)]


class FlowPolicyBody(Body):
    """The rules from now on; what is left out is not restricted."""

    blocked_domains: Annotated[list[Domain], Field(max_length=MAX_DOMAINS, default_factory=list)]
    blocked_ports: Annotated[list[Port], Field(max_length=MAX_PORTS, default_factory=list)]
    schedule: ScheduleBody | None = None


class WindowView(BaseModel):
    """From `start` until before `end` on one day of the week; 1 is Monday."""

    weekday: int
    start: str
    end: str


class ScheduleView(BaseModel):
    """When connections may run."""

    time_zone: str
    windows: list[WindowView]


class FlowPolicyView(BaseModel):
    """An access's own rules. A blocked domain stands for itself and all below it; without a schedule: always."""

    blocked_domains: tuple[str, ...]
    blocked_ports: tuple[int, ...]
    schedule: ScheduleView | None


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes of /api/access/resources/{resource_id}/policy."""

    @api.get(
        "/api/access/resources/{resource_id}/policy",
        response_model=FlowPolicyView,
        responses=TAGGED,
        tags=["access"],
        **route(permission="access:read"),
    )
    async def flow_policy(resource_id: ResourceId, request: Request, who: CurrentUser) -> Response:
        """Show the rules of an access."""
        found, _ = await service.resources.get(who.user_id, resource_id)
        return tagged(request, _view(found))

    @api.put(
        "/api/access/resources/{resource_id}/policy",
        tags=["access"],
        **route(permission="access:write", audit="access:policy:change", problems=(Conflict,)),
    )
    async def set_flow_policy(
        resource_id: ResourceId, body: FlowPolicyBody, who: CurrentUser
    ) -> FlowPolicyView:
        """Replace the rules of an access; open connections are held to them within a second."""
        changed = await service.resources.change(who.user_id, resource_id, policy=_policy(body))
        return _view(changed)


def _policy(body: FlowPolicyBody) -> FlowPolicy:
    if body.schedule is None:
        return FlowPolicy.checked(body.blocked_domains, body.blocked_ports)
    windows = [Window(one.weekday, _minutes(one.start), _minutes(one.end)) for one in body.schedule.windows]
    return FlowPolicy.checked(body.blocked_domains, body.blocked_ports, body.schedule.time_zone, windows)


def _view(resource: Resource) -> FlowPolicyView:
    policy = resource.policy
    windows = [
        WindowView(weekday=one.weekday, start=_time(one.start_minute), end=_time(one.end_minute))
        for one in policy.windows
    ]
    return FlowPolicyView(
        blocked_domains=policy.blocked_domains,
        blocked_ports=policy.blocked_ports,
        schedule=ScheduleView(time_zone=policy.time_zone, windows=windows) if windows else None,
    )


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
