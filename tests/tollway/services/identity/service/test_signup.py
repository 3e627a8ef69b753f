"""Signing up tells nothing to strangers, and the owner of the mailbox decides."""

import asyncio

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.clients import PROGRAM
from tollway.contracts.errors import BadLogin, LinkInvalid
from tollway.contracts.events import EmailVerified, UserRegistered
from tollway.kit.errors import Invalid
from tollway.services.identity.model import SignInClient

ANN = "ann@example.com"


async def test_a_person_registers_verifies_and_is_known(identity: IdentityFixture) -> None:
    await identity.service.signup.register("Ann@Example.com", PASSWORD)
    [mail] = await identity.mailed("verify_email")
    assert (mail.to, mail.params["link"]) == (
        "Ann@example.com",
        f"https://tollway.test/verify-email#token={mail.params['token']}",
    )
    user = await identity.service.accounts.get_by_email(ANN)
    assert (user.email_verified, user.roles, user.state) == (False, ("customer",), "active")
    await identity.service.signup.verify(mail.params["token"])
    assert (await identity.service.accounts.get(user.id)).email_verified
    assert [event.user_id for event in await identity.published(UserRegistered)] == [user.id]
    assert [event.email for event in await identity.published(EmailVerified)] == ["Ann@example.com"]


async def test_a_link_works_once(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    token = await identity.mail_token("verify_email")
    results = await asyncio.gather(
        *(identity.service.signup.verify(token) for _ in range(8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["LinkInvalid"] * 7 + ["NoneType"]
    assert len(await identity.published(EmailVerified)) == 1


async def test_a_link_expires_after_a_day(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    token = await identity.mail_token("verify_email")
    identity.clock.advance(86_400)
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(token)


@pytest.mark.parametrize("token", ["", "x", "\x00", "A" * 43])
async def test_a_made_up_token_is_refused(identity: IdentityFixture, token: str) -> None:
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(token)


async def test_a_reset_token_does_not_verify(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    await identity.service.recovery.forgot(ANN)
    token = await identity.mail_token("password_reset")
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(token)


async def test_only_a_hash_of_the_token_is_stored(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    token = await identity.mail_token("verify_email")
    async with identity.db.snapshot() as tx:
        for table in ("email_link", "job", "outbox"):
            rows = await tx.conn.exec_driver_sql(f"SELECT * FROM {table}")
            assert token not in str(rows.all())


async def test_a_verified_address_gets_a_reminder_and_nothing_changes(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    for _ in range(3):
        await identity.service.signup.register("ANN@example.com", OTHER_PASSWORD)
    assert len(await identity.mailed("account_exists")) == 1, "one in ten minutes"
    assert len(await identity.published(UserRegistered)) == 1
    assert (await identity.log_in()).status == 200
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 401


async def test_the_mailbox_decides_which_registration_counts(identity: IdentityFixture) -> None:
    """An attacker registers the address first; the owner, who registers too, gets in and the attacker does not."""
    await identity.service.signup.register(ANN, "the attacker's words")
    await identity.mailed("verify_email")
    await identity.service.signup.register(ANN, PASSWORD)
    attackers, owners = await identity.mailed("verify_email")
    await identity.service.signup.verify(owners.params["token"])
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(attackers.params["token"])
    assert (await identity.log_in()).status == 200
    assert (await identity.log_in(password="the attacker's words")).status == 401


async def test_a_later_registration_changes_nothing_until_its_own_mail_is_used(
    identity: IdentityFixture,
) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    [owners] = await identity.mailed("verify_email")
    await identity.service.signup.register(ANN, "the attacker's words")
    await identity.service.signup.verify(owners.params["token"])
    assert (await identity.log_in()).status == 200
    with pytest.raises(BadLogin):
        await identity.service.signin.with_password(ANN, "the attacker's words", PROGRAM, SignInClient())


async def test_the_mail_can_be_asked_for_again_but_not_without_end(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    for _ in range(10):
        await identity.service.signup.resend(ANN)
    mails = await identity.mailed("verify_email")
    assert len(mails) == 5
    await identity.service.signup.verify(mails[2].params["token"])
    with pytest.raises(LinkInvalid):
        await identity.service.signup.verify(mails[4].params["token"])
    identity.clock.advance(7200)
    await identity.service.signup.resend(ANN)
    assert len(await identity.mailed("verify_email")) == 5, "there is nothing left to verify"


async def test_parallel_registrations_of_one_address_make_one_account(identity: IdentityFixture) -> None:
    await asyncio.gather(*(identity.service.signup.register(ANN, PASSWORD) for _ in range(6)))
    assert len(await identity.published(UserRegistered)) == 1


async def test_bad_input_is_refused_before_anything_happens(identity: IdentityFixture) -> None:
    for email, password in [("nonsense", PASSWORD), (ANN, "short"), (ANN, "password123")]:
        with pytest.raises(Invalid):
            await identity.service.signup.register(email, password)
    assert await identity.published(UserRegistered) == []
