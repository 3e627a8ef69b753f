"""What access does when others publish something."""

import asyncio
from contextlib import aclosing
from time import monotonic

import pytest

from tests.kit.eventually import A_SECOND_S
from tests.kit.metering import USER, AccessSetup
from tollway.contracts.errors import BadCredentials, ResourceInactive, SessionEnded
from tollway.contracts.events import PasswordChanged, UserDeleted, UserStateChanged
from tollway.fabric.events import bind
from tollway.kit.errors import Conflict
from tollway.kit.times import SECOND_US
from tollway.services.access import subscribers
from tollway.services.access.credentials import Presented
from tollway.services.access.manifest import MANIFEST
from tollway.services.access.model import CustomerSession
from tollway.services.access.service.credentials import CredentialRequest, Issued
from tollway.services.access.service.resources import ConnectRequest

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)


async def hear(here: AccessSetup, state: str) -> None:
    event = UserStateChanged(user_id=USER, state=state, reason="fraud")
    async with here.db.transaction() as tx:
        await SUBSCRIBERS[UserStateChanged](here.access, tx, event)


async def test_a_suspension_reaches_live_flows_within_a_second_and_closes_the_api(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    async with aclosing(here.access.changes.follow("edge-1", 0)) as following:
        await anext(following)
        began = monotonic()
        await hear(here, "suspended")
        async with asyncio.timeout(20):
            change = await anext(following)
        assert monotonic() - began < A_SECOND_S
    assert (change.kind, change.user_id) == ("user_suspended", USER)
    with pytest.raises(ResourceInactive, match="suspended"):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )
    assert (await here.access.usage.status(USER)).suspended


async def test_hearing_it_twice_says_it_once(here: AccessSetup) -> None:
    await here.customer(1000)
    for _ in range(2):
        await hear(here, "suspended")
    assert await here.access.changes.head() == 1
    assert [one.state for one in await here.events("RESOURCE_STATE_CHANGED")] == ["suspended"]


