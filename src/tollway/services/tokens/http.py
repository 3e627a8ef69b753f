"""The REST side of tokens and sessions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from tollway.contracts.clients import SESSION_COOKIE, ClientKind
from tollway.contracts.errors import SessionEnded, TokenReused
from tollway.fabric.access_tokens import ACCESS_TTL_S
from tollway.fabric.published_keys import ALGORITHM, KEYS_MAX_AGE_S
from tollway.fabric.rest import (
    Body,
    CurrentUser,
    Paging,
    UserPath,
    UtcTime,
    id_path,
    route,
)
from tollway.kit.errors import Conflict, Unauthenticated
from tollway.services.tokens.model import KeyState, UserSession
from tollway.services.tokens.service import IssuedTokens, Tokens


class Refresh(Body):
    refresh_token: str = Field(max_length=200)


class RefreshedTokenView(BaseModel):
    """Tokens as OAuth 2.0 spells them (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str


class SessionView(BaseModel):
    id: str
    client: ClientKind
    user_agent: str
    ip: str
    created_at: UtcTime
    last_used_at: UtcTime
    current: bool


class SessionList(BaseModel):
    items: list[SessionView]
    next_cursor: str


class EndSessions(Body):
    keep_current: bool = Field(False, description="Stay signed in where this request comes from")


class ServerMetadata(BaseModel):
    """The metadata of the authorization server (RFC 8414)."""

    issuer: str
    jwks_uri: str
    token_endpoint: str
    id_token_signing_alg_values_supported: list[str]
    subject_types_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]


class KeyView(BaseModel):
    """A signing key: `next` is published and waits, `active` signs, `retired` is only checked with."""

    model_config = ConfigDict(from_attributes=True)

    kid: str
    state: KeyState
    created_at: UtcTime = Field(validation_alias="created_at_us")
    since: UtcTime = Field(validation_alias="since_us")


class KeyList(BaseModel):
    items: list[KeyView]


def router(service: Tokens) -> APIRouter:
    """Return the routes of the tokens service."""
    routes = APIRouter(tags=["auth"])
    _sessions(routes, service)
    _discovery(routes, service)
    _keys(routes, service)
    _customers(routes, service)
    return routes


def _keys(routes: APIRouter, service: Tokens) -> None:
    @routes.get("/api/admin/keys", tags=["operators"], **route(permission="keys:read", owner="any"))
    async def keys() -> KeyList:
        """List the keys that access tokens are signed and checked with, the oldest first."""
        return await _key_list(service)

    @routes.post(
        "/api/admin/keys/rotate",
        tags=["operators"],
        **route(permission="keys:manage", owner="any", audit="auth:key:rotate", problems=(Conflict,)),
    )
    async def rotate() -> KeyList:
        """Sign with the next key from now on. It happens by itself every month; nobody has to sign in again."""
        await service.keys.rotate()
        return await _key_list(service)

    @routes.delete(
        "/api/admin/keys/{kid}",
        tags=["operators"],
        **route(permission="keys:manage", owner="any", audit="auth:key:revoke", problems=(Conflict,)),
    )
    async def revoke_key(
        kid: Annotated[str, Path(max_length=100, description="The key's id (RFC 7517)")],
    ) -> KeyList:
        """Publish a key no more, because it was stolen. What it signed is refused within a second."""
        await service.keys.revoke(kid)
        return await _key_list(service)


def _customers(routes: APIRouter, service: Tokens) -> None:
    @routes.get(
        "/api/admin/users/{user_id}/sessions",
        tags=["operators"],
        **route(permission="sessions:read", owner="any"),
    )
    async def customers_sessions(user_id: UserPath, page: Paging) -> SessionList:
        """List where a customer is signed in, newest first."""
        found = await service.sessions(user_id, page.limit, page.cursor)
        return SessionList(items=[_session(one, "") for one in found.items], next_cursor=found.next_cursor)


