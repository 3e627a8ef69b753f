"""Signing up tells nothing to strangers, and the owner of the mailbox decides."""

import asyncio

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.errors import LinkInvalid, PasswordNeeded
from tollway.contracts.events import EmailVerified, UserRegistered
from tollway.kit.errors import Invalid

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


# ── somebody else registers the address, before or after its owner ──────────────────────────────────────

STRANGERS = "the stranger's own words"


async def register(identity: IdentityFixture, *who: str) -> list[str]:
    """Register the address by these, in this order; return the tokens that were mailed."""
    for one in who:
        await identity.service.signup.register(ANN, PASSWORD if one == "owner" else STRANGERS)
        await identity.work()
    return [mail.params["token"] for mail in await identity.mailed("verify_email")]


@pytest.mark.parametrize(
    "order",
    [
        ("stranger",),
        ("stranger", "owner"),
        ("owner", "stranger"),
        ("stranger", "owner", "stranger"),
        ("owner", "stranger", "owner"),
        ("stranger", "stranger"),
        ("owner", *["stranger"] * 7),
    ],
)
async def test_the_holder_of_the_mailbox_chooses_the_password(
    identity: IdentityFixture, order: tuple[str, ...]
) -> None:
    *older, newest = await register(identity, *order)
    for token in older:
        with pytest.raises(LinkInvalid):
            await identity.service.signup.verify(token, OTHER_PASSWORD)
    await identity.service.signup.verify(newest, OTHER_PASSWORD)
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200
    for password in (STRANGERS, PASSWORD):
        assert (await identity.log_in(password=password)).status == 401


@pytest.mark.parametrize("order", [("owner", "stranger"), ("stranger", "owner"), ("owner", "owner")])
async def test_no_password_of_an_address_that_was_registered_twice_is_taken_on_trust(
    identity: IdentityFixture, order: tuple[str, ...]
) -> None:
    newest = (await register(identity, *order))[-1]
    for _ in range(2):
        with pytest.raises(PasswordNeeded):
            await identity.service.signup.verify(newest)
    for password in (STRANGERS, PASSWORD):
        assert (await identity.log_in(password=password)).json["code"] == "bad_login"
    await identity.service.signup.verify(newest, PASSWORD)
    assert (await identity.log_in()).status == 200


async def test_a_registration_beyond_the_hourly_mails_counts_too(identity: IdentityFixture) -> None:
    tokens = await register(identity, "owner", *["stranger"] * 9)
    assert len(tokens) == 5, "no more than five an hour"
    with pytest.raises(PasswordNeeded):
        await identity.service.signup.verify(tokens[-1])


async def test_a_registration_at_the_moment_of_the_confirmation_does_not_slip_in(
    identity: IdentityFixture,
) -> None:
    [token] = await register(identity, "owner")
    done = await asyncio.gather(
        identity.service.signup.verify(token),
        *(identity.service.signup.register(ANN, STRANGERS) for _ in range(3)),
        return_exceptions=True,
    )
    assert {type(one) for one in done} <= {type(None), LinkInvalid, PasswordNeeded}
    assert (await identity.log_in(password=STRANGERS)).status == 401


async def test_a_weak_password_does_not_use_the_link_up(identity: IdentityFixture) -> None:
    [token] = await register(identity, "owner")
    for password in ("short", "password123", ANN):
        with pytest.raises(Invalid):
            await identity.service.signup.verify(token, password)
    await identity.service.signup.verify(token, OTHER_PASSWORD)
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200


async def test_a_confirmation_voids_the_links_to_set_a_password(identity: IdentityFixture) -> None:
    [token] = await register(identity, "stranger")
    await identity.service.recovery.forgot(ANN)
    reset = await identity.mail_token("password_reset")
    await identity.service.signup.verify(token, OTHER_PASSWORD)
    with pytest.raises(LinkInvalid):
        await identity.service.recovery.reset(reset, PASSWORD)


async def test_the_mail_can_be_asked_for_again_but_not_without_end(identity: IdentityFixture) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    for _ in range(10):
        await identity.work()
        await identity.service.signup.resend(ANN)
    mails = await identity.mailed("verify_email")
    assert len(mails) == 5
    for void in mails[:4]:
        with pytest.raises(LinkInvalid):
            await identity.service.signup.verify(void.params["token"])
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
