"""The REST side of profiles and preferences."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tollway.fabric.rest import Body, CurrentUser, UtcTime, route
from tollway.kit.errors import Conflict, Invalid
from tollway.services.users import model
from tollway.services.users.model import Profile
from tollway.services.users.service import Users


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

    return routes


def _show(profile: Profile, response: Response) -> ProfileView:
    response.headers["ETag"] = f'"{profile.version}"'
    return ProfileView.model_validate(profile)
