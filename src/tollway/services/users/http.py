"""The REST side of profiles and preferences."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tollway.fabric.rest import RECENT_S, Body, CurrentUser, UtcTime, id_path, route
from tollway.kit.errors import Conflict, Invalid
from tollway.services.users import model
from tollway.services.users.model import Export, ExportState, Profile
from tollway.services.users.service import Users

# For the API description.
ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ChangeProfile(Body):
    """What is left out stays as it is."""

    display_name: str | None = Field(None, max_length=model.MAX_NAME, examples=["Ann"])
    locale: str | None = Field(None, max_length=20, examples=["pt-BR"])
    time_zone: str | None = Field(None, max_length=64, examples=["Europe/Berlin"])


class ProfileView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: str
    display_name: str
    locale: str
    time_zone: str
    created_at: UtcTime = Field(validation_alias="created_at_us")
    updated_at: UtcTime = Field(validation_alias="updated_at_us")


class Preferences(Body):
    """The whole set: what is left out is gone."""

    preferences: dict[str, str] = Field(max_length=model.MAX_PREFERENCES, examples=[{"theme": "dark"}])


class PreferencesView(BaseModel):
    preferences: dict[str, str]


class ExportView(BaseModel):
    """A file with all that the platform keeps of you."""

    id: str
    state: ExportState = Field(description="working: it is being made; ready: it can be downloaded")
    requested_at: UtcTime = Field(description="When it was asked for")
    expires_at: UtcTime | None = Field(
        description="Until when it can be downloaded; null while it is being made"
    )
    size_bytes: int = Field(description="Of the file; 0 while it is being made")


class ExportList(BaseModel):
    items: list[ExportView]


_CHECKS = {"display_name": model.check_name, "locale": model.check_locale, "time_zone": model.check_time_zone}


def router(service: Users) -> APIRouter:
    """Return the routes of the users service."""
    routes = APIRouter(tags=["users"])

    @routes.get("/api/users/me", **route(permission="profile:read"))
    async def show(who: CurrentUser, response: Response) -> ProfileView:
        """Show your profile; it is made on first use."""
        return _show(await service.profile(who.user_id), response)

    @routes.patch(
        "/api/users/me",
        **route(permission="profile:write", audit="users:profile:change", problems=(Conflict,)),
    )
    async def change(body: ChangeProfile, who: CurrentUser, response: Response) -> ProfileView:
        """Change some of your profile."""
        given: dict[str, Any] = body.model_dump(exclude_unset=True)
        if missing := [name for name, value in given.items() if value is None]:
            raise Invalid.of(missing[0], "cannot be null; leave it out to keep it")
        changes = {name: _CHECKS[name](value) for name, value in given.items()}
        return _show(await service.change(who.user_id, changes), response)

    @routes.get("/api/users/me/preferences", **route(permission="profile:read"))
    async def preferences(who: CurrentUser) -> PreferencesView:
        """Show your preferences."""
        return PreferencesView(preferences=dict((await service.profile(who.user_id)).preferences))

    @routes.put(
        "/api/users/me/preferences", **route(permission="profile:write", audit="users:preferences:change")
    )
    async def set_preferences(body: Preferences, who: CurrentUser) -> PreferencesView:
        """Replace your preferences."""
        checked = model.check_preferences(body.preferences)
        changed = await service.change(who.user_id, {"preferences": checked})
        return PreferencesView(preferences=dict(changed.preferences))

    _exports(routes, service)
    return routes


def _exports(routes: APIRouter, service: Users) -> None:
    @routes.post(
        "/api/account/export",
        status_code=202,
        tags=["account"],
        **route(
            permission="profile:write",
            limit="login",
            max_auth_age_s=RECENT_S,
            audit="users:export:request",
            problems=(Conflict,),
        ),
    )
    async def request_export(who: CurrentUser) -> ExportView:
        """Ask for a file with all that the platform keeps of you. You get a mail when it is ready."""
        return _view(await service.exports.request(who.user_id))

    @routes.get("/api/account/exports", tags=["account"], **route(permission="profile:read"))
    async def exports(who: CurrentUser) -> ExportList:
        """List the exports of your data that can be downloaded or are being made, newest first."""
        return ExportList(items=[_view(one) for one in await service.exports.list(who.user_id)])

    @routes.get(
        "/api/account/exports/{export_id}",
        tags=["account"],
        responses=ZIP,
        response_class=Response,
        **route(permission="profile:read", kind="stream", max_auth_age_s=RECENT_S),
    )
    async def download(export_id: Annotated[str, id_path("exp", "export")], who: CurrentUser) -> Response:
        """Download an export of your data: a zip with each table as JSON and as CSV. It needs a fresh sign-in."""
        size, pieces = await service.exports.open(who.user_id, export_id)
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": 'attachment; filename="tollway-export.zip"',
            "Cache-Control": "no-store",
        }
        return StreamingResponse(pieces, headers=headers, media_type="application/zip")


def _view(one: Export) -> ExportView:
    return ExportView(
        id=one.id,
        state=one.state,
        requested_at=one.requested_at_us,
        expires_at=one.expires_at_us or None,
        size_bytes=one.size_bytes,
    )


def _show(profile: Profile, response: Response) -> ProfileView:
    response.headers["ETag"] = f'"{profile.version}"'
    return ProfileView.model_validate(profile)
