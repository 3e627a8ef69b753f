"""A customer's wallet over REST."""

import csv
import io
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from tests.kit.books import CLEARING, GB, Books, books, hold, post, user
from tests.kit.clock import FakeClock
from tests.kit.gifts import gifts_of
from tests.kit.plans import plans
from tests.kit.rest import RestClient, rest
from tollway.contracts.events import BooksVerified, VerificationRequested
from tollway.fabric.db import tables
from tollway.fabric.rest.sql import SqlAnswers
from tollway.kit.ids import new_id
from tollway.kit.times import to_rfc3339
from tollway.services.ledger import http
from tollway.services.ledger.http import router
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.model.values import account_id
from tollway.services.ledger.service.books import Books as WholeBooks
from tollway.services.ledger.store import history, listing

ANN, BOB = "usr_ann", "usr_bob"
DOLLAR = 1_000_000


@pytest.fixture
async def context(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Books]:
    async with books("sqlite", tmp_path, clock) as made:
        yield made
        await made.holds_true()


@pytest.fixture
def api(context: Books) -> RestClient:
    return rest(
        router(context.ledger, gifts_of(context), SqlAnswers(context.ledger.db), WholeBooks(context.ledger))
    )


async def test_a_look_shows_an_account_in_every_currency_and_writes_nothing(
    api: RestClient, context: Books
) -> None:
    before = (await context.ledger.verify()).transactions
    reply = await api.get("/api/accounts", ANN)
    assert reply.status == 200
    assert [(one["asset"], one["balance"], one["available"]) for one in reply.json["items"]] == [
        ("EUR", "0.00", "0.00"),
        ("USD", "0.00", "0.00"),
    ]
    assert {one["opened_at"] for one in reply.json["items"]} == {None}
    for account in reply.json["items"]:
        statement = await api.get(f"/api/accounts/{account['id']}/statement", ANN)
        assert (statement.status, statement.json["items"]) == (200, [])
        assert (await api.get(f"/api/accounts/{account['id']}/statement", BOB)).status == 404
    assert (await context.ledger.verify()).transactions == before
    await context.ledger.open_accounts("user", ANN, ())
    opened = (await api.get("/api/accounts", ANN)).json["items"]
    assert [one["id"] for one in opened] == [one["id"] for one in reply.json["items"]]
    assert None not in {one["opened_at"] for one in opened}


async def test_accounts_show_what_is_held(api: RestClient, context: Books) -> None:
    await context.deposit("ann", 20 * DOLLAR)
    await context.post(hold("hld_1", user("ann"), CLEARING, 1_500_000))
    await context.stock("ann", 10**9)
    shown = {one["asset"]: one for one in (await api.get("/api/accounts", ANN)).json["items"]}
    assert [shown["USD"][name] for name in ("balance", "held", "available")] == ["20.00", "1.50", "18.50"]
    assert [shown[GB][name] for name in ("balance", "unit", "kind")] == ["1000000000", "byte", "access"]


async def test_a_statement_is_paged_and_only_for_its_owner(api: RestClient, context: Books) -> None:
    for dollars in (1, 2, 3):
        await context.deposit("ann", dollars * DOLLAR)
    path = f"/api/accounts/{account_id(user('ann'))}/statement"
    first = (await api.get(f"{path}?limit=2", ANN)).json
    assert [(one["direction"], one["amount"], one["balance"]) for one in first["items"]] == [
        ("in", "3.00", "6.00"),
        ("in", "2.00", "3.00"),
    ]
    second = (await api.get(f"{path}?limit=2&cursor={first['next_cursor']}", ANN)).json
    assert [(one["amount"], one["with_whom"]) for one in second["items"]] == [("1.00", "platform")]
    assert second["next_cursor"] == ""
    for token, place in ((BOB, path), (ANN, f"/api/accounts/acc_{'0' * 26}/statement")):
        refused = await api.get(place, token)
        assert (refused.status, refused.json["code"]) == (404, "not_found")
    platform_path = f"/api/accounts/{account_id(CLEARING)}/statement"
    assert (await api.get(platform_path, ANN)).status == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=bm9uc2Vuc2U", "cursor=WyJ4Il0"]
)
async def test_a_wrong_page_is_refused(api: RestClient, context: Books, query: str) -> None:
    await context.deposit("ann", 1)
    for path in (f"/api/accounts/{account_id(user('ann'))}/statement", "/api/transactions"):
        reply = await api.get(f"{path}?{query}", ANN)
        assert (reply.status, reply.json["code"]) == (422, "invalid")


