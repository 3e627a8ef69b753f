"""Logging in: the right password after the right checks, and nothing that was changed meanwhile counts."""

import asyncio
from typing import Any

import pytest
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import update

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tests.kit.typing import settings_of
from tollway.contracts.clients import BROWSER, PROGRAM
from tollway.contracts.errors import AccountSuspended, BadLogin, EmailNotVerified
from tollway.contracts.events import LoginFailed, SessionRevoked, UserLoggedIn
from tollway.kit.errors import Unavailable
from tollway.services.identity import store
from tollway.services.identity.factors import PasswordFactor
from tollway.services.identity.model import SignInClient
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.settings import IdentitySettings

ANN = "ann@example.com"
FROM = SignInClient("192.0.2.1", "curl/8")


async def test_a_program_and_a_browser_sign_in(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    program = await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    browser = await identity.service.signin.with_password("ANN@EXAMPLE.COM", PASSWORD, BROWSER, FROM)
    claims = await identity.verifier.verify(program.session.access_token)
    assert (claims.user_id, claims.roles, claims.amr) == (user_id, {"customer"}, ("pwd",))
    assert (await identity.tokens.exchange_cookie(browser.session.cookie)).session.user_id == user_id
    [first, _] = await identity.published(UserLoggedIn)
    assert (first.user_id, first.ip, first.user_agent) == (user_id, "192.0.2.1", "curl/8")
    [latest, *_] = (await identity.tokens.sessions(user_id, 10, "")).items
    assert (latest.ip, latest.user_agent) == ("192.0.2.1", "curl/8")


@pytest.mark.parametrize(
    ("email", "password"),
    [(ANN, OTHER_PASSWORD), (ANN, PASSWORD + " "), (ANN, PASSWORD.upper()), ("bob@example.com", PASSWORD)],
)
async def test_a_wrong_login_is_refused_and_told(
    identity: IdentityFixture, email: str, password: str
) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(BadLogin):
        await identity.service.signin.with_password(email, password, PROGRAM, FROM)
    [failed] = await identity.published(LoginFailed)
    assert (failed.user_id, failed.ip) == (user_id if email == ANN else "", "192.0.2.1")


async def test_an_unverified_address_is_told_so_only_after_the_right_password(
    identity: IdentityFixture,
) -> None:
    await identity.service.signup.register(ANN, PASSWORD)
    with pytest.raises(BadLogin):
        await identity.service.signin.with_password(ANN, OTHER_PASSWORD, PROGRAM, FROM)
    with pytest.raises(EmailNotVerified):
        await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)


async def test_a_suspended_account_is_told_so_only_after_the_right_password(
    identity: IdentityFixture,
) -> None:
    user_id = await identity.sign_up(ANN)
    await identity.service.accounts.set_state(user_id, "suspended", "abuse", "usr_operator")
    with pytest.raises(BadLogin):
        await identity.service.signin.with_password(ANN, OTHER_PASSWORD, PROGRAM, FROM)
    with pytest.raises(AccountSuspended):
        await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    await identity.service.accounts.set_state(user_id, "active", "", "usr_operator")
    assert await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)


async def test_a_bcrypt_hash_from_elsewhere_is_replaced_at_login(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    async with identity.db.transaction() as tx:
        await tx.run(update(store.user).values(password_hash=BcryptHasher(rounds=4).hash(PASSWORD)))
    await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    assert (await identity.service.accounts.get(user_id)).password_hash.startswith("$argon2id$")
    assert await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)


class SlowSession:
    """A tokens service API at which something happens between the password and the session."""

    def __init__(self, identity: IdentityFixture, meanwhile: str) -> None:
        self._town, self._meanwhile = identity, meanwhile

    async def __call__(self, request: Any) -> Any:
        user = await self._town.service.accounts.get_by_email(ANN)
        if self._meanwhile == "suspended":
            await self._town.service.accounts.set_state(user.id, "suspended", "abuse", "usr_operator")
        elif self._meanwhile == "reset":
            await self._town.service.recovery.forgot(ANN)
            token = await self._town.mail_token("password_reset")
            await self._town.service.recovery.reset(token, OTHER_PASSWORD)
        await self._town.work()
        return await self._open(request)

    async def log_in(self) -> object:
        tokens: Any = self._town.service.sessions._tokens
        self._open, tokens.OpenSession = tokens.OpenSession, self
        try:
            return await self._town.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
        finally:
            tokens.OpenSession = self._open


@pytest.mark.parametrize("meanwhile", ["suspended", "reset"])
async def test_a_login_under_way_does_not_outlive_what_changed(
    identity: IdentityFixture, meanwhile: str
) -> None:
    user_id = await identity.sign_up(ANN)
    with pytest.raises(BadLogin):
        await SlowSession(identity, meanwhile).log_in()
    await identity.work()
    assert (await identity.tokens.sessions(user_id, 10, "")).items == []
    assert await identity.published(UserLoggedIn) == []


async def test_a_login_during_which_nothing_changes_counts(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    assert await SlowSession(identity, "nothing").log_in()


async def test_without_the_tokens_service_nobody_is_locked_out_for_it(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    identity.channel.faults.add("tokens.OpenSession", times=10)
    for _ in range(10):
        with pytest.raises(Unavailable):
            await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    assert await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)


async def test_a_rush_of_logins_is_put_off_and_not_counted_as_failures(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    full = Passwords(settings_of(IdentitySettings, hash_memory_kib=64))
    full._checks._limit = 0
    service = identity.replica([lambda context: PasswordFactor(context.db, full)])
    for _ in range(10):
        with pytest.raises(Unavailable, match="too many passwords"):
            await service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    assert await identity.service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    await full.stop()


async def test_many_people_sign_in_at_once(identity: IdentityFixture) -> None:
    emails = [f"person{n}@example.com" for n in range(4)]
    for email in emails:
        await identity.sign_up(email)
    logins = [identity.service.signin.with_password(email, PASSWORD, PROGRAM, FROM) for email in emails * 4]
    signed_in = await asyncio.gather(*logins)
    assert len({one.session.session_id for one in signed_in}) == 16
    assert await identity.published(SessionRevoked) == []
