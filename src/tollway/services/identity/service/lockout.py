"""Failed tries are counted per account and per address, in the database, so that replicas share the count.

A try is charged before the password is looked at, and given back when it was right. So a thousand guesses at
once get through no more than the free ones. An address that does not exist is counted like one that does.
"""

from dataclasses import dataclass

from tollway.contracts.errors import AccountLocked
from tollway.contracts.events import AccountWasLocked, LoginFailed
from tollway.fabric.db import Database
from tollway.kit.times import SECOND_US
from tollway.services.identity import store
from tollway.services.identity.model import (
    AttemptCounter,
    ClientInfo,
    Rule,
    User,
    account_subject,
    charge,
    give_back,
    ip_subject,
)
from tollway.services.identity.service.mail import Mail


@dataclass(frozen=True, slots=True)
class AttemptToken:
    """A try that was charged: to be given back, or left to count."""

    account: AttemptCounter
    ip: AttemptCounter


class Lockout:
    """Counts tries and locks those who fail too often, for a while."""

    def __init__(self, db: Database, mail: Mail, account_rule: Rule, ip_rule: Rule) -> None:
        self._db = db
        self._mail = mail
        self._account_rule = account_rule
        self._ip_rule = ip_rule

    async def begin(self, email_key: str, client: ClientInfo) -> AttemptToken:
        """Charge a try. Raises AccountLocked, with the seconds to wait."""
        subjects = [account_subject(email_key), ip_subject(client.ip)]
        async with self._db.transaction() as tx:
            account, ip = await store.lock_counters(tx, subjects)
            wait_us = max(account.locked_until_us, ip.locked_until_us) - tx.now_us
            if wait_us > 0:
                wait_s = -(-wait_us // SECOND_US)
                raise AccountLocked(
                    f"too many failed logins; try again in {wait_s} seconds", retry_after_s=wait_s
                )
            token = AttemptToken(
                charge(account, self._account_rule, tx.now_us), charge(ip, self._ip_rule, tx.now_us)
            )
            await store.write_counters(tx, [token.account, token.ip])
        return token

    async def failed(self, token: AttemptToken, user: User | None, client: ClientInfo) -> None:
        """Leave the try charged, and tell of it."""
        async with self._db.transaction() as tx:
            reason = "wrong_password" if user else "unknown_address"
            tx.publish(LoginFailed(user_id=user.id if user else "", ip=client.ip, reason=reason))
            until_us = token.account.locked_until_us
            if user is not None and until_us:
                tx.publish(AccountWasLocked(user_id=user.id, until_us=until_us))
                # One mail for a row of failures; the events tell of every lock.
                if token.account.failures == self._account_rule.free:
                    self._mail.enqueue_notice(tx, user.id, "account_locked", token.account.last_failed_at_us)

    async def succeeded(self, token: AttemptToken) -> None:
        """Forget the account's failures. The address only gets this try back: the next account is not its."""
        async with self._db.transaction() as tx:
            _, ip = await store.lock_counters(tx, [token.account.subject, token.ip.subject])
            cleared = AttemptCounter(token.account.subject)
            await store.write_counters(tx, [cleared, give_back(ip, token.ip)])

    async def withdraw(self, token: AttemptToken) -> None:
        """Give the try back: the password was never looked at."""
        async with self._db.transaction() as tx:
            account, ip = await store.lock_counters(tx, [token.account.subject, token.ip.subject])
            back = [give_back(account, token.account), give_back(ip, token.ip)]
            await store.write_counters(tx, back)