async def _fetches(context: Books, number: int) -> None:
    """Small uses, each with a reservation of its own, that report three times and give the rest back."""
    for n in range(number):
        await context.reserve(f"hld_fetch{n}", "ann", 1000)
        for sequence, cumulative in enumerate((10, 25, 40 + n), 1):
            await context.use(f"hld_fetch{n}", UsageReading(f"flw_{n}", cumulative, sequence))
        await context.ledger.release(f"hld_fetch{n}", "access")


def _signed(line: dict[str, str]) -> int:
    return int(line["amount"]) * (1 if line["direction"] == "in" else -1)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_the_lines_of_a_statement_add_up_and_a_use_is_one_line(
    api: RestClient, context: Books, limit: int
) -> None:
    await context.stock("ann", 10**6, cost=300)
    await _fetches(context, 10)
    await context.reserve("hld_open", "ann", 5000)
    account = next(one for one in (await api.get("/api/accounts", ANN)).json["items"] if one["asset"] == GB)
    for path in (f"/api/accounts/{account['id']}/statement?", f"/api/transactions?asset={GB}&"):
        lines: list[dict[str, str]] = []
        cursor = ""
        while True:
            page = (await api.get(f"{path}limit={limit}&cursor={cursor}", ANN)).json
            lines += page["items"]
            if not (cursor := page["next_cursor"]):
                break
        assert [line["code"] for line in lines] == ["use"] * 10 + ["buy"]
        assert [line["amount"] for line in lines[:10]] == [str(40 + n) for n in range(9, -1, -1)]
        assert {line["parts"] for line in lines[:10]} == {3}
        assert sum(map(_signed, lines)) == int(account["balance"])
        balances = [int(line["balance"]) for line in lines] + [0]
        assert balances[0] == int(account["balance"])
        assert [now - before for now, before in pairwise(balances)] == [*map(_signed, lines)]


async def test_details_show_each_posting_and_what_was_held(api: RestClient, context: Books) -> None:
    await context.stock("ann", 10**6, cost=300)
    await _fetches(context, 2)
    path = f"/api/accounts/{account_id(user('ann', GB))}/statement"
    kinds = [line["kind"] for line in (await api.get(f"{path}?details=true", ANN)).json["items"]]
    assert kinds == ["release", "capture", "capture", "capture", "hold"] * 2 + ["post"]
    folded = (await api.get(path, ANN)).json["items"][0]
    assert (await api.get(f"/api/transactions/{folded['transaction_id']}", ANN)).json["code"] == "use"


async def test_two_reservations_that_are_used_in_turn_add_up_too(api: RestClient, context: Books) -> None:
    await context.stock("ann", 10**6, cost=300)
    for hold_id in ("hld_one", "hld_two"):
        await context.reserve(hold_id, "ann", 1000)
    for n in range(1, 5):
        for hold_id in ("hld_one", "hld_two"):
            await context.use(hold_id, UsageReading(f"flw_{hold_id}", 10 * n, n))
    lines = (await api.get(f"/api/transactions?asset={GB}", ANN)).json["items"]
    balances = [int(line["balance"]) for line in lines] + [0]
    assert [now - before for now, before in pairwise(balances)] == [*map(_signed, lines)]


