"""Accounts as operators see them."""

import asyncio

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.errors import SessionEnded
from tollway.contracts.events import UserRegistered, UserRolesChanged, UserStateChanged
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.paging import encode_cursor
from tollway.services.identity import store
from tollway.services.identity.service import Identity

ANN, OPERATOR = "ann@example.com", "operator@tollway.test"


async def everybody(service: Identity, limit: int) -> list[str]:
    emails, cursor = [], ""
    while True:
        page = await service.accounts.list(limit, cursor)
        emails += [user.email for user in page.items]
        cursor = page.next_cursor
        if not cursor:
            return emails


async def test_accounts_are_listed_newest_first_page_by_page(identity: IdentityFixture) -> None:
    emails = [f"person{n}@example.com" for n in range(5)]
    for email in emails:
        await identity.service.signup.register(email, PASSWORD)
        await asyncio.sleep(0.002)
    assert await everybody(identity.service, 2) == emails[::-1]
    assert await everybody(identity.service, 50) == emails[::-1]


async def test_accounts_are_found_by_address_and_state(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.signup.register("bob@example.com", PASSWORD)
    await identity.service.accounts.set_state(user_id, "suspended", "abuse", "usr_operator")
    assert [
        u.email for u in (await identity.service.accounts.list(10, "", email="ANN@example.com")).items
    ] == [ANN]
    assert [u.email for u in (await identity.service.accounts.list(10, "", state="suspended")).items] == [ANN]
    assert [u.email for u in (await identity.service.accounts.list(10, "", state="active")).items] == [
        "bob@example.com"
    ]


@pytest.mark.parametrize(
    "cursor", ["rubbish", encode_cursor([1]), encode_cursor(["\x00"]), encode_cursor(["a", "b"])]
)
async def test_a_foreign_cursor_is_refused(identity: IdentityFixture, cursor: str) -> None:
    with pytest.raises(Invalid):
        await identity.service.accounts.list(10, cursor)


async def test_nobody_is_found_for_what_is_no_id_or_address(identity: IdentityFixture) -> None:
    for user_id in ("", "usr_1", "x\x00", "usr_01k9w2000000000000000000aa"):
        with pytest.raises(NotFound):
            await identity.service.accounts.get(user_id)
    for email in ("", "x\x00", "nobody@example.com"):
        with pytest.raises(NotFound):
            await identity.service.accounts.get_by_email(email)


async def test_suspending_ends_every_session_and_restoring_allows_new_ones(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    refresh = (await identity.log_in()).json["refresh_token"]
    user = await identity.service.accounts.set_state(user_id, "suspended", "abuse", "usr_operator")
    assert user.state == "suspended"
    await identity.work()
    with pytest.raises(SessionEnded):
        await identity.tokens.refresh(refresh)
    assert (await identity.log_in()).json["code"] == "account_suspended"
    await identity.service.accounts.set_state(user_id, "active", "settled", "usr_operator")
    assert (await identity.log_in()).status == 200
    events = await identity.published(UserStateChanged)
    assert [(event.state, event.reason) for event in events] == [
        ("suspended", "abuse"),
        ("active", "settled"),
    ]


async def test_suspending_twice_is_told_once(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    work = [
        identity.service.accounts.set_state(user_id, "suspended", "abuse", "usr_operator") for _ in range(5)
    ]
    await asyncio.gather(*work)
    assert len(await identity.published(UserStateChanged)) == 1


async def test_an_unknown_state_and_oneself_are_refused(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    for state in ("", "deleted", "root"):
        with pytest.raises(Invalid):
            await identity.service.accounts.set_state(user_id, state, "", "usr_operator")
    with pytest.raises(Conflict):
        await identity.service.accounts.set_state(user_id, "suspended", "", user_id)


# ── roles ───────────────────────────────────────────────────────────────────────────────────────────


async def test_new_roles_count_from_the_next_sign_in_and_end_the_old_sessions(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    old = (await identity.log_in()).json["refresh_token"]
    user = await identity.service.accounts.set_roles(
        user_id, ["support", "customer"], "hired", "usr_operator"
    )
    assert user.roles == ("customer", "support")
    await identity.work()
    with pytest.raises(SessionEnded):
        await identity.tokens.refresh(old)
    token = (await identity.log_in()).json["access_token"]
    assert (await identity.verifier.verify(token)).roles == {"customer", "support"}
    [event] = await identity.published(UserRolesChanged)
    assert (event.user_id, event.roles, event.reason) == (user_id, ["customer", "support"], "hired")


async def test_the_same_roles_again_change_nothing(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    held = (await identity.log_in()).json["refresh_token"]
    await identity.service.accounts.set_roles(user_id, ["customer"], "", "usr_operator")
    await identity.work()
    assert await identity.published(UserRolesChanged) == []
    assert await identity.tokens.refresh(held)


async def test_ones_own_roles_and_no_role_at_all_are_refused(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(Conflict):
        await identity.service.accounts.set_roles(user_id, ["admin"], "", user_id)
    with pytest.raises(Invalid):
        await identity.service.accounts.set_roles(user_id, [], "", "usr_operator")
    with pytest.raises(NotFound):
        await identity.service.accounts.set_roles("usr_gone", ["admin"], "", "usr_operator")


@pytest.mark.parametrize("act", ["roles", "suspend"])
async def test_two_admins_who_turn_on_each_other_leave_one(identity: IdentityFixture, act: str) -> None:
    accounts = identity.service.accounts
    one, two = [(await accounts.ensure_operator(f"{n}@example.com", PASSWORD)).id for n in ("one", "two")]

    async def turn_on(other: str, actor: str) -> None:
        if act == "roles":
            await accounts.set_roles(other, ["customer"], "", actor)
        else:
            await accounts.set_state(other, "suspended", "", actor)

    said = await asyncio.gather(turn_on(one, two), turn_on(two, one), return_exceptions=True)
    assert sorted(type(each).__name__ for each in said) == ["Conflict", "NoneType"]
    left = [user for user in [await accounts.get(one), await accounts.get(two)] if user.state == "active"]
    assert ["admin" in user.roles for user in left].count(True) == 1


async def test_a_deleted_account_is_given_no_roles(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    user = await identity.service.accounts.get(user_id)
    async with identity.db.transaction() as tx:
        assert await store.bury(tx, user)
    with pytest.raises(Conflict, match="deleted"):
        await identity.service.accounts.set_roles(user_id, ["admin"], "", "usr_operator")


# ── the operator ────────────────────────────────────────────────────────────────────────────────────


async def test_the_operator_is_made_once_and_can_sign_in(identity: IdentityFixture) -> None:
    made = await asyncio.gather(
        *(identity.service.accounts.ensure_operator(OPERATOR, PASSWORD) for _ in range(4))
    )
    assert len({user.id for user in made}) == 1
    assert (made[0].roles, made[0].email_verified) == (("admin", "customer"), True)
    assert len(await identity.published(UserRegistered)) == 1
    reply = await identity.log_in(OPERATOR)
    assert (await identity.verifier.verify(reply.json["access_token"])).roles == {"admin", "customer"}


async def test_the_operators_own_password_stays(identity: IdentityFixture) -> None:
    operator = await identity.service.accounts.ensure_operator(OPERATOR, PASSWORD)
    again = await identity.service.accounts.ensure_operator(OPERATOR.upper(), OTHER_PASSWORD)
    assert again == operator
    assert (await identity.log_in(OPERATOR)).status == 200


async def test_an_address_that_a_stranger_registered_is_taken_over(identity: IdentityFixture) -> None:
    """Otherwise whoever registers the operator's address first would be made an operator."""
    await identity.sign_up(OPERATOR, "a stranger's words")
    strangers = (await identity.log_in(OPERATOR, "a stranger's words")).json["refresh_token"]
    operator = await identity.service.accounts.ensure_operator(OPERATOR, PASSWORD)
    assert operator.roles == ("admin", "customer")
    await identity.work()
    with pytest.raises(SessionEnded):
        await identity.tokens.refresh(strangers)
    assert (await identity.log_in(OPERATOR, "a stranger's words")).status == 401
    assert (await identity.log_in(OPERATOR)).status == 200


async def test_a_suspended_account_that_is_made_an_operators_can_be_used(identity: IdentityFixture) -> None:
    accounts = identity.service.accounts
    user_id = await identity.sign_up(OPERATOR)
    await accounts.set_state(user_id, "suspended", "abuse", "usr_operator")
    assert (await accounts.ensure_operator(OPERATOR, PASSWORD)).state == "active"
    assert [one.state for one in await identity.published(UserStateChanged)] == ["suspended", "active"]
    assert (await identity.log_in(OPERATOR)).status == 200
    # But one whom another admin suspended stays so: this is done at every start.
    await accounts.set_state(user_id, "suspended", "left", "usr_operator")
    assert (await accounts.ensure_operator(OPERATOR, PASSWORD)).state == "suspended"


async def test_an_operator_with_a_weak_password_is_refused(identity: IdentityFixture) -> None:
    with pytest.raises(Invalid):
        await identity.service.accounts.ensure_operator(OPERATOR, "admin")
