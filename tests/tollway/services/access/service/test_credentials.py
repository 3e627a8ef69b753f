"""Credentials that are replaced while they are in use, and when each was used last."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.metering import STANDARD, USER, AccessSetup, access_setup, report
from tests.kit.rest import RestClient, rest
from tests.kit.typing import settings_of
from tollway.contracts.errors import AccountSuspended, BadCredentials, SessionEnded
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.services.access.credentials import Presented
from tollway.services.access.http import router
from tollway.services.access.jobs import JOBS
from tollway.services.access.model import Credential, CustomerSession
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.tables import change as change_table

MINUTE_US = 60_000_000


async def works(here: AccessSetup, issued: Issued) -> bool:
    """Whether a credential is let in."""
    presented = Presented(issued.credential.identifier, issued.secret)
    try:
        await here.access.authentication.authenticate("password", presented, "http")
    except BadCredentials:
        return False
    return True


async def rotate(here: AccessSetup, old: Issued, grace_s: int = 600) -> Issued:
    return await here.access.credentials.rotate(USER, old.resource.id, old.credential.id, grace_s)


async def listed(here: AccessSetup, resource_id: str) -> list[Credential]:
    return (await here.access.resources.get(USER, resource_id))[1]


async def run_jobs(here: AccessSetup) -> None:
    worker = Worker(here.access, SqlJobQueue(here.db), JOBS)
    while await worker.run_due():
        pass


async def revoked(here: AccessSetup) -> list[str]:
    """The credentials whose end the nodes were told of."""
    async with here.db.snapshot() as tx:
        rows = await tx.all(
            select(change_table.c.credential_id).where(change_table.c.kind == "credential_revoked")
        )
    return [row.credential_id for row in rows]


async def test_both_work_during_the_grace_and_then_only_the_new_one(here: AccessSetup) -> None:
    old = await here.customer(1000)
    new = await rotate(here, old, 600)
    assert new.secret not in {"", old.secret}
    assert await works(here, old)
    assert await works(here, new)
    before, after = await listed(here, old.resource.id)
    assert (before.expires_at_us, after.expires_at_us) == (here.clock.now_us() + 600_000_000, 0)
    await run_jobs(here)
    assert await revoked(here) == []
    here.clock.advance(600)
    assert not await works(here, old)  # though no job has run
    assert [one.id for one in await listed(here, old.resource.id)] == [new.credential.id]
    await run_jobs(here)
    assert await revoked(here) == [old.credential.id]
    assert await works(here, new)
    (event,) = await here.events("CREDENTIAL_REVOKED")
    assert (event.credential_id, event.reason) == (old.credential.id, "replaced by the customer")
    issued = await here.events("CREDENTIAL_ISSUED")
    assert [(one.credential_id, one.replaces) for one in issued] == [
        (old.credential.id, ""),
        (new.credential.id, old.credential.id),
    ]


async def test_a_node_does_not_remember_a_grant_beyond_the_end_of_its_credential(simple: AccessSetup) -> None:
    old = await simple.customer(1000)
    await rotate(simple, old, 3)
    presented = Presented(old.credential.identifier, old.secret)
    grant = await simple.access.authentication.authenticate("password", presented, "http")
    assert grant.cache_until_us == simple.clock.now_us() + 3_000_000
    simple.clock.advance(3)
    with pytest.raises(BadCredentials):
        await simple.access.authentication.grant(old.credential.id)


async def test_without_a_grace_the_old_one_ends_at_once(simple: AccessSetup) -> None:
    old = await simple.customer(1000)
    new = await rotate(simple, old, 0)
    assert not await works(simple, old)
    assert await works(simple, new)
    assert await revoked(simple) == [old.credential.id]


async def test_the_successor_keeps_the_name_and_takes_the_place(simple: AccessSetup) -> None:
    first = await simple.customer(1000)
    wanted = CredentialRequest(label="laptop")
    old = await simple.access.credentials.issue(USER, first.resource.id, wanted)
    for _ in range(18):
        await simple.access.credentials.issue(USER, first.resource.id, CredentialRequest())
    assert (await rotate(simple, old)).credential.label == "laptop"
    with pytest.raises(Conflict, match="the most"):
        await simple.access.credentials.issue(USER, first.resource.id, CredentialRequest())


async def test_credentials_in_their_grace_do_not_pile_up(tmp_path: Path, clock: FakeClock) -> None:
    async with access_setup(
        "sqlite", tmp_path, clock, settings_of(AccessSettings, max_credentials=2)
    ) as here:
        newest = await here.customer(1000)
        for _ in range(3):
            newest = await rotate(here, newest, 3600)
        with pytest.raises(Conflict, match="4 credentials"):
            await rotate(here, newest, 3600)
        here.clock.advance(3600)
        await rotate(here, newest, 3600)


async def test_what_cannot_be_rotated_says_why(simple: AccessSetup) -> None:
    old = await simple.customer(1000)
    new = await rotate(simple, old)
    with pytest.raises(Conflict, match="replaced before"):
        await rotate(simple, old)
    await simple.access.credentials.revoke(USER, old.resource.id, new.credential.id)
    with pytest.raises(Conflict, match="has ended"):
        await rotate(simple, new)
    address = CredentialRequest(kind="source_address", address="198.51.100.7", caller="198.51.100.7")
    let_in = await simple.access.credentials.issue(USER, old.resource.id, address)
    with pytest.raises(Invalid, match="no secret"):
        await rotate(simple, let_in)
    with pytest.raises(NotFound):
        await simple.access.credentials.rotate(USER, old.resource.id, new_id("crd"), 60)
    with pytest.raises(NotFound):
        await simple.access.credentials.rotate("usr_2", old.resource.id, old.credential.id, 60)
    assert not await works(simple, new)


async def test_a_suspended_customer_rotates_nothing(simple: AccessSetup) -> None:
    old = await simple.customer(1000)
    async with simple.db.transaction() as tx:
        await simple.access.suspensions.customer_changed(tx, USER, stopped=True, reason="")
    with pytest.raises(AccountSuspended):
        await rotate(simple, old)
    (kept,) = await listed(simple, old.resource.id)
    assert kept.expires_at_us == 0


async def test_a_sign_in_with_an_old_password_rotates_nothing(simple: AccessSetup) -> None:
    resource = (await simple.customer(1000)).resource
    kept = CustomerSession("ses_2", simple.clock.now_us())
    async with simple.db.transaction() as tx:
        await simple.access.credentials.end_all_before(tx, USER, kept)
    simple.clock.advance(1)
    new = await simple.access.credentials.issue(USER, resource.id, CredentialRequest(), kept)
    with pytest.raises(SessionEnded):
        await rotate(simple, new)  # in a session that was signed in to long ago
    (still,) = await listed(simple, resource.id)
    assert (still.id, still.expires_at_us) == (new.credential.id, 0)


async def test_a_job_for_a_credential_that_is_gone_does_nothing(simple: AccessSetup) -> None:
    await simple.access.credentials.end(new_id("crd"), "")
    old = await simple.customer(1000)
    await rotate(simple, old, 60)
    await simple.access.credentials.revoke(USER, old.resource.id, old.credential.id)
    simple.clock.advance(60)
    await run_jobs(simple)
    assert await revoked(simple) == [old.credential.id]


async def test_it_is_known_to_the_minute_when_a_credential_was_used_last(here: AccessSetup) -> None:
    one = await here.customer(10**9)
    other = await here.access.credentials.issue(USER, one.resource.id, CredentialRequest())
    lease_id, _ = await here.lease(one.resource.id, 100_000)

    async def use(octets: int, sequence: int) -> int:
        record = report(one.resource.id, "flw_1", octets, sequence, credential_id=one.credential.id)
        await here.access.reports.report("edge-1", lease_id, [record], release=False)
        used, unused = await listed(here, one.resource.id)
        assert (unused.id, unused.last_used_at_us) == (other.credential.id, 0)
        return used.last_used_at_us

    start_us = here.clock.now_us()
    assert await use(10, 1) == start_us
    here.clock.advance(59)
    assert await use(20, 2) == start_us
    here.clock.advance(1)
    assert await use(30, 3) == start_us + MINUTE_US
    here.clock.advance(120)
    assert await use(30, 3) == start_us + MINUTE_US  # a repeat is no use


@pytest.fixture
async def api(tmp_path: Path, clock: FakeClock) -> AsyncIterator[tuple[AccessSetup, RestClient]]:
    async with access_setup("sqlite", tmp_path, clock) as here:
        yield here, rest(router(here.access))


async def test_a_rotation_shows_the_new_secret_once(api: tuple[AccessSetup, RestClient]) -> None:
    here, client = api
    old = await here.customer(1000, asset=STANDARD)
    path = f"/api/access/resources/{old.resource.id}"
    rotated = await client.post(f"{path}/credentials/{old.credential.id}/rotate", {"grace_s": 60}, USER)
    assert rotated.status == 201
    assert rotated.json["username"] != old.credential.identifier
    shown = await client.get(path, USER)
    assert rotated.json["password"].encode() not in shown.body
    assert [(one["expires_at"], one["last_used_at"]) for one in shown.json["credentials"]] == [
        ("2026-11-22T00:01:00.000000Z", None),
        (None, None),
    ]
    again = await client.post(f"{path}/credentials/{old.credential.id}/rotate", None, USER)
    assert (again.status, again.json["code"]) == (409, "conflict")
    newest = f"{path}/credentials/{rotated.json['credential']['id']}/rotate"
    for grace_s in (-1, 604_801, "60", 1.5):
        assert (await client.post(newest, {"grace_s": grace_s}, USER)).status == 422
    default = await client.post(newest, token=USER)
    assert default.status == 201
    ends = [one["expires_at"] for one in (await client.get(path, USER)).json["credentials"]]
    assert ends == ["2026-11-22T00:01:00.000000Z", "2026-11-22T00:10:00.000000Z", None]
