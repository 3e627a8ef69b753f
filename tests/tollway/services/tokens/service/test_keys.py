"""Signing keys come into use without a verifier noticing, and go without a trace."""

import asyncio
import json

import pytest
from joserfc.jwk import ECKey

from tests.kit.clock import FakeClock
from tests.kit.tokens import SECRET, USER, tokens_service, verifier_of
from tests.kit.typing import settings_of
from tollway.contracts.clients import PROGRAM
from tollway.fabric.access_tokens import Revocations, Verifier
from tollway.fabric.db import Database
from tollway.fabric.published_keys import KEYS_MAX_AGE_S, UNKNOWN_KID_PAUSE_S
from tollway.fabric.secrets import SecretUnusable
from tollway.kit.errors import Conflict, NotFound, Unauthenticated
from tollway.services.tokens import store
from tollway.services.tokens.service import SecretMismatch, Tokens
from tollway.services.tokens.settings import TokensSettings

MONTH_S = 30 * 86_400


async def states(db: Database) -> dict[str, str]:
    async with db.snapshot() as tx:
        return {row.kid: row.state for row in await store.keys(tx)}


async def access_token(service: Tokens) -> str:
    return (await service.open_session(USER, PROGRAM, roles=["customer"], amr=["pwd"])).access_token


def kid(service_keys: dict[str, str], state: str) -> str:
    return next(kid for kid, its in service_keys.items() if its == state)


async def test_the_first_use_makes_one_key_to_sign_with_and_one_to_come(
    service: Tokens, db: Database, verifier: Verifier
) -> None:
    assert (await verifier.verify(await access_token(service))).user_id == USER
    assert sorted((await states(db)).values()) == ["active", "next"]


async def test_replicas_that_start_at_once_agree_on_the_keys(db: Database, clock: FakeClock) -> None:
    services = [tokens_service(db, clock) for _ in range(8)]
    await asyncio.gather(*(service.start() for service in services))
    assert sorted((await states(db)).values()) == ["active", "next"]
    checks = verifier_of(services[0], clock)
    for service in services:
        assert await checks.verify(await access_token(service))


async def test_only_public_parts_are_published_under_their_thumbprints(service: Tokens) -> None:
    keys = json.loads(await service.keys.jwks())["keys"]
    assert len(keys) == 2
    for jwk in keys:
        assert set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
        assert jwk["kid"] == ECKey.import_key({k: jwk[k] for k in ("kty", "crv", "x", "y")}).thumbprint()


async def test_private_keys_are_sealed_at_rest(service: Tokens, db: Database) -> None:
    await service.start()
    async with db.snapshot() as tx:
        for row in await store.keys(tx):
            assert b"PRIVATE KEY" not in bytes(row.sealed)


async def test_another_secret_is_told_at_start_and_changes_nothing(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    await service.start()
    before = await states(db)
    with pytest.raises(SecretMismatch, match="put the old master secret back"):
        await Tokens(db, clock, settings_of(TokensSettings), SECRET[::-1]).start()
    assert await states(db) == before


async def test_a_month_of_rotation_never_refuses_a_good_token(
    service: Tokens, db: Database, clock: FakeClock, verifier: Verifier
) -> None:
    await service.start()
    first = kid(await states(db), "active")
    coming = kid(await states(db), "next")
    clock.advance(MONTH_S - 1)
    await service.maintain()
    assert kid(await states(db), "active") == first
    old_token = await access_token(service)
    await verifier.verify(old_token)
    clock.advance(1)
    await service.maintain()
    after = await states(db)
    assert (kid(after, "active"), after[first]) == (coming, "retired")
    assert await verifier.verify(await access_token(service)), "known ahead: no fetch was needed"
    assert await verifier.verify(old_token)


async def test_a_retired_key_goes_when_no_token_of_it_can_run(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    await service.start()
    clock.advance(15 * 60)
    await service.keys.rotate()
    old = kid(await states(db), "retired")
    clock.advance(300 + 30 + KEYS_MAX_AGE_S)
    await service.maintain()
    assert old in await states(db)
    clock.advance(60)
    await service.maintain()
    assert old not in await states(db)


async def test_a_key_is_not_used_before_verifiers_can_know_it(service: Tokens, clock: FakeClock) -> None:
    await service.start()
    with pytest.raises(Conflict, match="15 minutes"):
        await service.keys.rotate()
    clock.advance(15 * 60)
    await service.keys.rotate()
    with pytest.raises(Conflict):
        await service.keys.rotate()


async def test_a_replica_signs_with_the_new_key_soon_after_another_rotated(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    other = tokens_service(db, clock)
    await access_token(other)
    clock.advance(15 * 60)
    await access_token(other)
    await service.keys.rotate()
    clock.advance(6)
    checks = verifier_of(service, clock)
    await checks.verify(await access_token(other))
    await service.keys.revoke(kid(await states(db), "retired"))
    clock.advance(UNKNOWN_KID_PAUSE_S)
    assert await verifier_of(service, clock).verify(await access_token(other))


async def test_a_stolen_key_is_good_for_nothing_within_a_second_where_the_stream_is_followed(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    """A verifier holds on to its key set for minutes; the stream is what it hears at once."""
    checks, revocations = verifier_of(service, clock), Revocations(clock)
    announced = asyncio.Event()
    following = asyncio.ensure_future(
        revocations.follow(service.follow_revocations, lambda entry: announced.set())
    )
    stolen_token = await access_token(service)
    revocations.check(await checks.verify(stolen_token))
    await service.keys.revoke(kid(await states(db), "active"))
    async with asyncio.timeout(10):
        await announced.wait()
    with pytest.raises(Unauthenticated):
        revocations.check(await checks.verify(stolen_token))
    revocations.check(await checks.verify(await access_token(service)))
    following.cancel()


async def test_a_stolen_key_is_dropped_at_once(service: Tokens, db: Database, clock: FakeClock) -> None:
    stolen_token = await access_token(service)
    before = await states(db)
    stolen = kid(before, "active")
    await service.keys.revoke(stolen)
    after = await states(db)
    assert stolen not in after
    assert kid(after, "active") == kid(before, "next")
    assert sorted(after.values()) == ["active", "next"]
    checks = verifier_of(service, clock)
    assert await checks.verify(await access_token(service))
    with pytest.raises(Unauthenticated):
        await checks.verify(stolen_token)
    with pytest.raises(NotFound):
        await service.keys.revoke(stolen)


def test_a_short_secret_is_refused(db: Database, clock: FakeClock) -> None:
    with pytest.raises(SecretUnusable, match="32 bytes"):
        Tokens(db, clock, settings_of(TokensSettings), b"short")
