"""The books as an auditor's tool reads them: checked here by an adding machine of a few lines."""

import re
from collections import defaultdict
from decimal import Decimal

from tests.kit.books import CLEARING, GB, USD, Books, hold, platform, post, posting, release, user
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.model.values import Asset

OPEN = re.compile(r"(\d{4}-\d\d-\d\d) open (\S+) (\S+)")
POSTING = re.compile(
    r"  ((?:Assets|Liabilities|Equity|Income|Expenses)(?::[A-Z0-9][A-Za-z0-9-]*)+) (-?[\d.]+) (\S+)"
)
BALANCE = re.compile(r"(\d{4}-\d\d-\d\d) balance (\S+) +(-?[\d.]+) (\S+)")
COMMODITY = re.compile(r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]")


async def exported(context: Books) -> str:
    return "".join([piece async for piece in context.ledger.export()])


async def test_the_postings_balance_and_make_the_asserted_balances(context: Books) -> None:
    await context.stock("ann", 1000, cost=2_500_000)
    await context.reserve("hld_1", "ann", 400)
    await context.use("hld_1", UsageReading("flw_1", 123, 1))
    await context.post(post(user("ann", GB), user("bob", GB), 77), code="give")
    await context.post(
        hold("hld_2", user("bob", GB), platform("access", GB, "consumed"), 7), release("hld_2")
    )
    text = await exported(context)
    opened = {name: commodity for _, name, commodity in OPEN.findall(text)}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for block in re.split(r"\n(?=\d{4})", text):
        per_commodity: defaultdict[str, Decimal] = defaultdict(Decimal)
        for name, amount, commodity in POSTING.findall(block):
            assert opened[name] == commodity
            per_commodity[commodity] += Decimal(amount)
            sums[name, commodity] += Decimal(amount)
        assert set(per_commodity.values()) <= {0}
    asserted = {(name, commodity): Decimal(amount) for _, name, amount, commodity in BALANCE.findall(text)}
    assert asserted.keys() == set(opened.items())
    assert {key: value for key, value in asserted.items() if value} == {
        key: value for key, value in sums.items() if value
    }
    # What a customer holds is what the platform owes.
    assert asserted["Liabilities:Customers:Usr-ann:Gb:Available", "GB"] == -(1000 - 123 - 77)
    assert asserted["Income:Platform:Orders:USD:Revenue", "USD"] == Decimal("-0.307500")
    assert "hold" not in text


async def test_names_stay_apart_and_within_the_tools_limits(context: Books) -> None:
    codes = [
        "bandwidth.datacenter.standard",
        "bandwidth.datacenter.stand.ard",
        "a.b",
        "a-b",
        "9lives",
        "x" * 40,
        "x" * 41,
    ]
    for number, code in enumerate(codes):
        await context.ledger.define_asset(Asset(code, "access", 0, "byte", transferable=True))
        await context.ledger.submit(
            posting(
                f"k{number}",
                post(platform("catalog", code, "issuance"), platform("catalog", code, "inventory"), 5),
            )
        )
    text = await exported(context)
    commodities = re.findall(r"commodity (\S+)\n  code: \"(\S+)\"", text)
    assert {code for _, code in commodities} >= set(codes)
    assert len({commodity for commodity, _ in commodities}) == len(commodities)
    assert all(COMMODITY.fullmatch(commodity) for commodity, _ in commodities)
    names = [name for _, name, _ in OPEN.findall(text)]
    assert len(set(names)) == len(names)


async def test_a_quotation_mark_in_a_key_breaks_nothing(context: Books) -> None:
    await context.ledger.submit(posting('he said "no"\\', post(CLEARING, user("ann"), 1)))
    assert r'  key: "he said \"no\"\\"' in await exported(context)


async def test_empty_books_are_a_file_too(context: Books) -> None:
    text = await exported(context)
    assert text.startswith('option "title" "Tollway"')
    assert f'code: "{USD}"' in text
    assert "balance" not in text
