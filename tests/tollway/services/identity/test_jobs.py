"""The service's jobs are the ones it leaves, and it forgets what is over."""

from sqlalchemy import select

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, World
from tollway.fabric.db import tables
from tollway.services.identity import store
from tollway.services.identity.jobs import JOBS, TIMED

ANN = "ann@example.com"


async def test_every_job_that_is_left_is_known(town: World) -> None:
    user_id = await town.sign_up(ANN)
    await town.service.signup.register(ANN, OTHER_PASSWORD)
    await town.service.recovery.forgot(ANN)
    await town.service.people.set_state(user_id, "suspended", "abuse", "usr_operator")
    async with town.db.snapshot() as tx:
        left = {row.kind for row in await tx.all(select(tables.job))}
    assert left == {"send_notice", "find_and_link", "end_sessions"}
    assert left | {"send_link"} == set(JOBS)
    await town.work()
    async with town.db.snapshot() as tx:
        assert await tx.all(select(tables.job)) == []


async def test_links_and_failures_that_are_over_are_forgotten(town: World) -> None:
    await town.service.signup.register(ANN, PASSWORD)
    await town.work()
    await town.log_in(password=OTHER_PASSWORD)
    await TIMED["forget_old"].run(town.service)
    async with town.db.snapshot() as tx:
        assert len(await tx.all(select(store.link))) == 1
        assert len(await tx.all(select(store.tally))) == 2
    town.clock.advance(86_400 + 3601)
    await TIMED["forget_old"].run(town.service)
    async with town.db.snapshot() as tx:
        assert await tx.all(select(store.link)) == []
        assert await tx.all(select(store.tally)) == []


async def test_an_account_that_nobody_confirmed_is_removed_and_its_address_free_again(town: World) -> None:
    kept = await town.sign_up("bob@example.com")
    await town.service.signup.register(ANN, PASSWORD)
    await town.work()
    town.clock.advance(6 * 86_400 + 120)
    await TIMED["forget_old"].run(town.service)
    (ann,) = (await town.service.people.list(10, "", email=ANN)).items
    await town.service.signup.register(ANN, PASSWORD)
    await town.work()
    town.clock.advance(86_400 - 60)
    await TIMED["forget_old"].run(town.service)
    assert await town.service.people.get(ann.id)  # a link that was asked for yesterday still works
    town.clock.advance(86_400)
    await TIMED["forget_old"].run(town.service)
    left = (await town.service.people.list(10, "")).items
    assert [user.id for user in left] == [kept]
    async with town.db.snapshot() as tx:
        assert await tx.all(select(store.link)) == []
        events = [(row.type, row.subject) for row in await tx.all(select(tables.outbox))]
    assert ("USER_STATE_CHANGED", ann.id) in events
    assert ("USER_STATE_CHANGED", kept) not in events
    await town.service.signup.register(ANN, PASSWORD)
    assert (await town.service.people.list(10, "", email=ANN)).items[0].id != ann.id


async def test_a_suspended_account_is_kept_confirmed_or_not(town: World) -> None:
    await town.service.signup.register(ANN, PASSWORD)
    (ann,) = (await town.service.people.list(10, "")).items
    await town.service.people.set_state(ann.id, "suspended", "abuse", "usr_operator")
    town.clock.advance(30 * 86_400)
    await TIMED["forget_old"].run(town.service)
    assert (await town.service.people.get(ann.id)).state == "suspended"
