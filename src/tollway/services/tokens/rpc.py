"""The service API of the tokens service."""

from collections.abc import AsyncGenerator
from typing import Any

from tollway.contracts import tokens_pb2, tokens_pb2_grpc
from tollway.contracts.clients import CLIENT_KINDS, ClientRef
from tollway.fabric.rpc import current
from tollway.kit.errors import Invalid
from tollway.services.tokens.service import Tokens


class TokensRpc(tokens_pb2_grpc.TokensServicer):
    """Serves `contracts/tokens.proto`."""

    def __init__(self, service: Tokens) -> None:
        self._service = service

    async def OpenSession(
        self, request: tokens_pb2.OpenSessionRequest, context: Any
    ) -> tokens_pb2.SessionTokens:
        """Open a session and return its tokens. Raises Invalid."""
        granted = await self._service.open_session(
            request.user_id,
            _read_client(request.client),
            roles=request.roles,
            amr=request.amr,
            user_agent=request.user_agent,
            ip=request.ip,
        )
        return tokens_pb2.SessionTokens(
            session_id=granted.session.id,
            access_token=granted.access_token,
            access_expires_at_us=granted.expires_at_us,
            refresh_token=granted.refresh_token,
            cookie=granted.cookie,
            csrf_token=granted.csrf_token,
        )

    async def ExchangeCookie(
        self, request: tokens_pb2.ExchangeCookieRequest, context: Any
    ) -> tokens_pb2.ExchangeCookieResponse:
        """Turn a browser's cookie into a current access token. Raises SessionEnded."""
        granted = await self._service.exchange_cookie(request.cookie)
        return tokens_pb2.ExchangeCookieResponse(
            session_id=granted.session.id,
            user_id=granted.session.user_id,
            access_token=granted.access_token,
            access_expires_at_us=granted.expires_at_us,
            csrf_token=granted.csrf_token,
        )

    async def Revoke(self, request: tokens_pb2.RevokeRequest, context: Any) -> tokens_pb2.RevokeResponse:
        """End one session, or all of a user's. Raises Invalid when neither is named."""
        ended = await self._service.revoke(
            request.reason,
            session_id=request.session_id,
            user_id=request.user_id,
            except_session_id=request.except_session_id,
            opened_until_us=request.opened_until_us,
        )
        return tokens_pb2.RevokeResponse(sessions=ended)

    async def IssueServiceToken(
        self, request: tokens_pb2.IssueServiceTokenRequest, context: Any
    ) -> tokens_pb2.ServiceToken:
        """Return the caller's own access token. Raises Forbidden for one that calls nothing by itself."""
        token, expires_at_us = await self._service.issue_service_token(current().caller_service)
        return tokens_pb2.ServiceToken(access_token=token, expires_at_us=expires_at_us)

    async def GetKeys(self, request: tokens_pb2.GetKeysRequest, context: Any) -> tokens_pb2.GetKeysResponse:
        """Return the public keys, and what tokens name as issuer and audience."""
        names = self._service.names
        return tokens_pb2.GetKeysResponse(
            jwks_json=await self._service.keys.jwks(), issuer=names.issuer, audience=names.audience
        )

    async def FollowRevocations(
        self, request: tokens_pb2.FollowRevocationsRequest, context: Any
    ) -> AsyncGenerator[tokens_pb2.Revocation, None]:
        """Stream what ended after a number, then what ends as it happens, with heartbeats."""
        async for entry in self._service.follow_revocations(request.after):
            yield tokens_pb2.Revocation(
                sequence=entry.sequence,
                session_id=entry.session_id,
                user_id=entry.user_id,
                at_us=entry.at_us,
                kid=entry.kid,
            )


def _read_client(client: tokens_pb2.ClientRef) -> ClientRef:
    for kind in CLIENT_KINDS:
        if client.kind == kind:
            return ClientRef(kind, client.client_id, tuple(client.scopes))
    raise Invalid.of("client.kind", f"must be one of {', '.join(CLIENT_KINDS)}")
