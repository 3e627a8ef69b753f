"""What a transfer costs with few callers and with many: in process and through the service API, with sealing on.

A ledger runs in a process of its own, on PostgreSQL and on SQLite, and seals every two seconds, as in the product.
1, 8, 64 and 1,000 callers pay, one transfer after the other each: once inside that process, once through gRPC with
mutual TLS from another. What is compared on a shared machine is the CPU a transfer costs: of the ledger process, and
of the database server. pgbench runs its tpcb-like script beside it with 8 and with 64 clients. Medians of three rounds.

    python -m bench.ledger_callers            about two minutes
    python -m bench.ledger_callers --quick    one short round
"""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from bench import peers
from bench.ledger import PAYEES, PAYERS, books, postgres, tps, transfer
from bench.start import family
from tollway.cli.authority import Authority
from tollway.cli.serve import tune_gc
from tollway.contracts import ledger_pb2, ledger_pb2_grpc
from tollway.fabric.clock import SystemClock
from tollway.fabric.db.postgres import PostgresDatabase
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.fabric.rpc.remote import RemoteChannel
from tollway.fabric.rpc.server import RpcServer
from tollway.kit.ids import new_id
from tollway.services.ledger.rpc import LedgerRpc
from tollway.services.ledger.service import Ledger

CALLERS = (1, 8, 64, 1_000)
SEAL_EVERY_S = 2.0
Pay = Callable[[int], Awaitable[object]]


class Cost(NamedTuple):
    """What was measured of one way to call."""

    per_s: float
    ledger_us: float
    database_us: float
    caller_us: float = 0.0
    """Of a process that calls through the service API; within the ledger's it is a part of the ledger's."""


def main() -> None:
    import uvloop

    if sys.argv[1:2] == ["--child"]:
        uvloop.run(serve(sys.argv[2], Path(sys.argv[3])))
        return
    rounds, seconds = (1, 1.0) if "--quick" in sys.argv else (3, 2.0)
    for line in uvloop.run(measure(rounds, seconds)):
        print(line, flush=True)


async def measure(rounds: int, seconds: float) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as name, postgres(Path(name)) as (url, pgbench):
        folder = Path(name)
        authority = Authority(folder / "authority", folder, SystemClock())
        authority.make()
        for service in ("ledger", "orders"):
            authority.ensure(service, ["localhost", "127.0.0.1"])
        pgbench("-i", "-q", "-s", "10")
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        found: dict[tuple[str, int], list[Cost]] = {}
        theirs: dict[int, list[float]] = {8: [], 64: []}
        with child(url, folder) as scaled, child("sqlite", folder) as small:
            for _ in range(rounds):
                for clients, rates in theirs.items():
                    rates.append(tps(pgbench("-c", str(clients), "-T", str(max(1, round(seconds))))))
                for callers in CALLERS:
                    for way, one in (("PostgreSQL", scaled), ("SQLite", small)):
                        cost = one.within(callers, seconds, server if one is scaled else 0)
                        found.setdefault((way, callers), []).append(cost)
                    through = await scaled.through(folder, callers, seconds, server)
                    found.setdefault(("PostgreSQL through gRPC", callers), []).append(through)
    middle = {key: Cost(*map(statistics.median, zip(*costs, strict=True))) for key, costs in found.items()}
    lines = [
        f"{way}, {callers:,} callers: {cost.per_s:,.0f} a second, {cost.ledger_us:,.0f} µs of the ledger's CPU and "
        f"{cost.database_us:,.0f} µs of the server's a transfer"
        + (f", and {cost.caller_us:,.0f} µs of the caller's" if cost.caller_us else "")
        for (way, callers), cost in middle.items()
    ]
    for name, way in (("ledger", "PostgreSQL"), ("ledger_grpc", "PostgreSQL through gRPC")):
        for callers, clients, bound in ((8, 8, ">=1"), (64, 64, ">=2"), (1_000, 8, ">=5")):
            ratio = middle[way, callers].per_s / statistics.median(theirs[clients])
            lines.append(peers.ratio_line(f"{name}_{callers}_callers_vs_pgbench_c{clients}", ratio, bound))
    return lines


# ── the ledger's process ────────────────────────────────────────────────────────────────────────────


