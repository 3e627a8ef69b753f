"""Deleting an account: asked for, thought better of, stopped, and carried out whatever interrupts."""

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tests.kit.killing import Fate, Killed, MortalChannel, MortalDatabase
from tollway.contracts.errors import AccountSuspended, DeletionBlocked, LinkInvalid, SessionEnded
from tollway.contracts.events import UserDeleted, UserStateChanged
from tollway.contracts.user_data_pb2 import Obstacle
from tollway.kit.errors import Conflict, Forbidden, NotFound, Unavailable
from tollway.services.identity.model import SignInClient, User

ANN = "ann@example.com"
HOME = SignInClient("192.0.2.1")
DAY_S = 86_400
BALANCE = Obstacle(
    kind="balance", detail="12.40 EUR are in your wallet", asset="EUR", amount=12_400_000, forfeitable=True
)


def balance(amount: int, asset: str = "EUR") -> Obstacle:
    return Obstacle(kind="balance", detail="in your wallet", asset=asset, amount=amount, forfeitable=True)


DEBT = Obstacle(kind="debt", detail="you owe 3.00 EUR", asset="EUR", amount=3_000_000)


async def ask(
    identity: IdentityFixture, user_id: str, password: str = PASSWORD, *, forfeit: bool = False
) -> int:
    return await identity.service.leaving.begin(user_id, "ses_1", password, HOME, forfeit=forfeit)


async def states(identity: IdentityFixture) -> list[str]:
    return [one.state for one in await identity.published(UserStateChanged)]


