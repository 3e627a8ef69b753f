"""Another e-mail address: confirmed by the new one, refused or undone by the old one."""

import asyncio

import pytest

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tests.kit.killing import Fate, Killed, MortalDatabase
from tollway.contracts.errors import AddressTaken, LinkInvalid
from tollway.contracts.events import EmailChanged, EmailChangeRefused, PasswordChanged, UserDeleted
from tollway.kit.errors import Forbidden, Invalid, TooManyRequests
from tollway.services.identity.model import SignInClient

ANN, NEW, THIRD = "ann@example.com", "ann@new.example", "ann@third.example"
HOME = SignInClient("192.0.2.1")


async def ask(identity: IdentityFixture, user_id: str, email: str, password: str = PASSWORD) -> None:
    await identity.service.email_change.begin(user_id, "ses_1", password, email, HOME)


async def change(identity: IdentityFixture, user_id: str, email: str) -> None:
    identity.clock.advance(1)
    await ask(identity, user_id, email)
    identity.clock.advance(1)
    await identity.service.email_change.complete(await identity.mail_token("change_email", email))


async def email_of(identity: IdentityFixture, user_id: str) -> str:
    return (await identity.service.accounts.get(user_id)).email


async def test_the_new_address_confirms_and_the_sessions_go_on(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    await ask(identity, user_id, NEW)
    assert await email_of(identity, user_id) == ANN
    [mail] = await identity.mailed("change_email")
    assert mail.to == NEW
    assert mail.params["link"].startswith("https://tollway.test/change-email#token=")
    await identity.service.email_change.complete(mail.params["token"])
    assert await email_of(identity, user_id) == NEW
    assert (await identity.log_in(ANN)).status == 401
    assert (await identity.log_in(NEW)).status == 200
    assert len((await identity.tokens.sessions(user_id, 50, "")).items) == 2
    [changed] = await identity.published(EmailChanged)
    assert (changed.user_id, changed.email) == (user_id, NEW)
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.complete(mail.params["token"])


async def test_the_old_address_is_written_to_when_a_change_is_asked_for_and_when_it_is_made(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await change(identity, user_id, NEW)
    [asked] = await identity.mailed("refuse_email_change")
    [made] = await identity.mailed("email_changed")
    assert (asked.to, made.to) == (ANN, ANN)


async def test_a_newer_request_voids_the_older_link(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, NEW)
    older = await identity.mail_token("change_email", NEW)
    await ask(identity, user_id, THIRD)
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.complete(older)
    pending = await identity.service.email_change.pending(user_id)
    assert pending is not None
    assert pending.email == THIRD


async def test_a_link_expires_after_a_day(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, NEW)
    token = await identity.mail_token("change_email")
    identity.clock.advance(86_400)
    assert await identity.service.email_change.pending(user_id) is None
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.complete(token)


async def test_the_password_is_needed(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(Forbidden):
        await ask(identity, user_id, NEW, "not the password")
    assert await identity.mailed("change_email") == []


@pytest.mark.parametrize("same", [ANN, "ANN@Example.COM", "ann@example.com "])
async def test_the_present_address_is_no_new_one(identity: IdentityFixture, same: str) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(Invalid):
        await ask(identity, user_id, same)


@pytest.mark.parametrize(
    "bad", ["ann", "анна@example.com", f"{'a' * 65}@example.com", "ann@example.com\r\nBcc: x"]
)
async def test_an_address_that_registration_refuses_is_refused(identity: IdentityFixture, bad: str) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(Invalid):
        await ask(identity, user_id, bad)


async def test_a_plus_address_and_a_foreign_domain_are_taken_as_registration_takes_them(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, "Ann+Tollway@BÜCHER.example")
    await identity.service.email_change.complete(await identity.mail_token("change_email"))
    assert (await identity.log_in("ann+tollway@xn--bcher-kva.example")).status == 200


async def test_only_the_mailbox_learns_that_an_address_has_an_account(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.sign_up(NEW, OTHER_PASSWORD)
    await ask(identity, user_id, NEW)
    assert await identity.mailed("change_email") == []
    [reminder] = await identity.mailed("account_exists")
    assert reminder.to == NEW
    # What the caller and the old address see is what they see of a free address.
    assert len(await identity.mailed("refuse_email_change", ANN)) == 1
    pending = await identity.service.email_change.pending(user_id)
    assert pending is not None
    assert pending.email == NEW


async def test_an_address_that_got_an_account_meanwhile_is_refused_at_the_end(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, NEW)
    token = await identity.mail_token("change_email")
    await identity.sign_up(NEW, OTHER_PASSWORD)
    with pytest.raises(AddressTaken):
        await identity.service.email_change.complete(token)
    assert await email_of(identity, user_id) == ANN


async def test_a_strangers_unconfirmed_registration_does_not_keep_the_address(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.signup.register(NEW, OTHER_PASSWORD)
    stranger = (await identity.service.accounts.get_by_email(NEW)).id
    await change(identity, user_id, NEW)
    assert await email_of(identity, user_id) == NEW
    gone = await identity.published(UserDeleted)
    assert [(one.user_id, one.reason) for one in gone] == [(stranger, "never_confirmed")]


async def test_two_accounts_that_confirm_the_same_address_at_once_leave_it_to_one(
    identity: IdentityFixture,
) -> None:
    tokens = []
    for email in (ANN, THIRD):
        await ask(identity, await identity.sign_up(email), NEW)
        tokens.append((await identity.mailed("change_email"))[-1].params["token"])
    results = await asyncio.gather(
        *(identity.service.email_change.complete(token) for token in tokens), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["AddressTaken", "NoneType"]


async def test_requests_are_limited_by_the_hour(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    for number in range(5):
        await ask(identity, user_id, f"ann{number}@new.example")
    with pytest.raises(TooManyRequests):
        await ask(identity, user_id, NEW)


async def test_a_refused_change_is_void_and_ends_what_the_password_opened(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.log_in()
    await ask(identity, user_id, NEW)
    token = await identity.mail_token("change_email")
    await identity.service.email_change.refuse(await identity.mail_token("refuse_email_change"))
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.complete(token)
    await identity.work()
    assert (await identity.tokens.sessions(user_id, 50, "")).items == []
    assert (await identity.log_in()).status == 401
    assert len(await identity.published(EmailChangeRefused)) == 1
    assert len(await identity.published(PasswordChanged)) == 1
    await identity.service.recovery.reset(await identity.mail_token("password_reset", ANN), OTHER_PASSWORD)
    assert (await identity.log_in(password=OTHER_PASSWORD)).status == 200


async def test_the_owner_of_the_old_address_undoes_changes_within_a_week(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, NEW)
    refuse = await identity.mail_token("refuse_email_change", ANN)
    await identity.service.email_change.complete(await identity.mail_token("change_email", NEW))
    await change(identity, user_id, THIRD)
    undo_of_a_thief = await identity.mail_token("email_changed", NEW)
    identity.clock.advance(6 * 86_400)
    await identity.service.email_change.refuse(refuse)
    assert await email_of(identity, user_id) == ANN
    assert (await identity.log_in(THIRD)).status == 401
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.refuse(undo_of_a_thief)
    assert (await identity.mailed("password_reset"))[-1].to == ANN


async def test_a_taken_over_mailbox_cannot_void_the_owners_link(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await change(identity, user_id, NEW)
    owners = await identity.mail_token("email_changed", ANN)
    identity.clock.advance(1)
    await ask(identity, user_id, THIRD)
    thiefs = await identity.mail_token("refuse_email_change", NEW)
    await identity.service.email_change.refuse(thiefs)
    await identity.service.email_change.refuse(owners)
    assert await email_of(identity, user_id) == ANN


async def test_a_change_cannot_be_undone_after_the_week(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    await change(identity, user_id, NEW)
    token = await identity.mail_token("email_changed")
    identity.clock.advance(7 * 86_400)
    with pytest.raises(LinkInvalid):
        await identity.service.email_change.refuse(token)


async def test_a_kill_before_the_commit_changes_nothing_and_the_link_works_again(
    identity: IdentityFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = await identity.sign_up(ANN)
    await ask(identity, user_id, NEW)
    token = await identity.mail_token("change_email")
    with monkeypatch.context() as life:
        life.setattr(identity.service.email_change, "_db", MortalDatabase(identity.db, Fate(survives=0)))
        with pytest.raises(Killed):
            await identity.service.email_change.complete(token)
    assert await email_of(identity, user_id) == ANN
    assert await identity.published(EmailChanged) == []
    await identity.service.email_change.complete(token)
    assert await email_of(identity, user_id) == NEW
    assert len(await identity.published(EmailChanged)) == 1
