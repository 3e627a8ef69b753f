"""The customer's story, step by step. Every sentence is checked; the first that is not true ends the story."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tollway.cli.demo.client import Curl, Fetched, check
from tollway.cli.demo.customer import ASSET, Customer, until
from tollway.cli.demo.network import CountingRelay, Origin, digest_of, pattern
from tollway.kit.money import FIAT_SCALE, parse_units
from tollway.supervisor.notes import read_note

ORIGIN_HOST = "127.77.0.1"
GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000
# What was sent is counted before the call, so a kill hides none of it; of the one call that the edge was in, it may
# have counted what the kernel did not take.
KILL_WINDOW_BYTES = 1024 * 1024


class Story:
    """One customer, from the shop window to the last byte."""

    def __init__(self, known: dict[str, Any], curl: str) -> None:
        self._known = known
        self._curl_program = curl
        self._me = Customer(known["api"], known["inbox"])
        self._origin = Origin(ORIGIN_HOST)
        self._http = CountingRelay(known["http"])
        self._socks = CountingRelay(known["socks5"])
        self._curl = Curl(curl, "", "")
        self._price = ""
        self._ahead_bytes = 0  # counted in the call in which the edge was killed, and not sent
        self.step = 0
        self.figures: dict[str, str] = {}

    async def play(self) -> None:
        """Play every step in order. Raises Untrue."""
        for part in (self._origin, self._http, self._socks):
            await part.start()
        try:
            for number, (title, play) in enumerate(self._steps(), 1):
                self.step = number
                began = time.monotonic()
                _progress(f"{self.step:>2}. {title} … ")
                figure = await play()
                _progress(f"{figure} ({time.monotonic() - began:.1f} s)\n")
        finally:
            await self._curl.stop()
            for part in (self._http, self._socks, self._origin):
                await part.stop()

    def _steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        return [
            ("browse the catalogue without an account", self._browse),
            ("register, verify the e-mail address, log in", self._register),
            ("accounts appear on first use", self._accounts),
            ("deposit 20.00 USD by card; a declined card changes nothing", self._deposit),
            ("quote and buy 1 GB of bandwidth", self._buy),
            ("connect: credentials and endpoints", self._connect),
            ("fetch real files through HTTP, CONNECT and SOCKS5", self._fetch),
            ("the meter equals the bytes on the wire", self._reconcile),
            ("kill -9 the edge in mid-transfer: nothing lost, nothing twice", self._kill_edge),
            ("use the rest: the flow ends at the last byte, the next is refused", self._use_up),
            ("verify the books", self._verify),
        ]

    # ── becoming a customer ─────────────────────────────────────────────────────────────────────────────

    async def _browse(self) -> str:
        assets = (await self._me.api.get("/api/catalog/assets"))["items"]
        check(any(asset["asset"] == ASSET for asset in assets), f"{ASSET} is not in the catalogue")
        return f"{len(assets)} products"

    async def _register(self) -> str:
        await self._me.register()
        await self._me.log_in()
        return self._me.email

    async def _accounts(self) -> str:
        accounts = await self._me.accounts()
        check({"USD", "EUR"} <= set(accounts), f"the default accounts are {sorted(accounts)}")
        check(
            all(float(account["balance"]) == 0 for account in accounts.values()), "a new account is not empty"
        )
        return ", ".join(sorted(accounts))

    async def _deposit(self) -> str:
        await self._me.pay_with_bad_card("20.00")
        check(await self._dollars() == "0.00", "a declined card changed the balance")
        await self._me.pay_in("20.00")
        check(await self._dollars() == "20.00", f"the balance is {await self._dollars()} USD, not 20.00")
        return "20.00 USD"

    async def _buy(self) -> str:
        quote = await self._me.buy(GIGABYTE)
        self._price = quote["total"]
        holding = await self._me.holding()
        check(holding["remaining"] == str(GIGABYTE), f"the portfolio shows {holding['remaining']} bytes")
        check(holding["lots"][0]["cost"] == quote["price"], "the lot's cost is not the price paid")
        paid = 20_000_000 - parse_units(await self._dollars(), FIAT_SCALE)
        check(
            paid == parse_units(quote["total"], FIAT_SCALE),
            "the wallet went down by something else than the price",
        )
        return f"1 GB for {quote['total']} USD"

    async def _connect(self) -> str:
        access = await self._me.connect()
        self._curl = Curl(self._curl_program, access["username"], access["password"])
        return access["username"]

    # ── using it ────────────────────────────────────────────────────────────────────────────────────────

    async def _fetch(self) -> str:
        began = self._wire_bytes()
        for size, name, fetch in (
            (1_000, "HTTP", self._over_http),
            (10_000, "CONNECT", self._over_connect),
            (100_000, "SOCKS5", self._over_socks),
            (100 * MEGABYTE, "100 MB over CONNECT", self._over_connect),
        ):
            _whole(await fetch(self._origin.url("file", size)), size, name)
        many = await asyncio.gather(
            *(self._ways[number % 3](self._origin.url("file", MEGABYTE)) for number in range(50))
        )
        for fetched in many:
            _whole(fetched, MEGABYTE, "one of 50 in parallel")
        await self._upload(5 * MEGABYTE)
        await self._abort(20 * MEGABYTE)
        await self._quiet()
        return f"{(self._wire_bytes() - began) / MEGABYTE:.1f} MB on the wire"

    @property
    def _ways(self) -> tuple[Callable[[str], Awaitable[Fetched]], ...]:
        return self._over_http, self._over_connect, self._over_socks

    async def _over_http(self, url: str) -> Fetched:
        return await self._curl.get(f"http://127.0.0.1:{self._http.port}", url)

    async def _over_connect(self, url: str) -> Fetched:
        return await self._curl.get(f"http://127.0.0.1:{self._http.port}", url, "--proxytunnel")

    async def _over_socks(self, url: str) -> Fetched:
        return await self._curl.get(f"socks5h://127.0.0.1:{self._socks.port}", url)

    async def _upload(self, size: int) -> None:
        body = Path(self._known["data"]) / "run" / "demo-upload"
        body.write_bytes(pattern(size))
        proxy = f"http://127.0.0.1:{self._http.port}"
        sent = await self._curl.get(proxy, self._origin.url("file", 0), "--upload-file", str(body))
        body.unlink()
        check(sent.output.decode() == digest_of(size), "the upload did not arrive whole")

    async def _abort(self, size: int) -> None:
        before = self._http.down_bytes
        proxy, url = f"http://127.0.0.1:{self._http.port}", self._origin.url("slow", size)
        process = await self._curl.begin(proxy, url, "--proxytunnel")
        drained = asyncio.ensure_future(_drain(process))
        async with asyncio.timeout(30):
            while self._http.down_bytes - before < size // 20:  # noqa: ASYNC110  curl does not report its progress
                await asyncio.sleep(0.01)
        process.kill()
        await drained
        await self._http.quiet()
        check(self._http.down_bytes - before < size, "the aborted transfer came through whole")

    async def _reconcile(self) -> str:
        wire = self._wire_bytes()
        await self._me.metered_is(lambda metered: metered == wire, f"{wire} bytes crossed the wire")
        holding = await self._me.holding()
        check(
            int(holding["remaining"]) == GIGABYTE - wire,
            "the holding did not go down by exactly what was used",
        )
        self.figures["metered_bytes"] = str(wire)
        return f"{wire} bytes, to the byte"

    async def _kill_edge(self) -> str:
        note = Path(self._known["data"]) / "run" / "edge-0.ready"
        edge = read_note(note)
        assert edge is not None, "the edge says where it is"
        before = self._http.down_bytes
        process = await self._curl.begin(
            f"http://127.0.0.1:{self._http.port}", self._origin.url("slow", 50 * MEGABYTE)
        )
        drained = asyncio.ensure_future(_drain(process))
        async with asyncio.timeout(30):
            while self._http.down_bytes - before < 3 * MEGABYTE:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.005)
        os.kill(edge["pid"], signal.SIGKILL)
        await drained
        await self._http.quiet()

        async def again() -> bool | None:
            fresh = read_note(note)
            return (fresh is not None and fresh["pid"] != edge["pid"]) or None

        await until(again, "the edge does not come back")
        wire = self._wire_bytes()
        metered = await self._me.metered_is(
            lambda metered: 0 <= metered - wire <= KILL_WINDOW_BYTES, f"{wire} bytes crossed the wire"
        )
        self._ahead_bytes = metered - wire
        holding = await self._me.holding()
        check(
            int(holding["remaining"]) == GIGABYTE - metered,
            "the holding and the meter disagree after the kill",
        )
        _whole(await self._over_http(self._origin.url("file", 1_000)), 1_000, "after the restart")
        await self._quiet()
        self.figures["unmetered_after_kill_bytes"] = "0"
        return f"0 bytes unmetered, 0 twice, {self._ahead_bytes} counted and not sent"

    async def _use_up(self) -> str:
        left = GIGABYTE - (self._wire_bytes() + self._ahead_bytes)
        last = await self._over_connect(self._origin.url("file", left + 10 * MEGABYTE))
        check(last.code != 0 and len(last.output) < left, "the last transfer was not cut")
        await self._quiet()
        used = self._wire_bytes() + self._ahead_bytes
        check(used == GIGABYTE, f"{used} bytes went through instead of {GIGABYTE}")

        async def empty() -> bool | None:
            return (await self._me.holding())["remaining"] == "0" or None

        await until(empty, "the holding does not reach zero")
        refused = await self._over_connect(self._origin.url("file", 1))
        check(refused.status == 402, f"without an allowance the proxy answered {refused.status}, not 402")
        check(
            (await self._over_http(self._origin.url("file", 1))).status == 402,
            "HTTP was not refused with 402",
        )
        check((await self._over_socks(self._origin.url("file", 1))).code == 97, "SOCKS5 was not refused")
        check(self._origin.requests > 0, "the origin saw nothing")
        return "1000000000 of 1000000000 bytes"

    async def _verify(self) -> str:
        command = [sys.executable, "-m", "tollway", "verify", "--data", self._known["data"]]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"tollway verify: {done.stdout}{done.stderr}")
        self.figures["price_usd"] = self._price
        return done.stdout.strip().splitlines()[-1]

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────

    def _wire_bytes(self) -> int:
        return self._http.total_bytes + self._socks.total_bytes

    async def _quiet(self) -> None:
        await self._http.quiet()
        await self._socks.quiet()

    async def _dollars(self) -> str:
        balance: str = (await self._me.accounts())["USD"]["balance"]
        return balance


def _whole(fetched: Fetched, size: int, what: str) -> None:
    check(
        fetched.code == 0 and fetched.status == 200,
        f"{what}: curl ended with {fetched.code}, status {fetched.status}",
    )
    arrived = hashlib.sha256(fetched.output).hexdigest()
    check(
        arrived == digest_of(size),
        f"{what}: {len(fetched.output)} of {size} bytes arrived, or not the right ones",
    )


async def _drain(process: asyncio.subprocess.Process) -> None:
    await process.communicate()


def _progress(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
