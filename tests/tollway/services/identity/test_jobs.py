"""The room's jobs are the ones it leaves, and it forgets what is over."""

from sqlalchemy import select

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, World
from tollway.fabric.db import tables
from tollway.services.identity import store
from tollway.services.identity.jobs import JOBS, TIMED

ANN = "ann@example.com"


async def test_every_job_that_is_left_is_known(town: World) -> None:
    user_id = await town.sign_up(ANN)
    await town.room.signup.register(ANN, OTHER_PASSWORD)
    await town.room.recovery.forgot(ANN)
    await town.room.people.set_state(user_id, "suspended", "abuse", "usr_operator")
    async with town.db.snapshot() as tx:
        left = {row.kind for row in await tx.all(select(tables.job))}
    assert left == {"send_notice", "find_and_link", "end_sessions"}
    assert left | {"send_link"} == set(JOBS)
    await town.work()
    async with town.db.snapshot() as tx:
        assert await tx.all(select(tables.job)) == []


async def test_links_and_failures_that_are_over_are_forgotten(town: World) -> None:
    await town.room.signup.register(ANN, PASSWORD)
    await town.work()
    await town.log_in(password=OTHER_PASSWORD)
    await TIMED["forget_old"].run(town.room)
    async with town.db.snapshot() as tx:
        assert len(await tx.all(select(store.link))) == 1
        assert len(await tx.all(select(store.tally))) == 2
    town.clock.advance(86_400 + 3601)
    await TIMED["forget_old"].run(town.room)
    async with town.db.snapshot() as tx:
        assert await tx.all(select(store.link)) == []
        assert await tx.all(select(store.tally)) == []
