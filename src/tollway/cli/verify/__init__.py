"""`tollway verify`: recomputes the books and the audit trail, and compares what the databases say."""

import asyncio
import json
import sys
from pathlib import Path

from tollway.cli.console import fail, read_settings, say
from tollway.cli.verify.checks import Checked, Heads, check, master_key
from tollway.fabric.db import DatabaseUnusable
from tollway.fabric.head_notes import HeadNoteUnusable
from tollway.fabric.secrets import SecretUnusable


def run(data: Path, config: Path | None, known: Heads, *, as_json: bool) -> None:
    """Verify. Exits 1 when something does not hold, 2 when there is nothing to verify."""
    settings = read_settings(data, config).settings
    if not settings.database.url and not (settings.data / "services" / "ledger.db").exists():
        fail(
            f"there are no books in {settings.data}; start a platform there first, or name another --data", 2
        )
    key = master_key(settings)
    if not settings.security.master_key and not key.exists():
        # Made anew it would only call every seal a forgery, and lie where the right one belongs.
        fail(f"{key} is missing, with which the seals were signed; put it back, then verify again", 2)
    try:
        checked = asyncio.run(check(settings, known, _progress))
    except (DatabaseUnusable, SecretUnusable, HeadNoteUnusable) as error:
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


async def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\rchecked {done} of {total} transactions", end=end, file=sys.stderr, flush=True)


def _show(checked: Checked) -> None:
    for finding in checked.findings:
        say(f"does not hold: {finding}")
    known = checked.figures
    say(f"ledger head  {known['ledger_head']}")
    say(f"audit head   {known['audit_head']}")
    say(f"noted heads  {known['noted_heads'] or 'nowhere: security.heads_folder is empty'}")
    if known["unsealed"]:
        say(
            f"not sealed   {known['unsealed']} transactions, written {known['unsealed_from']} to {known['unsealed_to']}"
        )
    verdict = "the books hold" if not checked.findings else f"{len(checked.findings)} findings"
    say(
        f"verify: {verdict} transactions={known['transactions']} legs={known['legs']} accounts={known['accounts']} "
        f"lots={known['lots']} seals={known['seals']} audit={known['audit_entries']}"
    )