async def test_a_statement_is_filtered_by_event_time_and_asset(
    api: RestClient, context: Books, clock: FakeClock
) -> None:
    for dollars in (1, 2, 3):
        await context.deposit("ann", dollars * DOLLAR)
        clock.advance(3600)
    await context.stock("ann", 10**6)
    path = f"/api/accounts/{account_id(user('ann'))}/statement"

    async def amounts(query: str, at: str = path) -> list[str]:
        reply = await api.get(f"{at}?{query}", ANN)
        assert reply.status == 200, reply.body
        return [line["amount"] for line in reply.json["items"]]

    at = [to_rfc3339(clock.at_us - hours * 3600 * DOLLAR) for hours in (3, 2, 1)]
    assert await amounts("code=deposit") == ["3.00", "2.00", "1.00"]
    assert await amounts("code=buy&since=" + at[0]) == await amounts("code=buy")
    assert await amounts(f"code=deposit&since={at[1]}") == ["3.00", "2.00"]
    assert await amounts(f"since={at[1]}&until={at[2]}") == ["2.00"]
    assert await amounts(f"until={at[0]}") == []
    assert await amounts("code=give") == []
    assert await amounts(f"asset={GB}", "/api/transactions") == ["1000000"]
    assert await amounts("code=deposit&limit=2", "/api/transactions") == ["3.00", "2.00"]
    for wrong in ("since=yesterday", "until=2026-13-01T00:00:00Z", "code=%00", "code=BUY", "details=perhaps"):
        assert (await api.get(f"{path}?{wrong}", ANN)).status == 422, wrong


async def _gifts(api: RestClient, context: Books, *notes: str) -> None:
    await context.deposit("ann", 20 * DOLLAR)
    await context.ledger.open_accounts("user", BOB, ())
    for number, note in enumerate(notes):
        gift = {"to_user_id": BOB, "asset": "USD", "amount": f"{number + 1}.00", "note": note}
        assert (await api.post("/api/transactions", gift, ANN, key=f"gift {number}")).status == 201


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("LUNCH", ["1.00"]),
        ("l", ["3.00", "1.00"]),
        ('a "quoted\\ word', ["2.00"]),
        ("100%", ["3.00"]),
        ("1%l", []),
        ("_", []),
        ("Käse", ["1.00"]),
        ("KÄSE", ["1.00"]),
        ("note", []),
        ("{", []),
        (":", []),
    ],
)
async def test_a_statement_is_searched_for_what_was_noted(
    api: RestClient, context: Books, text: str, amounts: list[str]
) -> None:
    await _gifts(api, context, "lunch with Käse", 'a "quoted\\ word"', "100% rebate, all of it")
    found = (await api.get(f"/api/transactions?code=give&q={quote(text)}", ANN)).json["items"]
    assert [line["amount"] for line in found] == amounts


async def test_a_statement_is_searched_for_a_transaction(api: RestClient, context: Books) -> None:
    await _gifts(api, context, "lunch", "")
    wanted = (await api.get("/api/transactions", ANN)).json["items"][1]
    found = (await api.get(f"/api/transactions?q={wanted['transaction_id']}", ANN)).json["items"]
    assert [line["transaction_id"] for line in found] == [wanted["transaction_id"]]
    assert (await api.get(f"/api/transactions?q={wanted['transaction_id']}", "usr_carol")).json["items"] == []
    assert (await api.get(f"/api/transactions?q={'x' * 101}", ANN)).status == 422


async def test_a_statement_is_a_file_of_any_length_whose_formulas_do_nothing(
    api: RestClient, context: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "EXPORT_PAGE", 2)
    await _gifts(api, context, "one", "two", "=HYPERLINK(1)", "@SUM(1)")
    reply = await api.get("/api/transactions/export?asset=USD", ANN)
    assert reply.headers["content-disposition"] == 'attachment; filename="tollway-statement.csv"'
    first, *rows = csv.reader(io.StringIO(reply.body.decode()))
    assert first == [column.name for column in http.COLUMNS]
    shown = (await api.get("/api/transactions?asset=USD", ANN)).json["items"]
    assert [(row[0], row[1], row[4], row[9]) for row in rows] == [
        (line["at"], line["code"], line["amount"], line["transaction_id"]) for line in shown
    ]
    assert len(rows) == 5
    some = (await api.get("/api/transactions/export?format=json&code=give&q=two", ANN)).json
    assert [(one["amount"], one["meta"]) for one in some] == [("2.00", '{"note":"two"}')]
    assert (await api.get("/api/transactions/export", BOB)).body.count(b"give") == 4
    assert (await api.get("/api/transactions/export?format=pdf", ANN)).status == 422
    assert [row[7] for row in rows] == ["'@SUM(1)", "'=HYPERLINK(1)", "two", "one", ""]


