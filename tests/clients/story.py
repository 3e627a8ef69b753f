"""A customer's first hour through the generated client: sign in, deposit, buy, connect, look, sign out.

Arguments: the platform's address, e-mail address, password, asset. Prints what was done as JSON. It runs in the
environment of the generators, beside the package `tollway_api` and the module `tollway_models` that they made.
"""

import importlib
import json
import sys
import time
from typing import Any
from uuid import uuid4

import httpx  # pyright: ignore[reportMissingImports]  the generated client brings it

api: Any = importlib.import_module("tollway_api")
models: Any = importlib.import_module("tollway_api.models")
described: Any = importlib.import_module("tollway_models")
address, email, password, asset = sys.argv[1:]
QUANTITY = "1000000000"


def operation(tag: str, name: str) -> Any:
    return importlib.import_module(f"tollway_api.api.{tag}.{name}")


public = api.Client(base_url=address)
sign_in = operation("auth", "post_auth_token")
wrong = sign_in.sync(client=public, body=models.PasswordCredentials(email=email, password="not this one"))
tokens = sign_in.sync(client=public, body=models.PasswordCredentials(email=email, password=password))
client = api.AuthenticatedClient(base_url=address, token=tokens.access_token)


def call(tag: str, name: str, *path: str, **arguments: Any) -> Any:
    answer = operation(tag, name).sync(*path, client=client, **arguments)
    assert not isinstance(answer, models.Problem), answer
    return answer


wanted = models.DepositRequest(amount="20.00", payment_method="pm_card_visa")
deposit = call("payments", "post_wallet_deposit", idempotency_key=str(uuid4()), body=wanted)
deadline = time.monotonic() + 30
while deposit.state != models.DepositState.CREDITED and time.monotonic() < deadline:
    time.sleep(0.05)
    deposit = call("payments", "get_wallet_deposits_deposit_id", deposit.id)
quoted = models.QuoteRequest(asset=asset, quantity=QUANTITY, currency="USD")
quote = call("orders", "post_orders_quote", body=quoted)
order = call("orders", "post_orders", idempotency_key=str(uuid4()), body=models.PlaceOrder(quote_id=quote.id))
connected = call("proxy", "post_proxy_connect", body=models.Connect(asset=asset))
orders = call("orders", "get_orders", limit=5)
portfolio = call("orders", "get_portfolio")
usage = call("usage", "get_usage_stats")

# The models of the other generator read the same answers, and many more.
headers = {"Authorization": f"Bearer {tokens.access_token}"}
for path, model in (
    ("/api/accounts", described.AccountList),
    ("/api/transactions", described.LineList),
    ("/api/orders", described.OrderList),
    ("/api/portfolio", described.PortfolioView),
    ("/api/wallet/deposits", described.DepositList),
    ("/api/access/resources", described.ResourceList),
    ("/api/usage/stats", described.StatsView),
    ("/api/catalog/assets", described.AssetList),
    ("/api/catalog/plans", described.PlanList),
    ("/api/notifications", described.MessageList),
    ("/api/users/me", described.ProfileView),
    ("/api/auth/sessions", described.SessionList),
):
    model.model_validate_json(httpx.get(address + path, headers=headers).raise_for_status().text)

out = operation("auth", "post_auth_logout").sync_detailed(client=client)
print(
    json.dumps(
        {
            "refusal": wrong.code,
            "deposit": deposit.state,
            "order": order.state,
            "listed": [one.id == order.id for one in orders.items],
            "remaining": [one.remaining for one in portfolio.holdings],
            "proxies": bool(connected.proxies),
            "open_connections": usage.open_connections,
            "signed_out": out.status_code,
        }
    )
)
