"""Failed attempts are counted per account and per network address, in the database, so that replicas share the count.

An attempt is charged before the response is looked at, and refunded when it was right. So a thousand guesses at
once get no further than the free ones. An e-mail address that does not exist is counted like one that does.
"""

from dataclasses import dataclass

from tollway.contracts.errors import AccountLocked
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.fabric.db import Tx
from tollway.kit.times import SECOND_US
from tollway.services.identity import store
from tollway.services.identity.model import (
    AttemptCounter,
    LockRule,
    User,
    charge,
    ip_subject,
    refund,
)
from tollway.services.identity.service.mail import Mail


@dataclass(frozen=True, slots=True)
class AttemptToken:
    """An attempt that was charged: to be refunded, or left to count."""

    account: AttemptCounter
    ip: AttemptCounter


class Lockout:
    """Counts attempts and locks those who fail too often, for a while."""

    def __init__(self, mail: Mail, account_rule: LockRule, ip_rule: LockRule) -> None:
        self._mail = mail
        self._account_rule = account_rule
        self._ip_rule = ip_rule

    async def charge(self, tx: Tx, account: str, ip: str) -> AttemptToken:
        """Charge an attempt on an account, named by `account_subject`. Raises AccountLocked."""
        counter, ip_counter = await store.lock_counters(tx, [account, ip_subject(ip)])
        wait_us = max(counter.locked_until_us, ip_counter.locked_until_us) - tx.now_us
        if wait_us > 0:
            wait_s = -(-wait_us // SECOND_US)
            raise AccountLocked(
                f"too many failed logins; try again in {wait_s} seconds", retry_after_s=wait_s
            )
        token = AttemptToken(
            charge(counter, self._account_rule, tx.now_us), charge(ip_counter, self._ip_rule, tx.now_us)
        )
        await store.write_counters(tx, [token.account, token.ip])
        return token

    async def failed(self, tx: Tx, token: AttemptToken, user: User | None, ip: str, reason: str) -> None:
        """Leave the attempt charged, and publish that it failed."""
        tx.publish(LoginFailed(user_id=user.id if user else "", ip=ip, reason=reason))
        until_us = token.account.locked_until_us
        if user is not None and until_us:
            tx.publish(AccountWasLocked(user_id=user.id, until_us=until_us))
            # One mail for a row of failures; the events tell of every lock.
            if token.account.failures == self._account_rule.free:
                self._mail.enqueue_notice(tx, user.id, "account_locked", token.account.last_failed_at_us)

    async def succeeded(self, tx: Tx, token: AttemptToken) -> None:
        """Clear the account's failures. The network address only gets this attempt back."""
        _, ip = await store.lock_counters(tx, [token.account.subject, token.ip.subject])
        cleared = AttemptCounter(token.account.subject)
        await store.write_counters(tx, [cleared, refund(ip, token.ip)])

    async def refund(self, tx: Tx, token: AttemptToken) -> None:
        """Give the attempt back: it was right so far, or the response was never looked at."""
        account, ip = await store.lock_counters(tx, [token.account.subject, token.ip.subject])
        await store.write_counters(tx, [refund(account, token.account), refund(ip, token.ip)])