async def test_access_and_money_are_given_to_somebody_else(api: RestClient, context: Books) -> None:
    await context.deposit("ann", 20 * DOLLAR)
    await context.stock("ann", 1000, cost=30)
    await context.ledger.open_accounts("user", BOB, ())
    gift = {"to_user_id": BOB, "asset": "USD", "amount": "5.50", "note": "for lunch"}
    reply = await api.post("/api/transactions", gift, ANN, key="lunch")
    assert (reply.status, reply.json["amount"]) == (201, "5.50")
    assert reply.json["transaction_id"].startswith("txn_")
    more = {"to_user_id": BOB, "asset": GB, "amount": "400"}
    assert (await api.post("/api/transactions", more, ANN, key="share")).status == 201
    assert await context.balance(user("bob")) == 5_500_000
    assert await context.balance(user("bob", GB)) == 400
    lines = (await api.get("/api/transactions", BOB)).json["items"]
    assert [(one["code"], one["direction"], one["amount"], one["with_whom"]) for one in lines] == [
        ("give", "in", "400", ANN),
        ("give", "in", "5.50", ANN),
    ]
    assert lines[1]["meta"] == {"note": "for lunch"}


async def test_a_repeated_gift_is_given_once(api: RestClient, context: Books) -> None:
    await context.deposit("ann", 20 * DOLLAR)
    await context.ledger.open_accounts("user", BOB, ())
    gift = {"to_user_id": BOB, "asset": "USD", "amount": "5"}
    first = await api.post("/api/transactions", gift, ANN, key="once")
    again = await api.post("/api/transactions", gift, ANN, key="once")
    assert first.json == again.json
    assert await context.balance(user("bob")) == 5 * DOLLAR
    other = await api.post("/api/transactions", {**gift, "amount": "6"}, ANN, key="once")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    missing = await api.post("/api/transactions", gift, ANN)
    assert (missing.status, missing.json["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount": "21"}, 402, "insufficient_funds"),
        ({"amount": "0"}, 422, "invalid"),
        ({"amount": "-1"}, 422, "invalid"),
        ({"amount": "0.0000001"}, 422, "invalid"),
        ({"amount": "9" * 39}, 422, "invalid"),
        ({"amount": 5}, 422, "invalid"),
        ({"amount": "ten"}, 422, "invalid"),
        ({"asset": GB, "amount": "1.5"}, 422, "invalid"),
        ({"asset": "gold"}, 422, "invalid"),
        ({"asset": "seat"}, 403, "forbidden"),
        ({"to_user_id": ANN}, 422, "invalid"),
        ({"to_user_id": "bob"}, 422, "invalid"),
        ({"to_user_id": "usr_nobody"}, 404, "not_found"),
        ({"colour": "red"}, 422, "invalid"),
    ],
)
async def test_what_cannot_be_given_is_refused(
    api: RestClient, context: Books, change: dict[str, object], status: int, code: str
) -> None:
    await context.deposit("ann", 20 * DOLLAR)
    await context.ledger.open_accounts("user", BOB, ())
    seats = [post(*_seats(), 9), post(_seats()[1], user("ann", "seat"), 9)]
    await context.post(*seats)
    gift = {"to_user_id": BOB, "asset": "USD", "amount": "1", **change}
    reply = await api.post("/api/transactions", gift, ANN, key="k")
    assert (reply.status, reply.json["code"]) == (status, code)
    assert await context.balance(user("ann")) == 20 * DOLLAR


def _seats():
    from tests.kit.books import platform

    return platform("catalog", "seat", "issuance"), platform("catalog", "seat", "inventory")


async def test_a_transaction_is_explained_to_those_it_concerns(api: RestClient, context: Books) -> None:
    await context.stock("ann", 1000, cost=300)
    await context.reserve("hld_1", "ann", 500)
    await context.use("hld_1", UsageReading("flw_1", 100, 1))
    used, *_, bought = [
        one
        for one in (await api.get("/api/transactions", ANN)).json["items"]
        if one["code"] in {"use", "buy"}
    ]
    await context.ledger.seal()
    reply = await api.get(f"/api/transactions/{used['transaction_id']}?prove=true", ANN)
    assert reply.status == 200
    assert [(one["kind"], one["amount"], one["debit"], one["credit"]) for one in reply.json["legs"]] == [
        ("capture", "100", ANN, "platform"),
        ("post", "0.00003", "platform", "platform"),
    ]
    assert [(one["quantity"], one["cost"]) for one in reply.json["lots_used"]] == [("100", "0.00003")]
    assert reply.json["use"] == [{"session_id": "flw_1", "units": "100", "cumulative": "100", "sequence": 1}]
    assert (reply.json["seal"]["number"], len(reply.json["seal"]["root"])) == (1, 64)
    purchase = await api.get(f"/api/transactions/{bought['transaction_id']}", ANN)
    assert [(one["quantity"], one["cost"]) for one in purchase.json["lots_opened"]] == [("1000", "0.0003")]
    assert purchase.json["seal"] is None
    for path in (used["transaction_id"], f"txn_{'0' * 26}"):
        assert (await api.get(f"/api/transactions/{path}", BOB)).status == 404


