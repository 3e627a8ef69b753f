"""The record for operators."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tollway.fabric.jobs import LongRun
from tollway.fabric.rest import (
    PRINTABLE,
    CurrentUser,
    LongRunView,
    Paging,
    TimeQuery,
    UtcTime,
    long_run_fields,
    read_time,
    route,
)
from tollway.kit.ids import id_pattern
from tollway.services.audit.service import Audit
from tollway.services.audit.store import EntryFilter

READ = route(permission="audit:read", owner="any")


UserQuery = Annotated[
    str, Query(pattern=id_pattern("usr"), description="Only what this customer did, or what concerns them")
]


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Somebody altered it: the operator should see what is there now.
        return text


class EntryView(BaseModel):
    """One thing that happened. `actor` did it, by a call tagged `action`; `hash` seals it and all before it."""

    model_config = ConfigDict(from_attributes=True)

    sequence: int
    event_id: str
    topic: str
    source: str
    subject: str
    actor: str
    action: str
    at: UtcTime = Field(validation_alias="at_us")
    correlation_id: str
    data: Annotated[Any, BeforeValidator(_data)]
    hash: str


class EntryList(BaseModel):
    items: list[EntryView]
    next_cursor: str


class VerdictView(BaseModel):
    """Whether the record is whole, and its last hash, to be noted elsewhere and compared later."""

    ok: bool
    entries: int
    head: str
    findings: list[str]


class TrailVerification(LongRunView):
    """The last verification of the record."""

    verdict: VerdictView | None = Field(description="What it came to; null until it is done")


def _view(run: LongRun) -> TrailVerification:
    found = VerdictView.model_validate(run.result) if run.result else None
    return TrailVerification.model_validate({**long_run_fields(run), "verdict": found})


def router(service: Audit) -> APIRouter:
    """Make the routes under /api/admin/audit."""
    api = APIRouter(tags=["operators"])

    @api.get("/api/admin/audit", **READ)
    async def entries(
        page: Paging,
        subject: Annotated[
            str,
            Query(
                max_length=200, pattern=PRINTABLE, description="Only what is about this id, or was done by it"
            ),
        ] = "",
        topic: Annotated[
            str,
            Query(
                max_length=100, pattern=PRINTABLE, description="Only this kind of event, e.g. USER_LOGGED_IN"
            ),
        ] = "",
        user_id: UserQuery = "",
        since: TimeQuery = "",
        until: TimeQuery = "",
    ) -> EntryList:
        """List what happened in [since, until), newest first."""
        only = EntryFilter(subject, topic, user_id, read_time("since", since), read_time("until", until))
        found = await service.entries(only, page.limit, page.cursor)
        return EntryList(
            items=[EntryView.model_validate(entry) for entry in found.items], next_cursor=found.next_cursor
        )

    @api.get("/api/admin/audit/verify", **READ)
    async def verification() -> TrailVerification:
        """Show how far the verification of the record is, or what the last one came to."""
        return _view(await service.verification.read())

    @api.post(
        "/api/admin/audit/verify",
        status_code=202,
        **route(permission="audit:manage", owner="any", limit="verification", audit="audit:trail:verify"),
    )
    async def verify(who: CurrentUser) -> TrailVerification:
        """Have the record recomputed from its first entry, to find where it was altered, if it was.

        While it is, this changes nothing.
        """
        return _view(await service.request_verification(who.user_id))

    return api
