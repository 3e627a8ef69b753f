"""The customer's story, step by step. Every sentence is checked; the first that is not true ends the story."""

import asyncio
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from tollway.cli.demo.client import Api, Curl, Fetched, Untrue, check
from tollway.cli.demo.network import CountingRelay, Origin, digest_of, pattern
from tollway.cli.supervisor import read_note

ORIGIN_HOST = "127.77.0.1"
ASSET = "bandwidth.residential.standard"
GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000
SETTLED_WITHIN_S = 20.0
# A killed edge may have moved at most one call's bytes that it had not yet written down.
KILL_WINDOW_BYTES = 256 * 1024
Found = TypeVar("Found")


class Story:
    """One customer, from the shop window to the last byte."""

    def __init__(self, known: dict[str, Any], curl: str) -> None:
        self._known = known
        self._curl_program = curl
        self._api = Api(known["api"])
        self._inbox = Api(known["inbox"].removesuffix("/inbox"))
        self._email = f"demo-{secrets.token_hex(4)}@example.com"
        self._password = secrets.token_urlsafe(18)
        self._origin = Origin(ORIGIN_HOST)
        self._http = CountingRelay(known["http_proxy"])
        self._socks = CountingRelay(known["socks5"])
        self._curl: Curl
        self._price = ""
        self._lost_bytes = 0
        self.step = 0
        self.figures: dict[str, str] = {}

    async def play(self) -> None:
        """Play every step in order. Raises Untrue."""
        for part in (self._origin, self._http, self._socks):
            await part.start()
        try:
            for number, (title, tell) in enumerate(self._steps(), 1):
                self.step = number
                began = time.monotonic()
                _progress(f"{self.step:>2}. {title} … ")
                figure = await tell()
                _progress(f"{figure} ({time.monotonic() - began:.1f} s)\n")
        finally:
            for part in (self._http, self._socks, self._origin):
                await part.stop()

    def _steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        return [
            ("browse the catalogue without an account", self._browse),
            ("register, verify the e-mail address, log in", self._register),
            ("accounts appear on first use", self._accounts),
            ("deposit 20.00 USD by card; a declined card changes nothing", self._deposit),
            ("quote and buy 1 GB of residential bandwidth", self._buy),
            ("connect: credentials and endpoints", self._connect),
            ("fetch real files through HTTP, CONNECT and SOCKS5", self._fetch),
            ("the meter equals the bytes on the wire", self._reconcile),
            ("kill -9 the edge in mid-transfer: nothing lost, nothing twice", self._kill_edge),
            ("use the rest: the flow ends at the last byte, the next is refused", self._use_up),
            ("verify the books", self._verify),
        ]

    # ── becoming a customer ─────────────────────────────────────────────────────────────────────────────

    async def _browse(self) -> str:
        assets = (await self._api.get("/api/catalog/assets"))["items"]
        offer = next((asset for asset in assets if asset["asset"] == ASSET), None)
        check(offer is not None, f"{ASSET} is not in the catalogue")
        return f"{len(assets)} products"

    async def _register(self) -> str:
        login = {"email": self._email, "password": self._password}
        await self._api.post("/api/auth/register", login, status=202)
        link = await self._link_from_mail()
        early = await self._api.call("POST", "/api/auth/token", login)
        check(early.status == 403, f"an unverified address could log in (status {early.status})")
        await self._api.post("/api/auth/email/verify", {"token": _token_of(link)})
        wrong = await self._api.call("POST", "/api/auth/token", {**login, "password": "not the password"})
        check(wrong.status == 401, f"a wrong password answered {wrong.status}")
        self._api.token = (await self._api.post("/api/auth/token", login))["access_token"]
        me = await self._api.get("/api/auth/me")
        check(me["email"] == self._email, f"/api/auth/me names {me['email']}")
        return self._email

    async def _link_from_mail(self) -> str:
        async def look() -> str | None:
            found = await self._inbox.get(f"/inbox/api/messages?to={self._email}")
            return next((link for message in found["messages"] for link in message["links"]), None)

        return await _until(look, "the verification mail does not arrive")

    async def _accounts(self) -> str:
        accounts = (await self._api.get("/api/accounts"))["items"]
        codes = sorted(account["asset"] for account in accounts)
        check({"USD", "EUR"} <= set(codes), f"the default accounts are {codes}")
        check(all(float(account["balance"]) == 0 for account in accounts), "a new account is not empty")
        return ", ".join(codes)

    async def _deposit(self) -> str:
        declined = await self._api.call(
            "POST", "/api/wallet/deposit", _deposit("pm_card_chargeDeclined"), key=secrets.token_hex(8)
        )
        check(declined.status == 402, f"a declined card answered {declined.status}: {declined.body[:300]!r}")
        check(await self._balance("USD") == "0.00", "a declined card changed the balance")
        key = secrets.token_hex(8)
        first = await self._api.post("/api/wallet/deposit", _deposit("pm_card_visa"), key=key, status=201)
        again = await self._api.post("/api/wallet/deposit", _deposit("pm_card_visa"), key=key, status=201)
        check(first["id"] == again["id"], "a repeated Idempotency-Key made a second deposit")

        async def credited() -> bool | None:
            deposit = await self._api.get(f"/api/wallet/deposits/{first['id']}")
            return deposit["state"] == "credited" or None

        await _until(credited, "the deposit is not credited by the webhook")
        check(
            await self._balance("USD") == "20.00",
            f"the balance is {await self._balance('USD')} USD, not 20.00",
        )
        return "20.00 USD"

    async def _buy(self) -> str:
        wanted = {"asset": ASSET, "quantity": str(GIGABYTE), "currency": "USD", "side": "buy"}
        quote = await self._api.post("/api/orders/quote", wanted)
        order = await self._api.post(
            "/api/orders", {"quote_id": quote["id"]}, key=secrets.token_hex(8), status=201
        )
        check(order["state"] == "filled", f"the order is {order['state']}: {order['reason']}")
        self._price = quote["total"]
        holding = await self._holding()
        check(holding["remaining"] == str(GIGABYTE), f"the portfolio shows {holding['remaining']} bytes")
        check(holding["lots"][0]["cost"] == quote["price"], "the lot's cost is not the price paid")
        paid = 20_000_000 - _micros(await self._balance("USD"))
        check(paid == _micros(quote["total"]), "the wallet went down by something else than the price")
        return f"1 GB for {quote['total']} USD"

    async def _connect(self) -> str:
        access = await self._api.post("/api/proxy/connect", {"asset": ASSET}, status=201)
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
        process = await self._curl.begin(
            f"http://127.0.0.1:{self._http.port}", self._origin.url("slow", size)
        )
        drained = asyncio.ensure_future(_drain(process))
        async with asyncio.timeout(30):
            while self._http.down_bytes - before < size // 20:  # noqa: ASYNC110  curl tells nobody how far it is
                await asyncio.sleep(0.01)
        process.kill()
        await drained
        await self._http.quiet()
        check(self._http.down_bytes - before < size, "the aborted transfer came through whole")

    async def _reconcile(self) -> str:
        wire = self._wire_bytes()
        await self._metered_is(lambda metered: metered == wire, f"{wire} bytes crossed the wire")
        holding = await self._holding()
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

        await _until(again, "the edge does not come back")
        wire = self._wire_bytes()
        metered = await self._metered_is(
            lambda metered: 0 <= wire - metered <= KILL_WINDOW_BYTES, f"{wire} bytes crossed the wire"
        )
        self._lost_bytes = wire - metered
        holding = await self._holding()
        check(
            int(holding["remaining"]) == GIGABYTE - metered,
            "the holding and the meter disagree after the kill",
        )
        _whole(await self._over_http(self._origin.url("file", 1_000)), 1_000, "after the restart")
        await self._quiet()
        self.figures["unmetered_after_kill_bytes"] = str(self._lost_bytes)
        return f"{self._lost_bytes} bytes unmetered, 0 twice"

    async def _use_up(self) -> str:
        left = GIGABYTE - (self._wire_bytes() - self._lost_bytes)
        last = await self._over_connect(self._origin.url("file", left + 10 * MEGABYTE))
        check(last.code != 0 and len(last.output) < left, "the last transfer was not cut")
        await self._quiet()
        used = self._wire_bytes() - self._lost_bytes
        check(used == GIGABYTE, f"{used} bytes went through instead of {GIGABYTE}")

        async def empty() -> bool | None:
            return (await self._holding())["remaining"] == "0" or None

        await _until(empty, "the holding does not reach zero")
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

    async def _balance(self, asset: str) -> str:
        accounts = (await self._api.get("/api/accounts"))["items"]
        return next(account["balance"] for account in accounts if account["asset"] == asset)

    async def _holding(self) -> dict[str, Any]:
        holdings = (await self._api.get("/api/portfolio"))["holdings"]
        held = [holding for holding in holdings if holding["asset"] == ASSET]
        check(bool(held), f"the portfolio shows no {ASSET}")
        return held[0]

    async def _metered_is(self, wanted: Callable[[int], bool], fact: str) -> int:
        metered = 0

        async def look() -> int | None:
            nonlocal metered
            stats = await self._api.get("/api/usage/stats")
            metered = int(stats["input_octets"]) + int(stats["output_octets"])
            settled = int((await self._holding())["reserved"]) == 0 and stats["open_sessions"] == 0
            return metered if wanted(metered) and settled else None

        try:
            return await _until(look, "")
        except Untrue:
            raise Untrue(f"{fact}, but the meter says {metered} after {SETTLED_WITHIN_S:.0f} s") from None


def _deposit(payment_method: str) -> dict[str, str]:
    return {"amount": "20.00", "currency": "USD", "payment_method": payment_method}


def _token_of(link: str) -> str:
    parts = urlsplit(link)
    return parse_qs(parts.query or parts.fragment)["token"][0]


def _micros(money: str) -> int:
    whole, _, cents = money.partition(".")
    return int(whole) * 1_000_000 + int(cents.ljust(6, "0"))


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


async def _until(look: Callable[[], Awaitable[Found | None]], otherwise: str) -> Found:
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while (seen := await look()) is None:
        if time.monotonic() > deadline:
            raise Untrue(f"{otherwise} within {SETTLED_WITHIN_S:.0f} s")
        await asyncio.sleep(0.3)
    return seen


def _progress(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
