"""The service's jobs are the ones it leaves, and it forgets what is over."""

from sqlalchemy import select

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.fabric.db import tables
from tollway.services.identity import store
from tollway.services.identity.jobs import JOBS, TIMED

ANN = "ann@example.com"


async def test_every_job_that_is_left_is_known(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.signup.register(ANN, OTHER_PASSWORD)
    await identity.service.recovery.forgot(ANN)
    await identity.service.accounts.set_state(user_id, "suspended", "abuse", "usr_operator")
    async with identity.db.snapshot() as tx:
        left = {row.kind for row in await tx.all(select(tables.job))}
    assert left == {"send_notice", "find_and_link", "end_sessions"}
    assert left | {"send_link", "erase_account", "erase_user"} == set(JOBS)
    await identity.work()
    async with identity.db.snapshot() as tx:
        assert await tx.all(select(tables.job)) == []


async def test_links_and_failures_that_are_over_are_forgotten(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    await identity.work()
    await identity.log_in(password=OTHER_PASSWORD)
    await TIMED["delete_expired"].run(identity.service)
    async with identity.db.snapshot() as tx:
        assert len(await tx.all(select(store.email_link))) == 1
        assert len(await tx.all(select(store.attempt_counter))) == 3
    identity.clock.advance(86_400 + 3601)
    await TIMED["delete_expired"].run(identity.service)
    async with identity.db.snapshot() as tx:
        assert await tx.all(select(store.email_link)) == []
        assert await tx.all(select(store.attempt_counter)) == []


async def test_an_account_that_nobody_confirmed_is_removed_and_its_address_free_again(
    identity: IdentityFixture,
) -> None:
    kept = await identity.sign_up("bob@example.com")
    await identity.service.signup.register(ANN, PASSWORD)
    await identity.work()
    identity.clock.advance(6 * 86_400 + 120)
    await TIMED["delete_expired"].run(identity.service)
    (ann,) = (await identity.service.accounts.list(10, "", email=ANN)).items
    await identity.service.signup.register(ANN, PASSWORD)
    await identity.work()
    identity.clock.advance(86_400 - 60)
    await TIMED["delete_expired"].run(identity.service)
    assert await identity.service.accounts.get(ann.id)  # a link that was asked for yesterday still works
    identity.clock.advance(86_400)
    await TIMED["delete_expired"].run(identity.service)
    left = (await identity.service.accounts.list(10, "")).items
    assert [user.id for user in left] == [kept]
    async with identity.db.snapshot() as tx:
        assert await tx.all(select(store.email_link)) == []
        events = [(row.type, row.subject) for row in await tx.all(select(tables.outbox))]
    assert ("USER_DELETED", ann.id) in events
    assert ("USER_STATE_CHANGED", kept) not in events
    await identity.service.signup.register(ANN, PASSWORD)
    assert (await identity.service.accounts.list(10, "", email=ANN)).items[0].id != ann.id


async def test_a_suspended_account_is_kept_confirmed_or_not(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    (ann,) = (await identity.service.accounts.list(10, "")).items
    await identity.service.accounts.set_state(ann.id, "suspended", "abuse", "usr_operator")
    identity.clock.advance(30 * 86_400)
    await TIMED["delete_expired"].run(identity.service)
    assert (await identity.service.accounts.get(ann.id)).state == "suspended"
