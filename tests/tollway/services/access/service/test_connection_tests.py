"""Connection tests as the access service sees them: who may ask, what the node gets, what is kept and for how long."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.metering import HTTP_ONLY, STANDARD, USER, AccessSetup, access_setup
from tests.kit.typing import settings_of
from tollway.contracts.errors import AccountSuspended, BadCredentials, SessionEnded
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.kit.errors import Conflict, Invalid, NotFound, TooManyRequests, Unavailable
from tollway.kit.ids import new_id
from tollway.kit.locations import Location
from tollway.services.access import store
from tollway.services.access.credentials import Presented
from tollway.services.access.jobs import JOBS, TIMED
from tollway.services.access.model import CustomerSession
from tollway.services.access.model.connection_test import (
    HINTS,
    OTHER_HINT,
    STEPS,
    ConnectionTest,
    StepResult,
    hint,
)
from tollway.services.access.service.connection_tests import ConnectionTestLogin, ConnectionTests
from tollway.services.access.service.resources import ResourceRequest
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.tables import resource

PASSED = [StepResult(name, True, 1000, "", "") for name in STEPS]
FAILED = [*PASSED[:2], StepResult("login", False, 5, "The login is refused", "PROXY_AUTH_FAILED")]


async def works(here: AccessSetup, login: ConnectionTestLogin) -> bool:
    presented = Presented(login.username, login.secret)
    try:
        await here.access.authentication.authenticate("password", presented, "http")
    except BadCredentials:
        return False
    return True


async def state(here: AccessSetup, test_id: str) -> str:
    test, now_us = await here.access.connection_tests.get(USER, test_id)
    return test.state(now_us)


async def test_a_test_is_asked_of_one_node_and_ends_with_its_credential(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    tests = here.access.connection_tests
    test = await tests.start(USER, issued.resource.id)
    async with here.db.snapshot() as tx:
        changes = await store.changes.after(tx, 0, 100)
    asked = [one for one in changes if one.kind == "test_requested"]
    assert [(one.node, one.test_id) for one in asked] == [("edge-1", test.id)]
    assert await state(here, test.id) == "running"
    login = await tests.begin("edge-1", test.id)
    assert login.connect
    assert await works(here, login)
    await tests.report("edge-1", test.id, PASSED[:3], finished=False)
    assert await state(here, test.id) == "running"
    await tests.report("edge-1", test.id, PASSED, finished=True)
    assert await state(here, test.id) == "passed"
    assert not await works(here, login)
    (event,) = await here.events("CONNECTION_TEST_REQUESTED")
    assert (event.test_id, event.user_id, event.location) == (test.id, USER, "")
    (revoked,) = await here.events("CREDENTIAL_REVOKED")
    assert revoked.reason == "the connection test is over"
    # What comes late or again changes nothing.
    await tests.report("edge-1", test.id, FAILED, finished=True)
    assert await state(here, test.id) == "passed"


async def test_the_credential_of_a_test_is_not_listed_and_can_be_revoked(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    test = await here.access.connection_tests.start(USER, issued.resource.id)
    login = await here.access.connection_tests.begin("edge-1", test.id)
    assert await works(here, login)
    ((_, listed),) = await here.access.resources.all_of(USER)
    assert [one.id for one in listed] == [issued.credential.id]
    _, listed = await here.access.resources.get(USER, issued.resource.id)
    assert [one.id for one in listed] == [issued.credential.id]
    async with here.db.snapshot() as tx:
        live = await store.credentials.live(tx, [issued.resource.id])
    (its_own,) = (one.id for one in live[issued.resource.id] if one.id != issued.credential.id)
    await here.access.credentials.revoke(USER, issued.resource.id, its_own)
    assert not await works(here, login)


async def test_a_failed_step_makes_a_failed_test(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    test = await simple.access.connection_tests.start(USER, issued.resource.id)
    await simple.access.connection_tests.report("edge-1", test.id, FAILED, finished=True)
    assert await state(simple, test.id) == "failed"


async def test_a_node_that_does_not_finish_leaves_nothing_open(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    test = await here.access.connection_tests.start(USER, issued.resource.id)
    login = await here.access.connection_tests.begin("edge-1", test.id)
    here.clock.advance(30)
    assert await state(here, test.id) == "unanswered"
    assert not await works(here, login)
    worker = Worker(here.access, SqlJobQueue(here.db), JOBS)
    while await worker.run_due():
        pass
    (revoked,) = await here.events("CREDENTIAL_REVOKED")
    assert revoked.reason == "the connection test is over"
    late = await here.access.connection_tests.start(USER, issued.resource.id)
    here.clock.advance(30)
    with pytest.raises(NotFound):
        await here.access.connection_tests.begin("edge-1", late.id)


async def test_a_test_is_begun_once_and_by_its_own_node(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    tests = simple.access.connection_tests
    test = await tests.start(USER, issued.resource.id)
    with pytest.raises(NotFound):
        await tests.begin("edge-2", test.id)
    with pytest.raises(NotFound):
        await tests.report("edge-2", test.id, [], finished=True)
    await tests.begin("edge-1", test.id)
    with pytest.raises(NotFound, match="begun before"):
        await tests.begin("edge-1", test.id)
    with pytest.raises(NotFound):
        await tests.begin("edge-1", new_id("tst"))
    with pytest.raises(Invalid, match="steps of a test"):
        await tests.report("edge-1", test.id, PASSED[1:], finished=True)


async def test_what_is_another_customer_s_is_not_found(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    test = await simple.access.connection_tests.start(USER, issued.resource.id)
    with pytest.raises(NotFound):
        await simple.access.connection_tests.start("usr_2", issued.resource.id)
    with pytest.raises(NotFound):
        await simple.access.connection_tests.get("usr_2", test.id)


async def test_who_may_not_use_the_access_may_not_test_it(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    tests = simple.access.connection_tests
    kept = CustomerSession("ses_2", simple.clock.now_us())
    test = await tests.start(USER, issued.resource.id)
    async with simple.db.transaction() as tx:
        await simple.access.credentials.end_all_before(tx, USER, kept)
    with pytest.raises(SessionEnded):  # the password was replaced since it was asked for
        await tests.begin("edge-1", test.id)
    async with simple.db.transaction() as tx:
        await simple.access.suspensions.customer_changed(tx, USER, stopped=True, reason="")
    with pytest.raises(AccountSuspended):
        await tests.start(USER, issued.resource.id)


async def test_there_are_so_many_tests_a_minute(tmp_path: Path, clock: FakeClock) -> None:
    async with access_setup(
        "sqlite", tmp_path, clock, settings_of(AccessSettings, tests_per_minute=2)
    ) as here:
        issued = await here.customer(1000)
        await here.customer(1000, "usr_2")
        for _ in range(2):
            await here.access.connection_tests.start(USER, issued.resource.id)
        with pytest.raises(TooManyRequests) as refused:
            await here.access.connection_tests.start(USER, issued.resource.id)
        assert refused.value.extra["retry_after_s"] == 60
        here.clock.advance(60)
        await here.node()
        await here.access.connection_tests.start(USER, issued.resource.id)


async def test_the_limit_holds_for_tests_of_several_accesses_at_once(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with access_setup(kind, tmp_path, clock, settings_of(AccessSettings, tests_per_minute=2)) as here:
        await here.node()
        accesses = [
            await here.access.resources.create(USER, ResourceRequest(asset=STANDARD)) for _ in range(8)
        ]
        asked = [here.access.connection_tests.start(USER, one.id) for one in accesses]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert Counter(type(one) for one in outcomes) == {ConnectionTest: 2, TooManyRequests: 6}


async def test_without_a_node_there_is_no_test(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    simple.clock.advance(100)
    with pytest.raises(Unavailable):
        await simple.access.connection_tests.start(USER, issued.resource.id)


async def test_an_access_without_connect_is_tested_with_a_plain_request(simple: AccessSetup) -> None:
    issued = await simple.customer(1000, asset=HTTP_ONLY)
    test = await simple.access.connection_tests.start(USER, issued.resource.id)
    assert not (await simple.access.connection_tests.begin("edge-1", test.id)).connect


async def test_an_access_without_http_is_not_tested(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    async with simple.db.transaction() as tx:
        await tx.run(update(resource).values(protocols=["socks5"]))
    with pytest.raises(Conflict, match="HTTP"):
        await simple.access.connection_tests.start(USER, issued.resource.id)


async def test_an_access_full_of_credentials_can_be_tested(tmp_path: Path, clock: FakeClock) -> None:
    async with access_setup(
        "sqlite", tmp_path, clock, settings_of(AccessSettings, max_credentials=1)
    ) as here:
        issued = await here.customer(1000)
        test = await here.access.connection_tests.start(USER, issued.resource.id)
        assert await works(here, await here.access.connection_tests.begin("edge-1", test.id))
        await here.access.connection_tests.report("edge-1", test.id, PASSED, finished=True)
        await here.access.credentials.rotate(USER, issued.resource.id, issued.credential.id, 600)
        test = await here.access.connection_tests.start(USER, issued.resource.id)
        assert await works(here, await here.access.connection_tests.begin("edge-1", test.id))


async def test_a_location_is_wished_for_as_a_customer_would(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    access = simple.access
    places = [Location(id="direct", name="Here"), Location(id="nyc", name="X", country="US", city="New York")]
    tests = ConnectionTests(
        simple.db, simple.settings, places, access.changes, access.nodes, access.credentials
    )
    with pytest.raises(Invalid, match="direct, nyc"):
        await tests.start(USER, issued.resource.id, "mars")
    here = await tests.begin("edge-1", (await tests.start(USER, issued.resource.id, "direct")).id)
    assert "-" not in here.username
    there = await tests.begin("edge-1", (await tests.start(USER, issued.resource.id, "nyc")).id)
    assert there.username.startswith("user-")
    assert there.username.endswith("-country-us-city-new_york")


async def test_tests_are_kept_for_a_day(simple: AccessSetup) -> None:
    issued = await simple.customer(1000)
    test = await simple.access.connection_tests.start(USER, issued.resource.id)
    simple.clock.advance(23 * 3600)
    await TIMED["delete_ended"].run(simple.access)
    assert await state(simple, test.id) == "unanswered"
    simple.clock.advance(3601)
    await TIMED["delete_ended"].run(simple.access)
    with pytest.raises(NotFound):
        await state(simple, test.id)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (StepResult("login", True, None, "", ""), ""),
        (StepResult("exit", True, 1, "127.0.0.1", "NODE_ANSWERED"), HINTS["NODE_ANSWERED"]),
        (StepResult("login", False, 1, "", "PROXY_NO_ALLOWANCE"), HINTS["PROXY_NO_ALLOWANCE"]),
        (StepResult("target", False, 1, "", "PROXY_UNREACHABLE"), OTHER_HINT),
    ],
)
def test_a_failed_step_says_what_to_do(step: StepResult, words: Any) -> None:
    assert hint(step) == words
