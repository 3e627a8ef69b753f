"""Somebody who can write every file but has no key: whatever they change is found.

A small business really worked: somebody paid in and bought. Then it stopped, and each test changes a copy.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.business import Business, fresh_key, running_business
from tests.kit.eventually import wait_until
from tollway.cli.verify.checks import Heads, check
from tollway.fabric.db import DatabaseUnusable
from tollway.settings import Settings, load

Change = Callable[["Copy"], None]


async def unwatched(_done: int, _total: int) -> None:
    """Follow no progress."""


@dataclass
class Copy:
    """The files of a platform that has stopped."""

    data: Path
    notes: Path
    earlier: Path  # the databases as they were before the last purchase

    def noted(self) -> tuple[str, str]:
        return (self.notes / "ledger.json").read_text(), (self.notes / "audit.json").read_text()

    def path(self, service: str) -> Path:
        return self.data / "services" / f"{service}.db"

    def edit(self, service: str, *statements: str) -> None:
        """Change rows, with the guards taken away and put back as if nothing had happened."""
        connection = sqlite3.connect(self.path(service), isolation_level=None)
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        for _, sql in guards:
            connection.execute(sql)
        connection.close()

    def older(self, *services: str) -> None:
        """Put older copies in the place of some databases."""
        for service in services:
            shutil.copy(self.earlier / f"{service}.db", self.path(service))

    def findings(self, *, with_notes: bool) -> list[str]:
        settings = self._settings(with_notes=with_notes)
        try:
            return asyncio.run(check(settings, Heads(), unwatched)).findings
        except DatabaseUnusable as error:
            return [str(error)]

    def _settings(self, *, with_notes: bool) -> Settings:
        settings = load({"data": str(self.data)}).settings
        security = settings.security.model_copy(
            update={"heads_folder": str(self.notes) if with_notes else ""}
        )
        return settings.model_copy(update={"security": security})


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A business that worked and stopped."""
    folder = tmp_path_factory.mktemp("verified")
    made = Copy(folder / "data", folder / "notes", folder / "earlier")
    made.data.mkdir()
    with running_business(made.data, TOLLWAY_SECURITY__HEADS_FOLDER=str(made.notes)) as business:
        ann = business.customer()
        ann.pay_in("20.00")
        ann.buy()
        _give_money_back(business)
        wait_until((made.notes / "audit.json").exists)
        wait_until((made.notes / "ledger.json").exists)
        made.earlier.mkdir()
        for database in (made.data / "services").glob("*.db"):
            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(made.earlier / database.name)) as copy,
            ):
                source.backup(copy)
        for _ in range(2):  # the second seal names a head of the trail that is newer than the copies
            noted = made.noted()
            ann.pay_in("5.00")
            ann.buy()
            wait_until(
                lambda noted=noted: all(one != other for one, other in zip(noted, made.noted(), strict=True))
            )
    # What is in a log beside a database would come on top of whatever is put in the database's place.
    assert not list((made.data / "services").glob("*-wal"))
    return made


def _give_money_back(business: Business) -> None:
    """Refund one customer in part, and another, who spent it, in full; what she owes is settled in two ways."""
    operator = business.operator()
    bob, eve = business.customer(), business.customer()
    for customer, refunded in ((bob, "5.00"), (eve, "20.00")):
        customer.pay_in("20.00")
        if customer is eve:
            eve.buy()
        (deposit,) = customer.caller.get("/api/wallet/deposits").json["items"]
        wanted = {"amount": refunded, "reason": "asked for"}
        reply = operator.post(f"/api/admin/deposits/{deposit['id']}/refund", wanted, fresh_key())
        assert (reply.status, reply.json["refunded"]) == (200, refunded), reply.body
    eve.pay_in("1.00")
    gift = {"user_id": eve.id, "currency": "USD", "direction": "credit", "amount": "0.50", "reason": "sorry"}
    assert operator.post("/api/admin/corrections", gift, fresh_key()).status == 201
    wait_until(lambda: eve.balance() == "0.00")


@pytest.fixture
def copy(platform: Copy, tmp_path: Path) -> Copy:
    """A copy of its files, to be changed."""
    made = Copy(tmp_path / "data", platform.notes, platform.earlier)
    for folder in ("services", "secrets"):
        shutil.copytree(platform.data / folder, made.data / folder)
    return made


def edit(service: str, *statements: str) -> Change:
    return lambda copy: copy.edit(service, *statements)


def older(*services: str) -> Change:
    return lambda copy: copy.older(*services)


def drop(service: str, what: str) -> Change:
    def change(copy: Copy) -> None:
        with closing(sqlite3.connect(copy.path(service), isolation_level=None)) as connection:
            connection.execute(f"DROP {what}")

    return change


def empty_file(service: str) -> Change:
    def change(copy: Copy) -> None:
        copy.path(service).write_bytes(b"")

    return change


def remove(service: str) -> Change:
    def change(copy: Copy) -> None:
        copy.path(service).unlink()
        copy.path(service).with_suffix(".made").unlink(missing_ok=True)

    return change