async def serve(database: str, folder: Path) -> None:
    """Run a ledger and its API; on each line of the input let callers pay within this process, or none and seal."""
    engine = (
        SqliteDatabase(folder / "ledger.db", "FULL")
        if database == "sqlite"
        else PostgresDatabase(database, "bench")
    )
    async with books(engine) as ledger:
        server = RpcServer("127.0.0.1:0", folder, "ledger")
        cast("Any", ledger_pb2_grpc).add_LedgerServicer_to_server(LedgerRpc(ledger), server)
        await server.start()
        sealing = asyncio.create_task(seal(ledger))
        tune_gc()
        print(json.dumps({"port": server.port}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            callers, seconds = json.loads(line)
            done = await pay(lambda number: ledger.submit(_transfer(number)), callers, seconds)
            if not callers:
                await ledger.seal()
            print(json.dumps(done), flush=True)
        sealing.cancel()
        await server.stop(0)
        verdict = await ledger.verify()
        assert verdict.ok, verdict.findings


async def seal(ledger: Ledger) -> None:
    while True:
        await ledger.seal()
        await asyncio.sleep(SEAL_EVERY_S)


def _transfer(number: int) -> Any:
    payer, payee = PAYERS[number * 7919 % len(PAYERS)], PAYEES[number % len(PAYEES)]
    return transfer(payer, payee, 1, new_id("give"))


async def pay(one: Pay, callers: int, seconds: float) -> tuple[int, float]:
    """Let callers pay, one transfer after the other each; return how many were answered, and in how many seconds."""
    numbers, start, done = itertools.count(), time.perf_counter(), 0
    end = start + seconds

    async def go_on() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await one(next(numbers))
            done += 1

    await asyncio.gather(*(go_on() for _ in range(callers)))
    return done, time.perf_counter() - start


# ── who measures ────────────────────────────────────────────────────────────────────────────────────


class Child:
    """A ledger in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process, self._port = process, port

    def within(self, callers: int, seconds: float, server: int) -> Cost:
        """Measure callers in the ledger's own process, whose CPU then is theirs too."""
        before = self._cpu_s(server)
        done, took_s = self._ask(callers, seconds)
        return self._cost(before, server, done, took_s)

    async def through(self, folder: Path, callers: int, seconds: float, server: int) -> Cost:
        """Measure callers of the service API, which are in this process."""
        channel = RemoteChannel([f"127.0.0.1:{self._port}"], "ledger", folder, "orders")
        await channel.channel_ready()
        stub: Any = ledger_pb2_grpc.LedgerStub(cast("Any", channel))
        before, mine_s = self._cpu_s(server), time.process_time()
        done, took_s = await pay(lambda number: stub.Post(_request(number)), callers, seconds)
        mine_s = time.process_time() - mine_s
        cost = self._cost(before, server, done, took_s)._replace(caller_us=mine_s / done * 1e6)
        await channel.close()
        return cost

    def _ask(self, callers: int, seconds: float) -> tuple[int, float]:
        print(json.dumps([callers, seconds]), file=cast("IO[str]", self._process.stdin), flush=True)
        done, took_s = json.loads(cast("IO[str]", self._process.stdout).readline())
        return done, took_s

    def _cpu_s(self, server: int) -> tuple[float, float]:
        # All is sealed before and after, so each pays for the sealing of its own transfers and of no others'.
        self._ask(0, 0.0)
        database_s = sum(peers.cpu_s(one) for one in family(server)) if server else 0.0
        return peers.cpu_s(self._process.pid), database_s

    def _cost(self, before: tuple[float, float], server: int, done: int, took_s: float) -> Cost:
        ledger_s, database_s = (now - then for now, then in zip(self._cpu_s(server), before, strict=True))
        return Cost(done / took_s, ledger_s / done * 1e6, database_s / done * 1e6)


def _request(number: int) -> ledger_pb2.PostRequest:
    payer, payee = PAYERS[number * 7919 % len(PAYERS)], PAYEES[number % len(PAYEES)]
    leg = ledger_pb2.Leg(
        kind=ledger_pb2.LEG_KIND_POST,
        debit=ledger_pb2.AccountRef(**payer._asdict()),
        credit=ledger_pb2.AccountRef(**payee._asdict()),
        amount=1,
    )
    return ledger_pb2.PostRequest(
        scope="bench", key=new_id("give"), code="give", legs=[leg], actor=payer.owner_id
    )


@contextmanager
def child(database: str, folder: Path) -> Iterator[Child]:
    """Run a ledger until the block ends; at its end the books are proved."""
    command = [sys.executable, "-m", "bench.ledger_callers", "--child", database, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = cast("IO[str]", process.stdout).readline()
            yield Child(process, json.loads(ready)["port"])
        except BaseException:
            process.kill()
            raise
        cast("IO[str]", process.stdin).close()
        assert process.wait(300) == 0, "the books do not hold"


if __name__ == "__main__":
    main()