async def test_an_active_account_may_go_on_but_not_past_the_operators_stop(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    await hear(here, "suspended")
    await hear(here, "active")
    await here.access.authentication.authenticate(
        "password", Presented(issued.credential.identifier, issued.secret), "http"
    )
    await here.access.suspensions.stop(issued.resource.id, "abuse")
    await hear(here, "suspended")
    await hear(here, "active")
    with pytest.raises(ResourceInactive):
        await here.access.authentication.authenticate(
            "password", Presented(issued.credential.identifier, issued.secret), "http"
        )


async def test_a_customer_without_any_access_can_be_suspended(here: AccessSetup) -> None:
    await hear(here, "active")
    await hear(here, "suspended")
    assert (await here.access.usage.status(USER)).suspended


# ── a replaced password ─────────────────────────────────────────────────────────────────────────────────


async def replace_password(
    here: AccessSetup, session_id: str = "", *, keep: bool = False, at_us: int = 0
) -> None:
    event = PasswordChanged(
        user_id=USER,
        session_id=session_id,
        at_us=at_us or here.clock.now_us(),
        keep_credentials=keep,
    )
    async with here.db.transaction() as tx:
        await SUBSCRIBERS[PasswordChanged](here.access, tx, event)


async def works(here: AccessSetup, issued: Issued) -> bool:
    presented = Presented(issued.credential.identifier, issued.secret)
    try:
        await here.access.authentication.authenticate("password", presented, "http")
    except BadCredentials:
        return False
    return True


def sign_in(here: AccessSetup, session_id: str) -> CustomerSession:
    """Sign in now; a token knows the time to the second."""
    return CustomerSession(session_id, here.clock.now_us() // SECOND_US * SECOND_US)


async def connect(here: AccessSetup, with_sign_in: CustomerSession) -> Issued:
    await here.node()
    return (await here.access.resources.connect(USER, ConnectRequest(), with_sign_in))[0]


async def test_a_replaced_password_ends_what_the_old_one_had_issued(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    by_hand = await here.access.credentials.issue(USER, issued.resource.id, CredentialRequest())
    async with aclosing(here.access.changes.follow("edge-1", 0)) as following:
        await anext(following)
        await replace_password(here)
        async with asyncio.timeout(20):
            ended = {(await anext(following)).credential_id for _ in range(2)}
    assert ended == {issued.credential.id, by_hand.credential.id}
    assert not await works(here, issued)
    assert not await works(here, by_hand)
    assert len(await here.events("CREDENTIAL_REVOKED")) == 2


async def test_credentials_are_kept_where_their_owner_says_so(here: AccessSetup) -> None:
    issued = await here.customer(1000)
    await replace_password(here, keep=True)
    assert await works(here, issued)


async def test_a_session_of_the_old_password_issues_nothing_any_more(here: AccessSetup) -> None:
    """It may be known to have ended a moment after the password was replaced."""
    issued = await here.customer(1000)
    strangers = sign_in(here, "ses_stranger")
    here.clock.advance(60)
    await replace_password(here)
    for _ in range(2):
        with pytest.raises(SessionEnded):
            await connect(here, strangers)
        with pytest.raises(SessionEnded):
            await here.access.credentials.issue(USER, issued.resource.id, CredentialRequest(), strangers)
        here.clock.advance(600)
    owners = await connect(here, sign_in(here, "ses_owner"))
    assert await works(here, owners)


async def test_the_session_in_which_the_password_was_changed_goes_on(here: AccessSetup) -> None:
    await here.customer(1000)
    mine = sign_in(here, "ses_mine")
    here.clock.advance(60)
    await replace_password(here, "ses_mine")
    again = await connect(here, mine)
    assert await works(here, again)


async def test_late_news_of_a_replaced_password_spares_what_was_issued_since(here: AccessSetup) -> None:
    before = await here.customer(1000)
    here.clock.advance(60)
    strangers, at_us = sign_in(here, "ses_stranger"), here.clock.now_us()
    here.clock.advance(2)
    issued_between = await connect(here, strangers)
    owners = await connect(here, sign_in(here, "ses_owner"))
    here.clock.advance(3600)
    await replace_password(here, at_us=at_us + SECOND_US)
    assert [await works(here, one) for one in (before, issued_between, owners)] == [False, False, True]


async def test_older_news_after_newer_changes_nothing(here: AccessSetup) -> None:
    await here.customer(1000)
    old_us = here.clock.now_us()
    here.clock.advance(60)
    between = sign_in(here, "ses_between")
    here.clock.advance(60)
    await replace_password(here)
    await replace_password(here, at_us=old_us)
    with pytest.raises(SessionEnded):
        await connect(here, between)


async def test_a_suspension_and_a_replaced_password_do_not_undo_each_other(here: AccessSetup) -> None:
    await here.customer(1000)
    strangers = sign_in(here, "ses_stranger")
    here.clock.advance(60)
    await hear(here, "suspended")
    await replace_password(here)
    assert (await here.access.usage.status(USER)).suspended
    await hear(here, "active")
    with pytest.raises(SessionEnded):
        await connect(here, strangers)


async def test_of_an_issue_and_a_replacement_at_the_same_moment_nothing_is_left_over(
    here: AccessSetup,
) -> None:
    issued = await here.customer(1000)
    strangers = sign_in(here, "ses_stranger")
    here.clock.advance(60)
    request = CredentialRequest()
    made = await asyncio.gather(
        *(here.access.credentials.issue(USER, issued.resource.id, request, strangers) for _ in range(3)),
        replace_password(here),
        *(here.access.credentials.issue(USER, issued.resource.id, request, strangers) for _ in range(3)),
        return_exceptions=True,
    )
    assert {type(one) for one in made} <= {Issued, SessionEnded, type(None)}
    assert not [one for one in made if isinstance(one, Issued) and await works(here, one)]


@pytest.mark.parametrize("how", ["deleting", "deleted", "suspended"])
async def test_who_leaves_holds_no_network_from_then_on(here: AccessSetup, how: str) -> None:
    """A network is held by one customer: the next one must not wait until the former is erased."""
    mine = (await here.customer(1000)).resource
    theirs = (await here.customer(1000, "usr_2")).resource
    network = CredentialRequest(kind="source_address", address="198.51.100.7", caller="198.51.100.7")
    await here.access.credentials.issue(USER, mine.id, network)
    one_of_it = CredentialRequest(kind="source_address", address="198.51.100.7", caller="198.51.100.7")
    with pytest.raises(Conflict):
        await here.access.credentials.issue("usr_2", theirs.id, one_of_it)
    for _ in range(2):  # an event may be heard twice
        if how == "deleted":
            async with here.db.transaction() as tx:
                await SUBSCRIBERS[UserDeleted](
                    here.access, tx, UserDeleted(user_id=USER, reason="asked", forfeit=False)
                )
        else:
            await hear(here, how)
    if how == "suspended":  # it may be lifted
        with pytest.raises(Conflict):
            await here.access.credentials.issue("usr_2", theirs.id, one_of_it)
        return
    await here.access.credentials.issue("usr_2", theirs.id, one_of_it)
    assert len(await here.events("CREDENTIAL_REVOKED")) == 1