def swap(one: str, other: str) -> Change:
    def change(copy: Copy) -> None:
        first, second = copy.path(one).read_bytes(), copy.path(other).read_bytes()
        copy.path(one).write_bytes(second)
        copy.path(other).write_bytes(first)

    return change


CUT_AUDIT = (
    "DELETE FROM entry WHERE sequence > (SELECT max(sequence) - 4 FROM entry)",
    "UPDATE head SET sequence = (SELECT max(sequence) FROM entry), "
    "hash = (SELECT hash FROM entry ORDER BY sequence DESC LIMIT 1)",
)
NOW = "(SELECT max(created_at_us) FROM txn)"
_MADE_UP_REFUND = (
    "INSERT INTO reversal (id, deposit_id, user_id, provider, ref, kind, currency, amount, state, attempt, recovered, "
    "transaction_id, created_at_us, updated_at_us) SELECT 'rev_x', id, user_id, provider, 're_x', 'refund', currency, "
    "1, 'posted', 1, 1, transaction_id, updated_at_us, updated_at_us FROM deposit "
    "WHERE id = (SELECT min(id) FROM deposit)",
    "UPDATE deposit SET refunded = 1 WHERE id = (SELECT min(id) FROM deposit)",
    # As it would be told, were it true.
    "INSERT INTO outbox (id, type, source, subject, actor, action, at_us, correlation_id, traceparent, data) "
    "SELECT 'evt_x', 'DEPOSIT_REVERSED', 'payments', (SELECT min(id) FROM deposit), 'payments', '', max(at_us), "
    "'', '', (SELECT json_object('deposit_id', id, 'user_id', user_id, 'kind', 'refund', 'ref', 're_x', 'currency', "
    "currency, 'amount', 1, 'recovered', 1) FROM deposit WHERE id = (SELECT min(id) FROM deposit)) FROM outbox",
)
FOUND: dict[str, Change] = {
    "seals: the last one deleted": edit(
        "ledger", "DELETE FROM seal WHERE number = (SELECT max(number) FROM seal)"
    ),
    "seals: all deleted": edit("ledger", "DELETE FROM seal"),
    "seals: all deleted and times squashed": edit(
        "ledger",
        "DELETE FROM seal",
        f"UPDATE txn SET created_at_us = {NOW}",
        f"UPDATE account SET opened_at_us = {NOW}",
        f"UPDATE lot SET opened_at_us = {NOW}",
    ),
    "a deposit a thousand times larger": edit(
        "ledger",
        "DELETE FROM seal",
        "UPDATE leg SET amount = amount * 1000, debit_balance = debit_balance * 1000, "
        "credit_balance = credit_balance * 1000 WHERE txn_id = (SELECT min(id) FROM txn WHERE code = 'deposit')",
    ),
    "an account richer": edit(
        "ledger", "UPDATE account SET credits_posted = credits_posted + 1 WHERE owner_kind = 'user'"
    ),
    "a transaction renamed": edit("ledger", "UPDATE txn SET actor = 'usr_x' WHERE code = 'buy'"),
    "a tag taken away": edit("ledger", "UPDATE txn SET tag = NULL WHERE code = 'buy'"),
    "ledger: no writer lock": edit("ledger", "DELETE FROM writer_lock"),
    "ledger: log of events emptied": edit("ledger", "DELETE FROM outbox"),
    "ledger: a trigger dropped": drop("ledger", "TRIGGER txn_no_update"),
    "ledger: an index dropped": drop("ledger", "INDEX uq_txn_reverses"),
    "ledger: an older copy": older("ledger"),
    "ledger: emptied": empty_file("ledger"),
    "ledger: removed": remove("ledger"),
    "audit: an entry changed": edit("audit", "UPDATE entry SET actor = 'usr_x' WHERE sequence = 2"),
    "audit: a signature changed": edit("audit", "UPDATE entry SET signature = x'00' WHERE sequence = 2"),
    "audit: signatures taken away": edit("audit", "UPDATE entry SET signature = NULL"),
    "audit: the end cut": edit("audit", *CUT_AUDIT),
    "audit: emptied by rows": edit(
        "audit", "DELETE FROM entry", f"UPDATE head SET sequence = 0, hash = '{'0' * 64}'"
    ),
    "audit: emptied by rows, to be recorded anew": edit(
        "audit",
        "DELETE FROM entry",
        f"UPDATE head SET sequence = 0, hash = '{'0' * 64}'",
        "DELETE FROM inbox",
        "DELETE FROM consumer_offset",
    ),
    "audit: a trigger dropped": drop("audit", "TRIGGER entry_no_delete"),
    "audit: an older copy": older("audit"),
    "audit: removed": remove("audit"),
    "ledger and audit swapped": swap("ledger", "audit"),
    "payments and orders swapped": swap("payments", "orders"),
    "payments: deposits deleted": edit("payments", "DELETE FROM deposit"),
    "payments: a deposit larger": edit("payments", "UPDATE deposit SET amount = amount * 10"),
    "payments: a deposit failed": edit("payments", "UPDATE deposit SET state = 'failed'"),
    "payments: a deposit of somebody else": edit("payments", "UPDATE deposit SET user_id = 'usr_x'"),
    "payments: a deposit refunded less": edit(
        "payments", "UPDATE deposit SET refunded = 0 WHERE refunded = 5000000"
    ),
    "payments: a deposit refunded more": edit(
        "payments", "UPDATE deposit SET refunded = amount WHERE refunded = 0"
    ),
    "payments: a deposit disputed": edit("payments", "UPDATE deposit SET disputed = 1 WHERE disputed = 0"),
    "payments: a deposit settles nothing": edit("payments", "UPDATE deposit SET settles = 0"),
    "payments: a refund undone": edit(
        "payments", "UPDATE reversal SET state = 'undone'", "UPDATE deposit SET refunded = 0"
    ),
    "payments: a refund removed": edit("payments", "DELETE FROM reversal", "UPDATE deposit SET refunded = 0"),
    "payments: a refund smaller": edit(
        "payments",
        "UPDATE reversal SET amount = amount - 1, owed = max(owed - 1, 0), recovered = amount - 1 - max(owed - 1, 0)",
        "UPDATE deposit SET refunded = refunded - 1 WHERE refunded > 0",
    ),
    "payments: a refund took more from the wallet": edit(
        "payments", "UPDATE reversal SET recovered = amount, owed = 0"
    ),
    "payments: a refund of another deposit": edit(
        "payments",
        "UPDATE reversal SET deposit_id = (SELECT max(id) FROM deposit)",
        "UPDATE deposit SET refunded = 0",
        "UPDATE deposit SET refunded = 25000000 WHERE id = (SELECT max(id) FROM deposit)",
    ),
    "payments: a refund of somebody else": edit("payments", "UPDATE reversal SET user_id = 'usr_x'"),
    "payments: a refund is a chargeback": edit(
        "payments",
        "UPDATE reversal SET kind = 'chargeback'",
        "UPDATE deposit SET disputed = refunded, refunded = 0",
    ),
    "payments: a refund made up, event and all": edit("payments", *_MADE_UP_REFUND),
    "payments: a debt forgiven": edit("payments", "UPDATE debt SET owed = 0"),
    "payments: a debt claimed": edit("payments", "UPDATE debt SET claimed = owed * 2, owed = 0"),
    "payments: a debt removed": edit("payments", "DELETE FROM debt"),
    "payments: a debt made up": edit(
        "payments", "UPDATE debt SET user_id = (SELECT min(user_id) FROM deposit WHERE refunded = 0)"
    ),
    "payments: a correction larger": edit("payments", "UPDATE correction SET amount = amount * 2"),
    "payments: a correction taken": edit("payments", "UPDATE correction SET amount = -amount"),
    "payments: a correction refused": edit(
        "payments", "UPDATE correction SET state = 'refused', transaction_id = ''"
    ),
    "payments: a correction of somebody else": edit("payments", "UPDATE correction SET user_id = 'usr_x'"),
    "payments: a correction by another operator": edit(
        "payments", "UPDATE correction SET requested_by = 'usr_x'"
    ),
    "payments: a correction removed": edit("payments", "DELETE FROM correction"),
    "payments: an older copy": older("payments"),
    "payments: removed": remove("payments"),
    "orders: cheaper": edit("orders", "UPDATE orders SET price = price - 1"),
    "orders: one failed": edit(
        "orders", "UPDATE orders SET state = 'failed' WHERE id = (SELECT min(id) FROM orders)"
    ),
    "orders: of somebody else": edit("orders", "UPDATE orders SET user_id = 'usr_x'"),
    "orders: an older copy": older("orders"),
    "identity: log of events emptied": edit("identity", "DELETE FROM outbox"),
    "identity: an event changed": edit("identity", "UPDATE outbox SET actor = 'usr_x' WHERE position = 1"),
}
ALL = (
    "access",
    "audit",
    "catalog",
    "identity",
    "ledger",
    "notifications",
    "orders",
    "payments",
    "tokens",
    "users",
)


def test_an_honest_platform_has_no_findings(copy: Copy) -> None:
    assert copy.findings(with_notes=True) == []
    assert copy.findings(with_notes=False) == []


@pytest.mark.parametrize("change", FOUND.values(), ids=FOUND)
def test_what_was_changed_is_found_without_any_note(copy: Copy, change: Change) -> None:
    change(copy)
    assert copy.findings(with_notes=False)


def test_that_everything_is_an_older_copy_is_found_by_the_notes_only(copy: Copy) -> None:
    copy.older(*ALL)
    assert copy.findings(with_notes=False) == []
    assert [one for one in copy.findings(with_notes=True) if "noted elsewhere" in one]


def test_notes_of_another_key_are_found(copy: Copy, tmp_path: Path) -> None:
    noted = (copy.notes / "ledger.json").read_text()
    copy.notes = tmp_path / "notes"
    copy.notes.mkdir()
    signer = noted.split('"signer": "')[1][:64]
    (copy.notes / "ledger.json").write_text(noted.replace(signer, "0" * 64))
    assert copy.findings(with_notes=True)
