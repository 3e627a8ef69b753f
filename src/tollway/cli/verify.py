"""`tollway verify`: recomputes the books and the audit trail from the first entry on."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tollway.cli.console import fail, read_settings, say
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import DatabaseUnusable, check_current
from tollway.fabric.secrets import SecretUnusable, load_or_make
from tollway.settings import Settings
from tollway.topology import backends


@dataclass(frozen=True, slots=True)
class Heads:
    """Ends of the two chains that were noted earlier; empty: none."""

    ledger: str = ""
    audit: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was recomputed, and what did not hold."""

    figures: dict[str, Any]
    findings: list[str]


def run(data: Path, config: Path | None, known: Heads, *, as_json: bool) -> None:
    """Verify. Exits 1 when something does not hold, 2 when there is nothing to verify."""
    settings = read_settings(data, config).settings
    if not settings.database.url and not (settings.data / "services" / "ledger.db").exists():
        fail(
            f"there are no books in {settings.data}; start a platform there first, or name another --data", 2
        )
    key = _master_key(settings)
    if not settings.security.master_key and not key.exists():
        # Made anew it would only call every seal a forgery, and lie where the right one belongs.
        fail(f"{key} is missing, with which the seals were signed; put it back, then verify again", 2)
    try:
        checked = asyncio.run(_verify(settings, known))
    except (DatabaseUnusable, SecretUnusable) as error:
        fail(str(error), 2)
    if as_json:
        say(
            json.dumps(
                {"ok": not checked.findings, **checked.figures, "findings": checked.findings}, indent=2
            )
        )
    else:
        _show(checked)
    if checked.findings:
        raise SystemExit(1)


async def _verify(settings: Settings, known: Heads) -> Checked:
    from tollway.topology import SERVICES
    from tollway.topology.service_context import make_context

    clock = SystemClock()
    secrets = load_or_make(_master_key(settings), settings.security.master_key)
    books = backends.open_database(settings, "ledger", clock)
    trail = backends.open_database(settings, "audit", clock)
    built: dict[str, Any] = {}
    try:
        for name, database in (("ledger", books), ("audit", trail)):
            await database.start()
            await check_current(database, backends.service_migrations(name))
            context = make_context(settings, name, database, clock, secrets, _no_neighbour)
            built[name] = SERVICES[name].build(context).service
        proof = await built["ledger"].verify(_progress, known.ledger)
        record = await built["audit"].verify(known.audit)
    finally:
        await books.stop()
        await trail.stop()
    figures = {
        "transactions": proof.transactions,
        "legs": proof.legs,
        "accounts": proof.accounts,
        "lots": proof.lots,
        "holds_open": proof.holds_open,
        "seals": proof.seals,
        "ledger_head": proof.head,
        "audit_entries": record.entries,
        "audit_head": record.head,
        "units_moved": proof.totals,
    }
    return Checked(figures, [*proof.findings, *(f"audit: {finding}" for finding in record.findings)])


def _no_neighbour(api: str) -> NoReturn:
    raise AssertionError(f"verifying calls no other service, and {api} was asked for")


def _master_key(settings: Settings) -> Path:
    return settings.data / "secrets" / "master.key"


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\rchecked {done} of {total} transactions", end=end, file=sys.stderr, flush=True)


def _show(checked: Checked) -> None:
    for finding in checked.findings:
        say(f"does not hold: {finding}")
    known = checked.figures
    say(f"ledger head  {known['ledger_head']}")
    say(f"audit head   {known['audit_head']}")
    verdict = "the books hold" if not checked.findings else f"{len(checked.findings)} findings"
    say(
        f"verify: {verdict} transactions={known['transactions']} legs={known['legs']} accounts={known['accounts']} "
        f"lots={known['lots']} seals={known['seals']} audit={known['audit_entries']}"
    )
