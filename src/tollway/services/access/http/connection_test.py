"""Testing the whole way through a proxy."""

from typing import Annotated, cast

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tollway.contracts.errors import AccountSuspended
from tollway.fabric.rest import Body, CurrentUser, UtcTime, id_path, route
from tollway.kit.errors import Conflict, NotFound, TooManyRequests
from tollway.kit.ids import id_pattern
from tollway.services.access.http.views import Word
from tollway.services.access.model import CustomerSession
from tollway.services.access.model.connection_test import (
    ConnectionTest,
    ConnectionTestState,
    StepResult,
    StepResultName,
    hint,
)
from tollway.services.access.service import Access

TestId = Annotated[str, id_path("tst", "connection test")]


class NewTest(Body):
    """What to test. There is no target to choose: it is the operator's."""

    resource_id: Annotated[
        str, Field(pattern=id_pattern("res"), description="The access to log in with, `res_…`")
    ]
    location: Word | None = Field(default=None, description="Where to leave; absent: as the access does")


class StepResultView(BaseModel):
    """One step of a test. `target` is reached through the exit; `exit` reads from its answer who the outside sees."""

    name: StepResultName = Field(description="Which step")
    ok: bool = Field(description="Whether it went well; after one that did not there are no more")
    ms: float | None = Field(
        description="Milliseconds that it took; null: it was answered together with the next step"
    )
    detail: str = Field(description="What was found: an address, or why it failed")
    code: str = Field(description="Why it failed, for programs; empty when it went well")
    hint: str = Field(description="What to do about it; empty when it went well")


class ConnectionTestView(BaseModel):
    """A test. Ask again while it is `running`; it is kept for a day."""

    id: str
    resource_id: str
    location: str = Field(description="Where it leaves; empty: as the access does")
    node: str = Field(description="The edge node that carries it out")
    state: ConnectionTestState = Field(
        description="`running`; `passed`; `failed` at its last step; `unanswered` when the node did not finish in time"
    )
    steps: list[StepResultView] = Field(description="The steps so far")
    created_at: UtcTime


def add_routes(api: APIRouter, service: Access) -> None:
    """Add the routes below /api/proxy/test."""

    @api.post(
        "/api/proxy/test",
        status_code=202,
        tags=["proxy"],
        **route(
            permission="access:write",
            audit="access:test:start",
            problems=(NotFound, AccountSuspended, Conflict, TooManyRequests),
        ),
    )
    async def start(body: NewTest, who: CurrentUser) -> ConnectionTestView:
        """Have a node go through its own proxy with your access, as a client would, and say what each step found.

        It is a real connection with a credential of its own, so its bytes are metered and charged.
        """
        sign_in = CustomerSession(who.session_id, who.auth_time_us)
        test = await service.connection_tests.start(
            who.user_id, body.resource_id, body.location or "", sign_in
        )
        return _view(test, test.created_at_us)

    @api.get("/api/proxy/test/{test_id}", tags=["proxy"], **route(permission="access:read"))
    async def show(test_id: TestId, who: CurrentUser) -> ConnectionTestView:
        """Show a test with the steps that it has taken so far."""
        return _view(*await service.connection_tests.get(who.user_id, test_id))


def _view(test: ConnectionTest, now_us: int) -> ConnectionTestView:
    return ConnectionTestView(
        id=test.id,
        resource_id=test.resource_id,
        location=test.location,
        node=test.node,
        state=test.state(now_us),
        steps=[_step(one) for one in test.steps],
        created_at=test.created_at_us,
    )


def _step(one: StepResult) -> StepResultView:
    ms = None if one.duration_us is None else one.duration_us / 1000
    return StepResultView(
        name=cast("StepResultName", one.name),
        ok=one.ok,
        ms=ms,
        detail=one.detail,
        code=one.code,
        hint=hint(one),
    )