async def _key_list(service: Tokens) -> KeyList:
    return KeyList(items=[KeyView.model_validate(key) for key in await service.keys.list()])


def _sessions(routes: APIRouter, service: Tokens) -> None:
    @routes.post(
        "/api/auth/refresh",
        **route(
            permission="public",
            audit="auth:session:refresh",
            problems=(SessionEnded, TokenReused, Unauthenticated),
        ),
    )
    async def refresh(body: Refresh, response: Response) -> RefreshedTokenView:
        """Exchange a refresh token, which can be used once, for new tokens."""
        response.headers["Cache-Control"] = "no-store"
        return _tokens(await service.refresh(body.refresh_token))

    @routes.post(
        "/api/auth/logout", status_code=204, **route(permission="auth:write", audit="auth:session:logout")
    )
    async def logout(who: CurrentUser, response: Response) -> None:
        """End the session of this request; a browser also deletes its cookie."""
        await service.revoke("logout", session_id=who.session_id, user_id=who.user_id)
        _forget_session(response)

    @routes.get("/api/auth/sessions", **route(permission="auth:read"))
    async def sessions(who: CurrentUser, page: Paging) -> SessionList:
        """List where you are signed in, newest first."""
        found = await service.sessions(who.user_id, page.limit, page.cursor)
        items = [_session(one, who.session_id) for one in found.items]
        return SessionList(items=items, next_cursor=found.next_cursor)

    @routes.post(
        "/api/auth/sessions/end",
        status_code=204,
        **route(permission="auth:write", audit="auth:session:revoke_all"),
    )
    async def end_sessions(who: CurrentUser, response: Response, body: EndSessions | None = None) -> None:
        """Sign out everywhere, or everywhere else: access tokens end with their sessions, within a second."""
        kept = who.session_id if body is not None and body.keep_current else ""
        await service.revoke("signed_out_everywhere", user_id=who.user_id, except_session_id=kept)
        if not kept:
            _forget_session(response)

    @routes.delete(
        "/api/auth/sessions/{session_id}",
        status_code=204,
        **route(permission="auth:write", audit="auth:session:revoke"),
    )
    async def end_session(session_id: Annotated[str, id_path("ses", "session")], who: CurrentUser) -> None:
        """Sign out one of your browsers or programs."""
        await service.end_own(who.user_id, session_id, "ended_by_user")


def _forget_session(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cookies", "storage"'


def _discovery(routes: APIRouter, service: Tokens) -> None:
    @routes.get("/.well-known/jwks.json", **route(permission="public"))
    async def jwks() -> Response:
        """Return the public keys that access tokens are checked with (RFC 7517)."""
        headers = {"Cache-Control": f"public, max-age={KEYS_MAX_AGE_S}"}
        return Response(await service.keys.jwks(), 200, headers, "application/json")

    @routes.get("/.well-known/openid-configuration", **route(permission="public"))
    async def metadata() -> ServerMetadata:
        """Show the metadata of the authorization server (RFC 8414)."""
        issuer = service.names.issuer.rstrip("/")
        return ServerMetadata(
            issuer=service.names.issuer,
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            token_endpoint=f"{issuer}/api/auth/token",
            id_token_signing_alg_values_supported=[ALGORITHM],
            subject_types_supported=["public"],
            response_types_supported=[],
            grant_types_supported=["password", "refresh_token"],
        )


def _tokens(granted: IssuedTokens) -> RefreshedTokenView:
    return RefreshedTokenView(
        access_token=granted.access_token,
        expires_in=ACCESS_TTL_S,
        refresh_token=granted.refresh_token,
    )


def _session(one: UserSession, current: str) -> SessionView:
    return SessionView(
        id=one.id,
        client=one.client.kind,
        user_agent=one.user_agent,
        ip=one.ip,
        created_at=one.created_at_us,
        last_used_at=one.last_used_at_us,
        current=one.id == current,
    )
