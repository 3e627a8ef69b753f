"""A customer, played through public interfaces only."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from tollway.cli.demo.client import Api, Untrue, check

ASSET = "bandwidth.datacenter.standard"
PATIENCE_S = 20.0
Found = TypeVar("Found")


class Customer:
    """Somebody who signs up, pays and uses what they bought. A step that is not true raises Untrue."""

    def __init__(self, api_url: str, inbox_url: str) -> None:
        self.api = Api(api_url)
        self._inbox = Api(inbox_url.removesuffix("/inbox"))
        self.email = f"demo-{secrets.token_hex(4)}@example.com"
        self._password = secrets.token_urlsafe(18)

    async def register(self) -> None:
        """Sign up and confirm the address with the link from the mail."""
        await self.api.post("/api/auth/register", self._login, status=202)
        link = await self._link_from_mail()
        early = await self.api.call("POST", "/api/auth/token", self._login)
        check(early.status == 403, f"an unverified address could log in (status {early.status})")
        parts = urlsplit(link)
        token = parse_qs(parts.fragment or parts.query)["token"][0]
        await self.api.post("/api/auth/email/verify", {"token": token}, status=204)

    async def log_in(self) -> None:
        """Get an access token; a wrong password gets none."""
        wrong = await self.api.call(
            "POST", "/api/auth/token", {**self._login, "password": "not the password"}
        )
        check(wrong.status == 401, f"a wrong password answered {wrong.status}")
        self.api.token = (await self.api.post("/api/auth/token", self._login))["access_token"]
        me = await self.api.get("/api/auth/me")
        check(me["email"] == self.email, f"/api/auth/me names {me['email']}")

    async def pay_in(self, amount: str) -> None:
        """Deposit by test card; a repeated request makes no second deposit."""
        key = secrets.token_hex(8)
        body = {"amount": amount, "currency": "USD", "payment_method": "pm_card_visa"}
        first = await self.api.post("/api/wallet/deposit", body, key=key, status=201)
        again = await self.api.post("/api/wallet/deposit", body, key=key, status=201)
        check(first["id"] == again["id"], "a repeated Idempotency-Key made a second deposit")

        async def credited() -> bool | None:
            deposit = await self.api.get(f"/api/wallet/deposits/{first['id']}")
            return deposit["state"] == "credited" or None

        await until(credited, "the deposit is not credited by the webhook")

    async def pay_with_bad_card(self, amount: str) -> None:
        """Try a card that the bank declines."""
        body = {"amount": amount, "currency": "USD", "payment_method": "pm_card_chargeDeclined"}
        declined = await self.api.call("POST", "/api/wallet/deposit", body, key=secrets.token_hex(8))
        check(declined.status == 402, f"a declined card answered {declined.status}: {declined.body[:300]!r}")

    async def buy(self, quantity: int) -> dict[str, Any]:
        """Take a quote and buy at it; return the quote."""
        wanted = {"asset": ASSET, "quantity": str(quantity), "currency": "USD", "side": "buy"}
        quote: dict[str, Any] = await self.api.post("/api/orders/quote", wanted, status=201)
        order = await self.api.post(
            "/api/orders", {"quote_id": quote["id"]}, key=secrets.token_hex(8), status=201
        )
        check(order["state"] == "filled", f"the order is {order['state']}: {order['reason']}")
        return quote

    async def connect(self) -> dict[str, Any]:
        """Get credentials and endpoints."""
        access: dict[str, Any] = await self.api.post("/api/proxy/connect", {"asset": ASSET}, status=201)
        return access

    async def accounts(self) -> dict[str, dict[str, Any]]:
        """Return the accounts by asset."""
        accounts = (await self.api.get("/api/accounts"))["items"]
        return {account["asset"]: account for account in accounts}

    async def holding(self) -> dict[str, Any]:
        """Return what the portfolio shows of the bandwidth."""
        holdings = (await self.api.get("/api/portfolio"))["holdings"]
        held: list[dict[str, Any]] = [holding for holding in holdings if holding["asset"] == ASSET]
        check(bool(held), f"the portfolio shows no {ASSET}")
        return held[0]

    async def metered_is(self, wanted: Callable[[int], bool], event: str) -> int:
        """Wait until everything is settled and the meter's total is as wanted; return it."""
        metered = 0

        async def look() -> int | None:
            nonlocal metered
            stats = await self.api.get("/api/usage/stats")
            metered = int(stats["all_time"]["bytes_total"])
            settled = stats["open_connections"] == 0 and int((await self.holding())["reserved"]) == 0
            return metered if wanted(metered) and settled else None

        try:
            return await until(look, "")
        except Untrue:
            raise Untrue(f"{event}, but the meter says {metered} after {PATIENCE_S:.0f} s") from None

    @property
    def _login(self) -> dict[str, str]:
        return {"email": self.email, "password": self._password}

    async def _link_from_mail(self) -> str:
        async def look() -> str | None:
            found = await self._inbox.get(f"/inbox/api/messages?to={self.email}")
            return next((link for message in found["messages"] for link in message["links"]), None)

        return await until(look, "the verification mail does not arrive")


async def until(look: Callable[[], Awaitable[Found | None]], otherwise: str) -> Found:
    """Look again until something is seen. Raises Untrue with `otherwise` when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while (seen := await look()) is None:
        if time.monotonic() > deadline:
            raise Untrue(f"{otherwise} within {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.3)
    return seen
