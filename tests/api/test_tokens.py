"""The tokens service API, in process and over gRPC."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import TRANSPORTS, ServiceApi, Transport, api
from tests.kit.tokens import SECRET, USER, tokens_service, verifier_of
from tollway.contracts import tokens_pb2, tokens_pb2_grpc
from tollway.contracts.errors import SessionEnded
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.rpc import call_context
from tollway.kit import tasks
from tollway.kit.errors import Forbidden, Invalid, Unauthenticated, Unavailable
from tollway.services.tokens.rpc import TokensRpc
from tollway.services.tokens.service import Tokens
from tollway.services.tokens.settings import TokensSettings


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Tokens]:
    async with database("sqlite", tmp_path, clock, service_migrations("tokens"), "tokens") as db:
        yield tokens_service(db, clock)


@pytest.fixture(params=TRANSPORTS)
async def tokens(request: pytest.FixtureRequest, service: Tokens) -> AsyncIterator[ServiceApi]:
    transport: Transport = request.param
    async with api(transport, tokens_pb2_grpc, TokensRpc(service), caller="identity") as mounted:
        yield mounted


def opening(kind: str, user_id: str = USER, **client: Any) -> tokens_pb2.OpenSessionRequest:
    fields = {"client_id": "tollway-test", "scopes": ["*"]} | client
    return tokens_pb2.OpenSessionRequest(
        user_id=user_id,
        roles=["customer"],
        amr=["pwd"],
        client=tokens_pb2.ClientRef(kind=kind, **fields),
        user_agent="curl",
        ip="192.0.2.1",
    )


async def test_a_browsers_session_from_opening_to_end(
    tokens: ServiceApi, service: Tokens, clock: FakeClock
) -> None:
    opened = await tokens.stub.OpenSession(opening("browser"))
    assert opened.cookie
    assert not opened.refresh_token
    exchanged = await tokens.stub.ExchangeCookie(tokens_pb2.ExchangeCookieRequest(cookie=opened.cookie))
    assert (exchanged.session_id, exchanged.user_id) == (opened.session_id, USER)
    assert exchanged.csrf_token == opened.csrf_token
    claims = await verifier_of(service, clock).verify(exchanged.access_token)
    assert claims.session_id == opened.session_id
    assert claims.expires_at_us == exchanged.access_expires_at_us
    revoke = tokens_pb2.RevokeRequest(session_id=opened.session_id, reason="logout")
    assert (await tokens.stub.Revoke(revoke)).sessions == 1
    assert (await tokens.stub.Revoke(revoke)).sessions == 0
    with pytest.raises(SessionEnded):
        await tokens.stub.ExchangeCookie(tokens_pb2.ExchangeCookieRequest(cookie=opened.cookie))


async def test_a_program_gets_a_refresh_token_and_no_cookie(tokens: ServiceApi) -> None:
    opened = await tokens.stub.OpenSession(opening("program"))
    assert opened.refresh_token
    assert (opened.cookie, opened.csrf_token) == ("", "")


async def test_bad_requests_are_refused(tokens: ServiceApi) -> None:
    with pytest.raises(Invalid):
        await tokens.stub.OpenSession(opening("telephone"))
    with pytest.raises(Invalid):
        await tokens.stub.OpenSession(opening("program", "nobody"))
    with pytest.raises(Invalid):
        await tokens.stub.Revoke(tokens_pb2.RevokeRequest(reason="x"))


async def test_a_session_is_limited_to_the_scopes_it_was_opened_with(
    tokens: ServiceApi, service: Tokens, clock: FakeClock
) -> None:
    scopes = ["orders:read", "usage:read"]
    opened = await tokens.stub.OpenSession(opening("program", client_id="reporting-tool", scopes=scopes))
    principal = await verifier_of(service, clock).verify(opened.access_token)
    assert (principal.kind, principal.client_id, principal.scopes) == ("user", "reporting-tool", set(scopes))
    assert [principal.has_scope(scope) for scope in ("orders:read", "orders:write", "*")] == [
        True,
        False,
        False,
    ]
    with pytest.raises(Invalid):
        await tokens.stub.OpenSession(opening("program", scopes=[]))


async def test_the_keys_come_with_what_tokens_name(tokens: ServiceApi, service: Tokens) -> None:
    keys = await tokens.stub.GetKeys(tokens_pb2.GetKeysRequest())
    assert (keys.issuer, keys.audience) == (service.names.issuer, service.names.audience)
    assert len(json.loads(keys.jwks_json)["keys"]) == 2


async def test_a_verifier_and_a_follower_on_the_far_side_refuse_an_ended_session(
    tokens: ServiceApi, clock: FakeClock
) -> None:
    async def fetch() -> str:
        return (await tokens.stub.GetKeys(tokens_pb2.GetKeysRequest())).jwks_json

    keys = await tokens.stub.GetKeys(tokens_pb2.GetKeysRequest())
    verifier, revoked = Verifier(fetch, keys.issuer, keys.audience, clock), Revocations(clock)
    following = tasks.spawn(
        revoked.follow(
            lambda after: tokens.stub.FollowRevocations(tokens_pb2.FollowRevocationsRequest(after=after))
        ),
        "follow",
    )
    opened = await tokens.stub.OpenSession(opening("program"))
    claims = await verifier.verify(opened.access_token)
    revoked.check(claims)
    await tokens.stub.Revoke(tokens_pb2.RevokeRequest(user_id=USER, reason="suspended"))
    async with asyncio.timeout(20):
        while not revoked.covers(claims):
            await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated):
        revoked.check(claims)
    await tasks.cancel(following)


async def test_an_unreachable_service_is_unavailable(tokens: ServiceApi) -> None:
    tokens.faults.add("tokens.Revoke")
    with pytest.raises(Unavailable):
        await tokens.stub.Revoke(tokens_pb2.RevokeRequest(user_id=USER))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_service_gets_a_token_of_its_own_for_its_methods(
    tmp_path: Path, clock: FakeClock, transport: Transport
) -> None:
    """It names whom the caller's certificate names, whatever else is said, and is no use at a route."""
    methods = {"orders": ("ledger.Post",), "identity": ("tokens.Revoke", "tokens.OpenSession")}
    async with database("sqlite", tmp_path, clock, service_migrations("tokens"), "tokens") as db:
        service = Tokens(db, clock, TokensSettings.model_validate({}), SECRET, methods)
        async with api(transport, tokens_pb2_grpc, TokensRpc(service)) as tokens:
            for caller, allowed in methods.items():
                with call_context(user_id="payments"):
                    issued = await tokens.asked_by(caller).IssueServiceToken(
                        tokens_pb2.IssueServiceTokenRequest()
                    )
                names = service.names
                inside = Verifier(service.keys.jwks, names.issuer, names.audience, clock, inside=True)
                found = await inside.verify(issued.access_token)
                assert (found.user_id, found.kind, found.scopes) == (caller, "service", frozenset(allowed))
                assert (found.roles, found.expires_at_us) == (frozenset(), issued.expires_at_us)
                with pytest.raises(Unauthenticated, match="between services only"):
                    await verifier_of(service, clock).verify(issued.access_token)
            for stranger in ("audit", "edge", "gateway"):
                with pytest.raises(Forbidden, match="calls nothing by itself"):
                    await tokens.asked_by(stranger).IssueServiceToken(tokens_pb2.IssueServiceTokenRequest())