async def test_a_receiver_does_not_see_the_givers_lots(api: RestClient, context: Books) -> None:
    await context.stock("ann", 1000, cost=300)
    await context.ledger.open_accounts("user", BOB, ())
    gift = {"to_user_id": BOB, "asset": GB, "amount": "400"}
    made = await api.post("/api/transactions", gift, ANN, key="k")
    path = f"/api/transactions/{made.json['transaction_id']}"
    mine, theirs = (await api.get(path, ANN)).json, (await api.get(path, BOB)).json
    assert (len(mine["lots_used"]), len(mine["lots_opened"])) == (1, 0)
    assert (len(theirs["lots_used"]), len(theirs["lots_opened"])) == (0, 1)


async def test_nobody_gets_in_without_a_token(api: RestClient) -> None:
    for path in ("/api/accounts", "/api/transactions", f"/api/accounts/acc_{'0' * 26}/statement"):
        assert (await api.get(path)).status == 401
    assert (await api.post("/api/transactions", {}, key="k")).status == 401


async def test_a_gift_that_no_account_can_hold_names_the_field(api: RestClient, context: Books) -> None:
    for who in (ANN, BOB):
        await context.ledger.open_accounts("user", who, ())
    await context.deposit("ann", 5 * DOLLAR)
    gift = {"to_user_id": BOB, "asset": "USD"}
    assert (await api.post("/api/transactions", {**gift, "amount": "1.00"}, ANN, "a")).status == 201
    for key, amount in (("b", "9223372036854.775807"), ("c", "9223372036854.775808"), ("d", "9" * 19)):
        reply = await api.post("/api/transactions", {**gift, "amount": amount}, ANN, key)
        assert (reply.status, reply.json["code"]) == (422, "invalid"), amount
        assert [one["field"] for one in reply.json["errors"]] == ["amount"], amount


async def test_an_operator_reads_a_customers_books(api: RestClient, context: Books) -> None:
    operator, ann = "usr_op:support", new_id("usr")
    await context.deposit(ann.removeprefix("usr_"), 20 * DOLLAR)
    accounts = (await api.get(f"/api/admin/users/{ann}/accounts", operator)).json["items"]
    assert {one["asset"]: one["balance"] for one in accounts} == {"EUR": "0.00", "USD": "20.00"}

    lines = (await api.get(f"/api/admin/users/{ann}/transactions?asset=USD", operator)).json["items"]
    assert [(line["code"], line["amount"], line["balance"]) for line in lines] == [
        ("deposit", "20.00", "20.00")
    ]
    assert (await api.get(f"/api/admin/users/{ann}/transactions?asset=EUR", operator)).json["items"] == []
    assert (await api.get(f"/api/admin/users/{ann}/transactions?code=buy", operator)).json["items"] == []

    found = await api.get(f"/api/admin/transactions/{lines[0]['transaction_id']}", operator)
    assert (found.status, found.json["legs"][0]["credit"]) == (200, ann)
    nobody = new_id("usr")
    assert (await api.get(f"/api/admin/users/{nobody}/transactions", operator)).json["items"] == []
    for path in (
        f"users/{ann}/accounts",
        f"users/{ann}/transactions",
        f"transactions/{lines[0]['transaction_id']}",
    ):
        assert (await api.get(f"/api/admin/{path}", ANN)).status == 403


