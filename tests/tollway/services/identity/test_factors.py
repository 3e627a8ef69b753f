"""A second factor: what a new kind of factor needs, and that no session opens before both are proven."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy import select

from tests.kit.identity import OTHER_PASSWORD, PASSWORD, IdentityFixture
from tollway.contracts.clients import BROWSER, PROGRAM
from tollway.contracts.errors import AccountLocked, AccountSuspended, BadLogin, FactorRequired, SignInEnded
from tollway.contracts.events import LoginFailed, UserLoggedIn
from tollway.kit.errors import Invalid
from tollway.kit.ids import new_id
from tollway.services.identity import store
from tollway.services.identity.factors import FACTORS
from tollway.services.identity.model import SignInClient, User
from tollway.services.identity.service import Identity
from tollway.services.identity.service.signin import Challenge, SignedIn

ANN, BOB = "ann@example.com", "bob@example.com"
FROM = SignInClient("192.0.2.1", "curl/8")


class BackwardsFactor:
    """Asks for a word spelled backwards; only Ann has set it up."""

    name = "backwards"
    primary = False

    async def challenge(self, user: User | None) -> Mapping[str, str] | None:
        return {"word": new_id("wrd")} if user is not None and user.email == ANN else None

    async def verify(self, user: User | None, response: str, challenge: Mapping[str, str]) -> str | None:
        return "otp" if response == challenge["word"][::-1] else None


@pytest.fixture
async def service(identity: IdentityFixture) -> Identity:
    await identity.sign_up(ANN)
    return identity.replica([*FACTORS, lambda _: BackwardsFactor()])


async def prove_password(service: Identity, email: str = ANN) -> Challenge:
    begun = await service.signin.begin(email, PROGRAM, FROM)
    assert dict(begun.factors) == {"password": {}}
    challenge = await service.signin.answer(begun.attempt_id, "password", PASSWORD)
    assert isinstance(challenge, Challenge)
    return challenge


def response(challenge: Challenge) -> str:
    return challenge.factors["backwards"]["word"][::-1]


async def sessions(identity: IdentityFixture) -> int:
    user = await identity.service.accounts.get_by_email(ANN)
    await identity.work()
    return len((await identity.tokens.sessions(user.id, 50, "")).items)


async def test_a_session_opens_only_after_both_factors_and_names_both(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    assert set(challenge.factors) == {"backwards"}
    assert await sessions(identity) == 0
    assert await identity.published(UserLoggedIn) == []
    signed_in = await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))
    assert isinstance(signed_in, SignedIn)
    principal = await identity.verifier.verify(signed_in.session.access_token)
    assert principal.amr == ("pwd", "otp", "mfa")
    assert principal.second_factor
    assert await sessions(identity) == 1
    assert len(await identity.published(UserLoggedIn)) == 1


async def test_a_user_who_has_not_set_it_up_needs_the_password_alone(
    identity: IdentityFixture, service: Identity
) -> None:
    await identity.sign_up(BOB)
    signed_in = await service.signin.with_password(BOB, PASSWORD, BROWSER, FROM)
    principal = await identity.verifier.verify(
        (await identity.tokens.exchange_cookie(signed_in.session.cookie)).access_token
    )
    assert (principal.amr, principal.second_factor) == (("pwd",), False)


async def test_signing_in_by_password_in_one_call_tells_what_is_missing(service: Identity) -> None:
    with pytest.raises(FactorRequired) as refusal:
        await service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)
    assert refusal.value.extra["factors"] == ["backwards"]
    with pytest.raises(BadLogin):
        await service.signin.answer(refusal.value.extra["attempt_id"], "backwards", "sdrawkcab")


async def test_the_next_answer_may_reach_another_replica(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    other = identity.replica([*FACTORS, lambda _: BackwardsFactor()])
    assert isinstance(
        await other.signin.answer(challenge.attempt_id, "backwards", response(challenge)), SignedIn
    )


async def test_only_what_is_offered_can_be_answered(service: Identity) -> None:
    begun = await service.signin.begin(ANN, PROGRAM, FROM)
    with pytest.raises(Invalid, match="password"):
        await service.signin.answer(begun.attempt_id, "backwards", "")
    challenge = await prove_password(service)
    with pytest.raises(Invalid, match="backwards"):
        await service.signin.answer(challenge.attempt_id, "password", PASSWORD)
    with pytest.raises(SignInEnded):
        await service.signin.answer("an attempt of nobody", "password", PASSWORD)


async def test_an_address_without_account_is_asked_the_same(service: Identity) -> None:
    known = await service.signin.begin(ANN, PROGRAM, FROM)
    unknown = await service.signin.begin("nobody@example.com", PROGRAM, FROM)
    assert known.factors == unknown.factors
    with pytest.raises(BadLogin):
        await service.signin.answer(unknown.attempt_id, "password", PASSWORD)


async def test_the_password_does_not_win_back_tries_for_the_second_factor(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    for _ in range(4):
        with pytest.raises(BadLogin):
            await service.signin.answer(challenge.attempt_id, "backwards", "a guess")
        challenge = await prove_password(service)
    with pytest.raises(BadLogin):
        await service.signin.answer(challenge.attempt_id, "backwards", "a guess")
    with pytest.raises(AccountLocked):
        await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))
    failed = await identity.published(LoginFailed)
    assert [event.reason for event in failed] == ["wrong_backwards"] * 5
    assert await sessions(identity) == 0


async def test_an_attempt_ends_after_five_minutes(identity: IdentityFixture, service: Identity) -> None:
    challenge = await prove_password(service)
    identity.clock.advance(299)
    with pytest.raises(BadLogin):
        await service.signin.answer(challenge.attempt_id, "backwards", "a guess")
    identity.clock.advance(1)
    with pytest.raises(SignInEnded):
        await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))


async def test_an_attempt_ends_when_the_password_is_reset(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    await identity.service.recovery.forgot(ANN)
    await identity.service.recovery.reset(await identity.mail_token("password_reset"), OTHER_PASSWORD)
    with pytest.raises(SignInEnded):
        await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))


async def test_an_account_suspended_between_the_factors_gets_no_session(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    user = await identity.service.accounts.get_by_email(ANN)
    await identity.service.accounts.set_state(user.id, "suspended", "abuse", "usr_operator")
    with pytest.raises(SignInEnded):
        await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))
    with pytest.raises(AccountSuspended):
        await service.signin.with_password(ANN, PASSWORD, PROGRAM, FROM)


async def test_of_many_right_answers_at_once_one_opens_a_session(
    identity: IdentityFixture, service: Identity
) -> None:
    challenge = await prove_password(service)
    answers = await asyncio.gather(
        *(service.signin.answer(challenge.attempt_id, "backwards", response(challenge)) for _ in range(4)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["SignInEnded"] * 3 + ["SignedIn"]
    assert await sessions(identity) == 1
    with pytest.raises(SignInEnded):
        await service.signin.answer(challenge.attempt_id, "backwards", response(challenge))


async def test_what_the_client_holds_is_not_stored(identity: IdentityFixture, service: Identity) -> None:
    challenge = await prove_password(service)
    async with identity.db.snapshot() as tx:
        rows = await tx.all(select(store.sign_in_attempt))
    assert challenge.attempt_id not in str(rows)
    assert ANN not in str(rows)
    assert {row.state for row in rows} == {"open"}