async def test_after_the_days_are_over_the_account_is_gone_and_its_address_free(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    refresh = (await identity.log_in()).json["refresh_token"]
    erase_at_us = await ask(identity, user_id)
    assert erase_at_us == identity.clock.now_us() + 14 * DAY_S * 1_000_000
    await identity.work()
    with pytest.raises(SessionEnded):
        await identity.tokens.refresh(refresh)
    identity.clock.advance(14 * DAY_S - 1)
    await identity.work()
    assert (await identity.service.accounts.get(user_id)).state == "deleting"
    identity.clock.advance(1)
    await identity.work()
    [event] = await identity.published(UserDeleted)
    assert (event.user_id, event.reason, event.forfeit) == (user_id, "asked", False)
    gone = await identity.service.accounts.get(user_id)
    assert (gone.state, gone.email, gone.password_hash) == ("deleted", f"{user_id}@deleted.invalid", "")
    [goodbye] = await identity.mailed("account_deleted")
    assert goodbye.to == ANN
    assert (await identity.log_in()).json["code"] == "bad_login"
    with pytest.raises(NotFound):
        await identity.service.accounts.get_by_email(ANN)
    assert await identity.sign_up(ANN) != user_id


async def test_the_link_in_the_mail_keeps_the_account(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    [mail] = await identity.mailed("keep_account")
    assert mail.params["link"].startswith("https://tollway.test/keep-account#token=")
    await identity.service.leaving.keep(mail.params["token"])
    with pytest.raises(LinkInvalid):
        await identity.service.leaving.keep(mail.params["token"])
    identity.clock.advance(20 * DAY_S)
    await identity.work()
    await identity.service.leaving.resume()
    assert (await identity.service.accounts.get(user_id)).state == "active"
    assert await states(identity) == ["deleting", "active"]
    assert (await identity.log_in()).status == 200
    assert len(await identity.mailed("deletion_kept")) == 1
    await ask(identity, user_id)


async def test_signing_in_keeps_the_account_only_when_that_is_said(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    refused = await identity.log_in()
    assert (refused.status, refused.json["code"]) == (403, "account_deleting")
    assert refused.json["erase_at"] == "2026-12-06T00:00:00.000000Z"
    assert (await identity.log_in(password=OTHER_PASSWORD)).json["code"] == "bad_login"
    body = {"email": ANN, "password": PASSWORD, "keep_account": True}
    assert (await identity.client.call("POST", "/api/auth/token", body)).status == 200
    assert (await identity.service.accounts.get(user_id)).state == "active"


async def test_the_password_is_needed(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(Forbidden):
        await ask(identity, user_id, "not the password")
    assert await states(identity) == []


async def test_what_stands_in_the_way_is_said_and_only_a_balance_can_be_given_up(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    identity.neighbour.obstacles = [BALANCE, DEBT]
    for forfeit in (False, True):
        with pytest.raises(DeletionBlocked, match="you owe") as refused:
            await ask(identity, user_id, forfeit=forfeit)
    assert [one["kind"] for one in refused.value.extra["obstacles"]] == ["debt"]
    identity.neighbour.obstacles = [BALANCE]
    with pytest.raises(DeletionBlocked, match="your wallet"):
        await ask(identity, user_id)
    await ask(identity, user_id, forfeit=True)
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    [event] = await identity.published(UserDeleted)
    assert event.forfeit


@pytest.mark.parametrize(
    ("then", "goes"),
    [
        ([BALANCE], True),
        ([balance(1)], True),
        ([], True),
        ([balance(BALANCE.amount + 1)], False),
        ([BALANCE, balance(1, "USD")], False),
        ([BALANCE, DEBT], False),
    ],
    ids=["the same", "less", "nothing", "a deposit", "another currency", "a debt"],
)
async def test_only_what_its_owner_was_told_of_is_given_up(
    identity: IdentityFixture, then: list[Obstacle], goes: bool
) -> None:
    """Money that was paid in while the account waited was not given up by anybody."""
    user_id = await identity.sign_up(ANN)
    identity.neighbour.obstacles = [BALANCE]
    await ask(identity, user_id, forfeit=True)
    identity.neighbour.obstacles = then
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    assert len(await identity.published(UserDeleted)) == int(goes)
    assert len(await identity.mailed("deletion_stopped")) == int(not goes)


async def test_what_comes_in_between_stops_the_deletion_and_is_told(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    identity.neighbour.obstacles = [DEBT]
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    assert (await identity.service.accounts.get(user_id)).state == "active"
    assert len(await identity.mailed("deletion_stopped")) == 1
    assert await identity.published(UserDeleted) == []


async def test_a_suspended_customer_cannot_leave_and_a_suspension_stops_the_leaving(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.accounts.set_state(user_id, "suspended", "fraud", "usr_operator")
    with pytest.raises(AccountSuspended):
        await ask(identity, user_id)
    await identity.service.accounts.set_state(user_id, "active", "", "usr_operator")
    await ask(identity, user_id)
    await identity.service.accounts.set_state(user_id, "suspended", "fraud", "usr_operator")
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    assert (await identity.service.accounts.get(user_id)).state == "suspended"
    assert (await identity.log_in()).json["code"] == "account_suspended"


async def test_a_suspension_at_the_moment_of_the_asking_is_not_undone_by_the_mail(
    identity: IdentityFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's request has read the account when its owner asks for the deletion."""
    user_id = await identity.sign_up(ANN)
    accounts = identity.service.accounts
    read = accounts.get

    async def read_and_wait(user_id: str) -> User:
        seen = await read(user_id)
        if seen.state == "active":
            await ask(identity, user_id)
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(accounts, "get", read_and_wait)
        await accounts.set_state(user_id, "suspended", "fraud", "usr_operator")
    await identity.work()
    assert await identity.mailed("keep_account") == [], "the link leads nowhere any more"
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    await identity.service.leaving.resume()
    assert (await accounts.get(user_id)).state == "suspended"
    assert await states(identity) == ["deleting", "active", "suspended"]


async def test_who_is_leaving_gets_no_roles_unless_the_leaving_is_stopped(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    with pytest.raises(Conflict, match="being deleted"):
        await identity.service.accounts.set_roles(user_id, ["support"], "", "usr_operator")
    operator = await identity.service.accounts.ensure_operator(ANN, OTHER_PASSWORD)
    assert (operator.id, operator.state) == (user_id, "active")
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200
    await identity.service.accounts.set_roles(user_id, ["customer"], "", "usr_operator")
    await ask(identity, user_id, OTHER_PASSWORD)
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    with pytest.raises(Conflict, match="deleted"):
        await identity.service.accounts.set_roles(user_id, ["admin"], "", "usr_operator")


async def test_an_address_becomes_no_operators_while_its_account_is_erased(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    identity.clock.advance(14 * DAY_S)
    identity.channel.faults.add("notifications.SendEmail")
    await identity.service.leaving.resume()
    with pytest.raises(Conflict, match="being erased"):
        await identity.service.accounts.ensure_operator(ANN, OTHER_PASSWORD)
    identity.channel.faults.clear()
    await identity.service.leaving.resume()
    assert (await identity.service.accounts.get(user_id)).state == "deleted"
    assert (await identity.service.accounts.ensure_operator(ANN, OTHER_PASSWORD)).id != user_id


async def test_an_operator_cannot_leave_and_nobody_restores_who_has_left(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.accounts.set_roles(user_id, ["support"], "", "usr_operator")
    with pytest.raises(DeletionBlocked, match="roles"):
        await ask(identity, user_id)
    await identity.service.accounts.set_roles(user_id, ["customer"], "", "usr_operator")
    await ask(identity, user_id)
    with pytest.raises(Conflict):
        await ask(identity, user_id)
    identity.clock.advance(14 * DAY_S)
    await identity.work()
    with pytest.raises(Conflict, match="deleted"):
        await identity.service.accounts.set_state(user_id, "active", "", "usr_operator")


async def test_whoever_undoes_a_stolen_address_undoes_the_deletion(identity: IdentityFixture) -> None:
    """A thief changes the address and deletes the account: the link to the old address undoes both."""
    user_id = await identity.sign_up(ANN)
    await identity.service.email_change.begin(user_id, "ses_1", PASSWORD, "thief@example.com", HOME)
    identity.clock.advance(1)
    await identity.service.email_change.complete(
        await identity.mail_token("change_email", "thief@example.com")
    )
    await ask(identity, user_id)
    await identity.service.email_change.refuse(await identity.mail_token("email_changed", ANN))
    user = await identity.service.accounts.get(user_id)
    assert (user.state, user.email) == ("active", ANN)


async def test_a_service_that_does_not_say_holds_the_deletion_up(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    identity.channel.faults.add("user_data.ListObstacles")
    with pytest.raises(Unavailable):
        await ask(identity, user_id)
    assert (await identity.service.accounts.get(user_id)).state == "active"


@pytest.mark.parametrize("survives", range(8))
async def test_a_kill_at_any_point_erases_once(identity: IdentityFixture, survives: int) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id)
    identity.clock.advance(14 * DAY_S)
    fate = Fate(survives)
    mortal = identity.replica(
        db=MortalDatabase(identity.db, fate),  # type: ignore[arg-type]
        channel=MortalChannel(identity.server, "identity", fate),
    )
    with pytest.raises(Killed):
        await mortal.leaving.resume()
    await identity.service.leaving.resume()
    await identity.work()
    assert len(await identity.published(UserDeleted)) == 1
    assert len(await identity.mailed("account_deleted")) == 1
    assert (await identity.service.accounts.get(user_id)).state == "deleted"
