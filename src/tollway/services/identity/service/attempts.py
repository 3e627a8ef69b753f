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
    Rule,
    Source,
    Tally,
    User,
    account_subject,
    charge,
    give_back,
    ip_subject,
)
from tollway.services.identity.service.mail import Mail


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try that was charged: to be given back, or left to count."""

    account: Tally
    ip: Tally


class Attempts:
    """Counts tries and locks those who fail too often, for a while."""

    def __init__(self, db: Database, mail: Mail, account_rule: Rule, ip_rule: Rule) -> None:
        self._db = db
        self._mail = mail
        self._account_rule = account_rule
        self._ip_rule = ip_rule

    async def begin(self, email_key: str, source: Source) -> Ticket:
        """Charge a try. Raises AccountLocked, with the seconds to wait."""
        subjects = [account_subject(email_key), ip_subject(source.ip)]
        async with self._db.transaction() as tx:
            account, ip = await store.lock_tallies(tx, subjects)
            wait_us = max(account.locked_until_us, ip.locked_until_us) - tx.now_us
            if wait_us > 0:
                wait_s = -(-wait_us // SECOND_US)
                raise AccountLocked(
                    f"too many failed logins; try again in {wait_s} seconds", retry_after_s=wait_s
                )
            ticket = Ticket(
                charge(account, self._account_rule, tx.now_us), charge(ip, self._ip_rule, tx.now_us)
            )
            await store.write_tallies(tx, [ticket.account, ticket.ip])
        return ticket

    async def failed(self, ticket: Ticket, user: User | None, source: Source) -> None:
        """Leave the try charged, and tell of it."""
        async with self._db.transaction() as tx:
            reason = "wrong_password" if user else "unknown_address"
            tx.publish(LoginFailed(user_id=user.id if user else "", ip=source.ip, reason=reason))
            until_us = ticket.account.locked_until_us
            if user is not None and until_us:
                tx.publish(AccountWasLocked(user_id=user.id, until_us=until_us))
                # One mail for a row of failures; the events tell of every lock.
                if ticket.account.failures == self._account_rule.free:
                    self._mail.leave_notice(tx, user.id, "account_locked", ticket.account.last_us)

    async def succeeded(self, ticket: Ticket) -> None:
        """Forget the account's failures. The address only gets this try back: the next account is not its."""
        async with self._db.transaction() as tx:
            _, ip = await store.lock_tallies(tx, [ticket.account.subject, ticket.ip.subject])
            cleared = Tally(ticket.account.subject)
            await store.write_tallies(tx, [cleared, give_back(ip, ticket.ip)])

    async def withdraw(self, ticket: Ticket) -> None:
        """Give the try back: the password was never looked at."""
        async with self._db.transaction() as tx:
            account, ip = await store.lock_tallies(tx, [ticket.account.subject, ticket.ip.subject])
            back = [give_back(account, ticket.account), give_back(ip, ticket.ip)]
            await store.write_tallies(tx, back)
