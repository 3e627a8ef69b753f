"""A new password ends what relied on the old one."""

import asyncio

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.errors import AccountLocked, LinkInvalid
from tollway.contracts.events import EmailVerified, PasswordChanged
from tollway.kit.errors import Forbidden, Invalid, NotFound
from tollway.services.identity.model import SignInClient

ANN = "ann@example.com"
HOME = SignInClient("192.0.2.1")


async def sessions(identity: IdentityFixture, user_id: str) -> list[str]:
    await identity.work()
    return [one.id for one in (await identity.tokens.sessions(user_id, 50, "")).items]


async def test_a_forgotten_password_is_replaced_by_mail_and_every_session_ends(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    await identity.log_in(path="login")
    assert len(await sessions(identity, user_id)) == 2
    await identity.service.recovery.forgot("ANN@example.com")
    [mail] = await identity.mailed("password_reset")
    assert mail.params["link"].startswith("https://tollway.test/reset-password#token=")
    await identity.service.recovery.reset(mail.params["token"], OTHER_PASSWORD)
    assert await sessions(identity, user_id) == []
    assert (await identity.log_in()).status == 401
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200
    [changed] = await identity.published(PasswordChanged)
    assert (changed.user_id, changed.session_id, changed.keep_credentials) == (user_id, "", False)
    assert changed.at_us == identity.clock.now_us()
    assert len(await identity.mailed("password_changed", ANN)) == 1


async def test_a_reset_link_works_once_and_voids_the_others(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(2):
        await identity.service.recovery.forgot(ANN)
        await identity.work()
    first, second = await identity.mailed("password_reset")
    tries = [identity.service.recovery.reset(second.params["token"], OTHER_PASSWORD) for _ in range(6)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["LinkInvalid"] * 5 + ["NoneType"]
    with pytest.raises(LinkInvalid):
        await identity.service.recovery.reset(first.params["token"], OTHER_PASSWORD)


async def test_a_reset_link_expires_after_an_hour(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    await identity.service.recovery.forgot(ANN)
    token = await identity.mail_token("password_reset")
    identity.clock.advance(3600)
    with pytest.raises(LinkInvalid):
        await identity.service.recovery.reset(token, OTHER_PASSWORD)


async def test_a_weak_new_password_does_not_use_the_link_up(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    await identity.service.recovery.forgot(ANN)
    token = await identity.mail_token("password_reset")
    with pytest.raises(Invalid):
        await identity.service.recovery.reset(token, "password123")
    await identity.service.recovery.reset(token, OTHER_PASSWORD)


async def test_an_unknown_address_gets_no_mail(identity: IdentityFixture) -> None:
    await identity.service.recovery.forgot("nobody@example.com")
    assert await identity.mailed("password_reset") == []


async def test_links_are_limited_by_the_hour_and_the_newest_works(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(8):
        await identity.service.recovery.forgot(ANN)
        await identity.work()
    mails = await identity.mailed("password_reset")
    assert len(mails) == 5
    for void in mails[:4]:
        with pytest.raises(LinkInvalid):
            await identity.service.recovery.reset(void.params["token"], OTHER_PASSWORD)
    await identity.service.recovery.reset(mails[4].params["token"], OTHER_PASSWORD)


async def test_links_that_are_asked_for_at_once_leave_one_that_works(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    await asyncio.gather(*(identity.service.recovery.forgot(ANN) for _ in range(4)))
    works = []
    for mail in await identity.mailed("password_reset"):
        try:
            await identity.service.recovery.reset(mail.params["token"], "short")
        except LinkInvalid:
            continue
        except Invalid:
            works.append(mail)
    assert len(works) == 1


async def test_a_reset_lifts_the_accounts_lock(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(5):
        await identity.log_in(password="a wrong password")
    assert (await identity.log_in()).status == 429
    await identity.service.recovery.forgot(ANN)
    await identity.service.recovery.reset(await identity.mail_token("password_reset"), OTHER_PASSWORD)
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200


async def test_a_reset_proves_the_mailbox_of_an_unverified_account(identity: IdentityFixture) -> None:
    """The way back for an owner whose address a stranger registered."""
    await identity.service.signup.register(ANN, "a stranger's words")
    strangers = await identity.mail_token("verify_email")
    await identity.service.recovery.forgot(ANN)
    await identity.service.recovery.reset(await identity.mail_token("password_reset"), PASSWORD)
    assert len(await identity.published(EmailVerified)) == 1
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(strangers)
    assert (await identity.log_in()).status == 200
    assert (await identity.log_in(password="a stranger's words")).status == 401


async def test_changing_the_password_spares_the_session_it_is_done_in(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    await identity.log_in()
    here, _ = await sessions(identity, user_id)
    await identity.service.recovery.change(user_id, here, PASSWORD, OTHER_PASSWORD, HOME)
    assert await sessions(identity, user_id) == [here]
    [changed] = await identity.published(PasswordChanged)
    assert (changed.session_id, changed.keep_credentials) == (here, False)
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200
    assert len(await identity.mailed("password_changed")) == 1


async def test_credentials_outlive_a_change_only_when_their_owner_says_so(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    access = (await identity.log_in()).json["access_token"]
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "keep_credentials": True}
    assert (await identity.client.post("/api/account/security", body, access)).status == 204
    assert [one.keep_credentials for one in await identity.published(PasswordChanged)] == [True]


async def test_the_current_password_cannot_be_guessed_here_either(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    for _ in range(5):
        with pytest.raises(Forbidden, match="current password"):
            await identity.service.recovery.change(user_id, "", "a wrong password", OTHER_PASSWORD, HOME)
    with pytest.raises(AccountLocked):
        await identity.service.recovery.change(user_id, "", PASSWORD, OTHER_PASSWORD, HOME)
    assert await identity.published(PasswordChanged) == []


async def test_the_new_password_must_be_new_and_good(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    for new in (PASSWORD, "short", "password123"):
        with pytest.raises(Invalid):
            await identity.service.recovery.change(user_id, "", PASSWORD, new, HOME)
    with pytest.raises(NotFound):
        await identity.service.recovery.change("usr_gone", "", PASSWORD, OTHER_PASSWORD, HOME)


async def test_a_late_end_of_sessions_spares_those_that_were_opened_since(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    await identity.service.recovery.forgot(ANN)
    token = await identity.mail_token("password_reset")
    identity.clock.advance(2)
    await identity.service.recovery.reset(token, OTHER_PASSWORD)
    identity.clock.advance(2)
    fresh = await identity.log_in(password=OTHER_PASSWORD)
    assert fresh.status == 200
    identity.clock.advance(200)  # the job was held up
    await identity.work()
    await identity.apply_revocations()
    assert len((await identity.tokens.sessions(user_id, 50, "")).items) == 1
    assert (await identity.client.get("/api/auth/me", fresh.json["access_token"])).status == 200


async def test_a_late_end_of_a_suspension_spares_those_that_were_opened_since(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    identity.clock.advance(2)
    for state in ("suspended", "active"):
        await identity.service.accounts.set_state(user_id, state, "a mistake", "usr_operator")
    identity.clock.advance(2)
    await identity.log_in()
    await identity.work()
    assert len((await identity.tokens.sessions(user_id, 50, "")).items) == 1


async def test_sessions_end_even_when_the_tokens_service_was_away(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    identity.channel.faults.add("tokens.Revoke", times=2)
    await identity.service.recovery.forgot(ANN)
    await identity.service.recovery.reset(await identity.mail_token("password_reset"), OTHER_PASSWORD)
    assert len(await sessions(identity, user_id)) == 1
    for _ in range(2):
        identity.clock.advance(60)
        await identity.work()
    assert await sessions(identity, user_id) == []