# ── costs ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_customer_reads_what_the_used_access_had_cost(api: RestClient, context: Books) -> None:
    await context.stock("ann", 100, cost=3 * DOLLAR)
    await context.reserve("hld_1", "ann", 50)
    await context.use("hld_1", UsageReading("flw_1", 50, 1, final=True), release=True)
    found = (await api.get("/api/analytics/cost-analysis", ANN)).json
    assert (found["until"], len(found["series"][0]["points"])) == ("2026-11-22", 30)
    assert found["series"][0]["points"][-1] == {"day": "2026-11-22", "used_units": "50", "used_cost": "1.50"}
    assert found["totals"] == [
        {"currency": "USD", "used_cost": "1.50", "expired_cost": "0.00", "previous_used_cost": "0.00"}
    ]
    assert (await api.get("/api/analytics/cost-analysis", BOB)).json["series"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("since=2026-11-31", "since"),
        ("until=2026-02-30", "until"),
        ("since=2026-11-02&until=2026-11-01", "until"),
        ("since=2020-01-01", "until"),
    ],
)
async def test_days_that_are_none_are_refused_by_name(api: RestClient, query: str, field: str) -> None:
    reply = await api.get(f"/api/analytics/cost-analysis?{query}", ANN)
    assert (reply.status, [one["field"] for one in reply.json["errors"]]) == (422, [field])


async def test_an_operator_sees_up_to_where_the_books_are_sealed(api: RestClient, context: Books) -> None:
    path, support = "/api/admin/overview/books", "usr_op:support"
    await context.deposit("ann", 20 * DOLLAR)
    before = (await api.get(path, support)).json
    assert (before["unsealed"], before["gave_up"]) == (True, 0)
    assert (before["ok"], before["findings"]) == (None, []), "never verified"
    await context.ledger.seal()
    after = (await api.get(path, support)).json
    assert (after["transactions"], after["unsealed"]) == (before["transactions"], False)
    assert after["seal"] >= 1
    assert after["sealed_at"]
    assert (await api.get(path, ANN)).status == 403


# ── all of the books ────────────────────────────────────────────────────────────────────────────────

SUPPORT = "usr_op:support"


async def listed(api: RestClient, path: str, field: str, query: str = "") -> list[Any]:
    """Give one field of every item of a list, asked for two at a time."""
    found, cursor = list[Any](), ""
    while True:
        page = (await api.get(f"{path}?limit=2&{query}&cursor={cursor}", SUPPORT)).json
        found += [one[field] for one in page["items"]]
        if not (cursor := page["next_cursor"]):
            return found


async def test_an_operator_lists_every_account_by_owner_and_by_age(api: RestClient, context: Books) -> None:
    for name in ("bob", "ann"):
        await context.stock(name, 5_000, cost=2 * DOLLAR)
    path = "/api/admin/ledger/accounts"
    owners = await listed(api, path, "owner_id")
    assert await listed(api, path, "owner_id", "sort=-owner") == owners[::-1]
    assert await listed(api, path, "owner_id", "owner_kind=user") == [ANN, ANN, BOB, BOB]
    assert await listed(api, path, "asset", f"owner_id={ANN}") == sorted(["USD", GB])
    assert await listed(api, path, "owner_id", f"asset={GB}&owner_kind=user") == [ANN, BOB]
    opened = await listed(api, path, "opened_at", "sort=opened_at")
    assert opened == sorted(opened)
    assert await listed(api, path, "opened_at", "sort=-opened_at") == opened[::-1]
    (mine,) = (await api.get(f"{path}?owner_id={ANN}&asset={GB}", SUPPORT)).json["items"]
    assert (mine["balance"], mine["kind"], mine["owner_kind"]) == ("5000", "access", "user")
    lines = (await api.get(f"{path}/{mine['id']}/statement", SUPPORT)).json["items"]
    assert [(one["code"], one["amount"]) for one in lines] == [("buy", "5000")]
    nobodys = new_id("acc")
    assert (await api.get(f"{path}/{nobodys}/statement", SUPPORT)).status == 404
    assert (await api.get(f"{path}?sort=balance", SUPPORT)).status == 422
    assert (await api.get(path, ANN)).status == 403


