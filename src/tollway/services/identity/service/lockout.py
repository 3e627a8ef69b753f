"""Failed attempts are counted in the database, so that replicas share the count, and slow down whoever makes them.

What is counted, and what it stops:

(account, network)   tries at an account from one network. Only the network that fails waits.
account              tries at an account from all networks that it never signed in from. What strangers do here makes
                     other strangers wait, neither a browser nor a network that the account signed in from.
network              tries of a network at all accounts. It stops nobody; where there are many failures, an account that
                     never signed in from there has one try at a time.
device, session      a browser that signed in before, and a session that must prove its password again, count for
                     themselves: nobody else's failures make them wait.

An attempt is charged before the response is looked at, and refunded when it was right. So a thousand guesses at
once get no further than the free ones. An e-mail address that does not exist is counted like one that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tollway.contracts.errors import AccountLocked
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.fabric.db import Tx
from tollway.kit.times import HOUR_US, SECOND_US
from tollway.services.identity import store
from tollway.services.identity.model import (
    AttemptCounter,
    LockRule,
    LockRules,
    User,
    charge,
    here_subject,
    ip_subject,
    is_account,
    refund,
)
from tollway.services.identity.service.mail import Mail


@dataclass(frozen=True, slots=True)
class AttemptToken:
    """An attempt that was charged: to be refunded, or left to count. The first counter is whose try it was."""

    counters: tuple[AttemptCounter, ...]

    @property
    def locked_until_us(self) -> int:
        """Until when this attempt locks somebody out; 0 when it does not."""
        return max(one.locked_until_us for one in self.counters)


class Lockout:
    """Counts attempts and makes those wait who fail too often, for a while."""

    def __init__(self, mail: Mail, rules: LockRules) -> None:
        self._mail = mail
        self._rules = rules

    async def charge(self, tx: Tx, subject: str, ip: str) -> AttemptToken:
        """Charge an attempt of this subject: `account_subject`, `device_subject` or `session_subject`.

        Raises AccountLocked.
        """
        if is_account(subject):
            return await self._charge_account(tx, subject, ip)
        return await self._charge(tx, [subject], [self._rules.account])

    async def failed(self, tx: Tx, token: AttemptToken, user: User | None, ip: str, reason: str) -> None:
        """Leave the attempt charged, and publish that it failed."""
        tx.publish(LoginFailed(user_id=user.id if user else "", ip=ip, reason=reason))
        if user is None or not token.locked_until_us:
            return
        tx.publish(AccountWasLocked(user_id=user.id, until_us=token.locked_until_us))
        # A mail for a row of failures, and one for all rows of an hour; the events name every lock.
        own = token.counters[0]
        in_all = [one.failures for one in token.counters if is_account(one.subject)]
        if own.failures == self._rules.account.free or self._rules.everywhere.free in in_all:
            self._mail.enqueue_notice(tx, user.id, "account_locked", own.last_failed_at_us, HOUR_US)

    async def succeeded(self, tx: Tx, token: AttemptToken) -> None:
        """Clear the failures of whose try it was, and remember it. The others only get this attempt back."""
        own, *others = await self._refunded(tx, token)
        cleared = AttemptCounter(own.subject, succeeded_at_us=tx.now_us)
        await store.write_counters(tx, [cleared, *others])

    async def refund(self, tx: Tx, token: AttemptToken) -> None:
        """Give the attempt back: it was right so far, or the response was never looked at."""
        await store.write_counters(tx, await self._refunded(tx, token))

    async def _charge_account(self, tx: Tx, account: str, ip: str) -> AttemptToken:
        subjects = [here_subject(account, ip), account, ip_subject(ip)]
        here, everywhere, network = await store.lock_counters(tx, subjects)
        rules = self._rules
        if here.knows(tx.now_us):
            return await self._charge_locked(tx, [here, network], [rules.account, rules.network])
        crowded = network.counted(tx.now_us) >= rules.crowded
        own = replace(rules.account, free=1) if crowded else rules.account
        return await self._charge_locked(
            tx, [here, everywhere, network], [own, rules.everywhere, rules.network]
        )

    async def _charge(self, tx: Tx, subjects: Sequence[str], rules: Sequence[LockRule]) -> AttemptToken:
        return await self._charge_locked(tx, await store.lock_counters(tx, subjects), rules)

    async def _charge_locked(
        self, tx: Tx, counters: Sequence[AttemptCounter], rules: Sequence[LockRule]
    ) -> AttemptToken:
        wait_us = max(one.locked_until_us for one in counters) - tx.now_us
        if wait_us > 0:
            wait_s = -(-wait_us // SECOND_US)
            raise AccountLocked(
                f"too many failed logins; try again in {wait_s} seconds", retry_after_s=wait_s
            )
        charged = tuple(charge(one, rule, tx.now_us) for one, rule in zip(counters, rules, strict=True))
        await store.write_counters(tx, charged)
        return AttemptToken(charged)

    async def _refunded(self, tx: Tx, token: AttemptToken) -> list[AttemptCounter]:
        present = await store.lock_counters(tx, [one.subject for one in token.counters])
        return [refund(one, charged) for one, charged in zip(present, token.counters, strict=True)]
