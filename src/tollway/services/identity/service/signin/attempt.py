"""Proving who somebody is: an attempt to sign in, answered factor by factor.

An attempt begins with a primary factor. A user who has set up others answers one of them too. An attempt is a row,
so any replica can take the next answer; of answers that arrive at the same time one counts. It ends by itself after
some minutes, and at once when the account changes. Wrong answers count for the lockout, right ones clear it only
when the last factor is proven: whoever knows the password alone cannot win back tries for the second factor.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tollway.contracts.clients import ClientRef
from tollway.contracts.errors import (
    AccountDeleting,
    AccountSuspended,
    BadLogin,
    EmailNotVerified,
    FactorRequired,
    SignInEnded,
)
from tollway.fabric.access_tokens import MULTI_FACTOR
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid, Problem
from tollway.kit.times import to_rfc3339
from tollway.services.identity import store
from tollway.services.identity.factors import Details, Factor
from tollway.services.identity.model import (
    ATTEMPT_LIFE_US,
    SignInAttempt,
    SignInClient,
    User,
    address_key,
    hash_secret,
)
from tollway.services.identity.service.devices import Devices
from tollway.services.identity.service.leaving import Leaving
from tollway.services.identity.service.lockout import AttemptToken, Lockout
from tollway.services.identity.service.signin.session import SessionOpener, SignedIn


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is needed next: an answer to one of `factors`. `attempt_id` is a secret of the client."""

    attempt_id: str
    factors: Mapping[str, Details]
    expires_at_us: int


class SignIn:
    """Takes attempts to sign in."""

    def __init__(
        self,
        db: Database,
        factors: Sequence[Factor],
        lockout: Lockout,
        sessions: SessionOpener,
        devices: Devices,
        leaving: Leaving,
    ) -> None:
        self._db = db
        self._factors = {factor.name: factor for factor in factors}
        self._lockout = lockout
        self._sessions = sessions
        self._devices = devices
        self._leaving = leaving

    async def begin(self, identifier: str, client: ClientRef, info: SignInClient) -> Challenge:
        """Begin an attempt for an e-mail address. It says nothing about whether there is an account."""
        key = address_key(identifier)
        async with self._db.snapshot() as tx:
            user = await store.user_by_key(tx, key)
        challenges = await self._challenges(user, primary=True)
        token = secrets.token_urlsafe(32)
        async with self._db.transaction() as tx:
            attempt = SignInAttempt(
                id=hash_secret(token),
                subject=self._devices.subject(user, key or identifier, info.device),
                user_id=user.id if user else "",
                user_epoch=user.epoch if user else 0,
                client=client,
                ip=info.ip,
                user_agent=info.user_agent,
                state="open",
                challenges=challenges,
                proven=(),
                amr=(),
                version=0,
                created_at_us=tx.now_us,
                expires_at_us=tx.now_us + ATTEMPT_LIFE_US,
            )
            await store.add_attempt(tx, attempt)
        return Challenge(token, challenges, attempt.expires_at_us)

    async def answer(
        self, attempt_id: str, factor: str, response: str, *, keep_account: bool = False
    ) -> Challenge | SignedIn:
        """Answer a challenge; return the next one, or the session when nothing more is needed.

        Raises SignInEnded, AccountLocked, BadLogin for a wrong response, Invalid for a factor that was not offered;
        only after a right response AccountSuspended and EmailNotVerified, and AccountDeleting unless `keep_account`,
        which undoes the deletion; Unavailable.
        """
        attempt, user, charged = await self._charge(attempt_id, factor)
        try:
            amr = await self._factors[factor].verify(user, response, attempt.challenges[factor])
        except Problem:
            async with self._db.transaction() as tx:
                await self._lockout.refund(tx, charged)
            raise
        if user is None or amr is None:
            reason = f"wrong_{factor}" if user else "unknown_address"
            async with self._db.transaction() as tx:
                await self._lockout.failed(tx, charged, user, attempt.ip, reason)
            raise BadLogin
        attempt = await self._advance(attempt, user, factor, amr, charged)
        if user.state not in {"active", "deleting"}:
            raise AccountSuspended
        if not user.email_verified:
            raise EmailNotVerified
        if attempt.state == "open":
            return Challenge(attempt_id, attempt.challenges, attempt.expires_at_us)
        if user.state == "deleting":
            user = await self._kept(user, wanted=keep_account)
        return await self._sessions.open(user, attempt)

    async def with_password(
        self,
        email: str,
        password: str,
        client: ClientRef,
        info: SignInClient,
        *,
        keep_account: bool = False,
    ) -> SignedIn:
        """Begin and answer in one call. Raises what `answer` does, and FactorRequired when that is not enough."""
        challenge = await self.begin(email, client, info)
        result = await self.answer(challenge.attempt_id, "password", password, keep_account=keep_account)
        if isinstance(result, Challenge):
            raise FactorRequired(attempt_id=result.attempt_id, factors=sorted(result.factors))
        return result

    async def _kept(self, user: User, *, wanted: bool) -> User:
        """Keep the account of somebody who wants that. Raises AccountDeleting when they don't, or it is too late."""
        kept = await self._leaving.keep_by_sign_in(user) if wanted else user
        if kept.state != "active":
            erase_at_us = await self._leaving.erase_at_us(user.id)
            raise AccountDeleting(erase_at=to_rfc3339(erase_at_us))
        return kept

    async def _charge(self, attempt_id: str, factor: str) -> tuple[SignInAttempt, User | None, AttemptToken]:
        """Find an attempt that goes on and its user, and count the try before the response is looked at."""
        async with self._db.transaction() as tx:
            attempt = await store.find_attempt(tx, hash_secret(attempt_id))
            if attempt is None or attempt.state != "open" or attempt.expires_at_us <= tx.now_us:
                raise SignInEnded
            if factor not in attempt.challenges:
                raise Invalid.of("factor", f"must be one of {', '.join(sorted(attempt.challenges))}")
            user = await store.user_by_id(tx, attempt.user_id) if attempt.user_id else None
            if attempt.proven and (user is None or user.epoch != attempt.user_epoch):
                raise SignInEnded
            charged = await self._lockout.charge(tx, attempt.subject, attempt.ip)
        return attempt, user, charged

    async def _advance(
        self, attempt: SignInAttempt, user: User, factor: str, amr: str, charged: AttemptToken
    ) -> SignInAttempt:
        """Note a proven factor, and what is needed next. Raises SignInEnded when another answer came first."""
        first = not attempt.proven
        challenges = await self._challenges(user, primary=False) if first else {}
        proven = (*attempt.proven, factor)
        ways = (*attempt.amr, amr)
        if len(proven) > 1:
            ways = (*ways, MULTI_FACTOR)
        async with self._db.transaction() as tx:
            advanced = await store.advance_attempt(
                tx,
                attempt,
                state="open" if challenges else "proven",
                challenges=challenges,
                proven=proven,
                amr=ways,
                user_epoch=user.epoch,
            )
            if advanced is not None and not challenges:
                await self._lockout.succeeded(tx, charged)
            else:
                await self._lockout.refund(tx, charged)
        if advanced is None:
            raise SignInEnded
        return advanced

    async def _challenges(self, user: User | None, *, primary: bool) -> dict[str, Details]:
        """Challenge a user by every factor of one kind that they have set up."""
        made = {
            name: await factor.challenge(user)
            for name, factor in self._factors.items()
            if factor.primary == primary
        }
        return {name: details for name, details in made.items() if details is not None}