async def test_an_operator_lists_every_transaction_and_finds_some_among_many(
    api: RestClient, context: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SCANNED", 3)
    await context.issue(10_000)
    await context.deposit("ann", 20 * DOLLAR)
    await context.buy("ann", 5_000, cost=2 * DOLLAR)
    for _ in range(9):
        await context.deposit("bob", DOLLAR)
    path = "/api/admin/ledger/transactions"
    ids = await listed(api, path, "id")
    assert ids == sorted(ids, reverse=True)
    assert await listed(api, path, "id", "sort=booked_at") == ids[::-1]
    # A page looks at three only, so most of these are empty and go on.
    (bought,) = await listed(api, path, "id", "code=buy")
    assert await listed(api, path, "id", "code=buy&sort=booked_at") == [bought]
    assert await listed(api, path, "id", "code=chargeback") == []
    found = (await api.get(f"{path}?code=buy&limit=200", SUPPORT)).json
    assert (found["items"], bool(found["next_cursor"])) == ([], True)
    assert await listed(api, path, "moved", "code=buy") == [
        [
            {"asset": "USD", "kind": "money", "amount": "2.00"},
            {"asset": GB, "kind": "access", "amount": "5000"},
        ]
    ] or await listed(api, path, "moved", "code=buy") == [
        [
            {"asset": GB, "kind": "access", "amount": "5000"},
            {"asset": "USD", "kind": "money", "amount": "2.00"},
        ]
    ]
    assert set(await listed(api, path, "status", "status=applied")) == {"applied"}
    context.clock.advance(7200)
    now = quote(to_rfc3339(context.clock.now_us()))
    await context.deposit("ann", DOLLAR)
    assert len(await listed(api, path, "id", f"since={now}")) == 1
    assert await listed(api, path, "id", f"until={now}") == ids
    foreign = (await api.get("/api/admin/ledger/accounts?limit=1", SUPPORT)).json["next_cursor"]
    assert (await api.get(f"{path}?cursor={foreign}", SUPPORT)).status == 422
    assert (await api.get(path, ANN)).status == 403


async def test_the_books_are_verified_once_at_a_time_and_the_verdict_is_kept(
    context: Books, tmp_path: Path
) -> None:
    whole = WholeBooks(context.ledger)
    api = rest(router(context.ledger, gifts_of(context), SqlAnswers(context.ledger.db), whole))
    path = "/api/admin/ledger/verification"
    never = (await api.get(path, SUPPORT)).json
    assert (never["state"], never["verdict"], never["requested_at"]) == ("never", None, None)
    await context.stock("ann", 5_000, cost=2 * DOLLAR)
    asked = await api.post(path, None, SUPPORT)
    assert (asked.status, asked.json["state"], asked.json["requested_by"]) == (202, "waiting", "usr_op")
    again = (await api.post(path, None, "usr_other:admin")).json
    assert (again["id"], again["requested_by"]) == (asked.json["id"], "usr_op"), "one at a time"
    await whole.verification.work()
    done = (await api.get(path, SUPPORT)).json
    known = (await context.ledger.verify()).transactions
    assert (done["state"], done["done"], done["total"]) == ("done", known, known)
    assert (done["verdict"]["ok"], done["verdict"]["transactions"]) == (True, known)
    glance = (await api.get("/api/admin/overview/books", SUPPORT)).json
    assert (glance["ok"], glance["findings"]) == (True, [])
    assert (await api.post(path, None, SUPPORT)).json["id"] != done["id"]
    assert (await api.post(path, None, ANN)).status == 403
    async with context.db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox.c.type, tables.outbox.c.data))
    said = [row.data for row in rows if row.type == BooksVerified.topic]
    assert [BooksVerified.model_validate_json(one).ok for one in said] == [True]
    assert sum(row.type == VerificationRequested.topic for row in rows) == 2


async def test_the_first_page_costs_the_same_however_many_transactions_there_are(context: Books) -> None:
    for _ in range(5):
        await context.deposit("ann", DOLLAR)
        await context.ledger.seal()
    await context.deposit("ann", DOLLAR)
    total = (await context.ledger.verify()).transactions
    async with context.db.snapshot() as tx, plans(tx) as found:
        seal = await history.last_seal(tx)
        assert seal is not None
        assert await history.count_known(tx, seal.last_txn) == total
    counted = [steps for statement, steps in found if "txn" in statement]
    assert counted
    assert all("SEARCH" in step for steps in counted for step in steps if "txn" in step)
